"""Rows of sessions that somebody changed behind our back: whoever ends sessions ends these as well, and their keys."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.core.model import KeyState
from counterseal.v1 import principals_pb2 as ppb
from counterseal.v1 import sessions_pb2 as pb
from tests.server.calls import failing, outcome
from tests.server.sessions.people import PASSWORD, People, public, serving_people

End = Callable[[People, str], None]


@pytest.fixture
def staff(tmp_path: Path, cheap: None) -> Iterator[People]:
    with serving_people(tmp_path / "data", REVOKE_BOUND="60") as found:
        for name in ("alice", "bob"):
            found.add(name)
        yield found


def write(tmp_path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(tmp_path / "data" / "counterseal.db", timeout=20)) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0


def rows(tmp_path: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(tmp_path / "data" / "counterseal.db", timeout=20)) as connection:
        return list(connection.execute(query, values))


def disable(people: People, _: str) -> None:
    request = ppb.UpdatePrincipalRequest(
        principal=ppb.Principal(tenant="default", name="alice", state=ppb.PRINCIPAL_STATE_DISABLED)
    )
    request.update_mask.paths.append("state")
    answer = people.principals.UpdatePrincipal(request, metadata=people.admin)
    assert answer.principal.state == ppb.PRINCIPAL_STATE_DISABLED


def set_password(people: People, _: str) -> None:
    request = ppb.SetPasswordRequest(tenant="default", name="alice", password="another password")
    people.principals.SetPassword(request, metadata=people.admin)


def delete(people: People, _: str) -> None:
    people.principals.DeletePrincipal(ppb.DeletePrincipalRequest(tenant="default", name="alice"), metadata=people.admin)


def sign_out(people: People, session_id: str) -> None:
    assert people.sign_out(session_id=session_id).signed_out.session.state == pb.SESSION_STATE_ENDED


ENDS: dict[str, End] = {"disable": disable, "set_password": set_password, "delete": delete, "sign_out": sign_out}
# None of these rows can be read; of the last two, each says of itself that the session is over.
UNREADABLE = ("client = '['", "seal = 5", "created = 'x'", "idle_until = 9223372036854775807", "method = X'FF'")
FORGED = ("idle_until = idle_until + 1", "seal = X'00'", "state = 'ended'", "expires = 1")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("broken", UNREADABLE)
def test_a_session_that_cannot_be_read_ends(staff: People, tmp_path: Path, broken: str, end: str) -> None:
    ends_all_the_same(staff, tmp_path, broken, ENDS[end])


@pytest.mark.parametrize("end", ["disable", "delete"])
@pytest.mark.parametrize("forged", FORGED)
def test_a_session_that_was_forged_ends(staff: People, tmp_path: Path, forged: str, end: str) -> None:
    ends_all_the_same(staff, tmp_path, forged, ENDS[end])


def ends_all_the_same(people: People, tmp_path: Path, broken: str, end: End) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    held, other, bobs = people.sign_in(public_key=public(key)), people.sign_in(), people.sign_in("bob")
    session = held.session.session_id
    people.credentials(session_id=session)
    tokens = [given.access_token.token for given in (held, other, bobs)]
    assert [people.verify_token(token) for token in tokens] == ["verified"] * 3
    write(tmp_path, f"UPDATE sessions SET {broken} WHERE session_id = ?", session)
    before = rows(tmp_path, "SELECT * FROM sessions WHERE session_id = ?", session)
    end(people, session)
    assert people.verify_token(tokens[0]) == "KEY_REVOKED"
    assert outcome(people.verify_signed(key, held.key.key_id)) == "KEY_REVOKED"
    assert people.verify_token(tokens[2]) == "verified"
    assert rows(tmp_path, "SELECT count(*) FROM keys WHERE session_id = ? AND state != ?", session, KeyState.REVOKED.value) == [
        (0,)
    ]
    # Loudly, in the log and in the trail; and who looks for traces finds the row as it was left.
    lines = [json.loads(line) for line in people.log().splitlines() if "session_seal_broken" in line]
    assert [(line["session"], line["level"]) for line in lines] == [(session, "error")]
    ended = [entry for entry in people.audit() if entry.action == "session_end" and session in entry.detail_json]
    assert all(json.loads(entry.detail_json)["broken"] for entry in ended)
    assert len(ended) == (0 if "'ended'" in broken else 1)
    after = rows(tmp_path, "SELECT * FROM sessions WHERE session_id = ?", session)
    changed = [left for left, right in zip(before[0], after[0], strict=True) if left != right]
    assert len(changed) <= 6
    # It opens for nobody, and is ended once.
    with failing() as seen:
        people.try_refresh(held.refresh_token)
    assert seen[0].code == "INTERNAL"
    entries = len(people.audit())
    people.sign_out(session_id=session)
    assert len(people.audit()) == entries


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("broken", ["labels = '['", "created = 'x'", "sealed_secret = 5", "expires = 'soon'"])
def test_a_key_that_cannot_be_read_ends_where_servers_remember_it(staff: People, tmp_path: Path, broken: str, end: str) -> None:
    held = staff.sign_in()
    assert staff.verify_token(held.access_token.token) == "verified"
    (row,) = rows(tmp_path, "SELECT * FROM keys WHERE key_id = ?", held.access_token.key_id)
    write(tmp_path, f"UPDATE keys SET {broken} WHERE key_id = ?", held.access_token.key_id)
    ENDS[end](staff, held.session.session_id)
    with failing() as seen:
        staff.verify_token(held.access_token.token)
    assert seen[0].code == "INTERNAL"
    revoked = [entry for entry in staff.audit() if (entry.action, entry.key_id) == ("revoke", held.access_token.key_id)]
    assert len(revoked) == 1
    # Put back as it was, with its own seal, it is older than the trail.
    write(tmp_path, "DELETE FROM keys WHERE key_id = ?", held.access_token.key_id)
    write(tmp_path, f"INSERT INTO keys VALUES ({','.join('?' * len(row))})", *row)
    staff.add("carol")  # the servers hear of a change, and forget nothing that they should not
    with failing() as seen:
        staff.verify_token(held.access_token.token)
    assert seen[0].code == "INTERNAL"


def test_a_session_put_back_after_it_was_ended_opens_for_nobody(staff: People, tmp_path: Path) -> None:
    held = staff.sign_in()
    session = held.session.session_id
    (row,) = rows(tmp_path, "SELECT * FROM sessions WHERE session_id = ?", session)
    write(tmp_path, "UPDATE sessions SET client = '[' WHERE session_id = ?", session)
    sign_out(staff, session)
    write(tmp_path, "DELETE FROM sessions WHERE session_id = ?", session)
    write(tmp_path, f"INSERT INTO sessions VALUES ({','.join('?' * len(row))})", *row)
    with failing() as seen:
        staff.try_refresh(held.refresh_token)
    assert seen[0].code == "INTERNAL"
    assert staff.listed() == []


@pytest.mark.parametrize("broken", ["labels = '['", "seal = 5", "created = 'x'", "state = 'x'"])
def test_a_principal_that_cannot_be_read_is_removed_with_its_sessions(staff: People, tmp_path: Path, broken: str) -> None:
    held = staff.sign_in()
    assert staff.verify_token(held.access_token.token) == "verified"
    write(tmp_path, f"UPDATE principals SET {broken} WHERE name = 'alice'")
    # Nothing makes such a row good: neither disabling it nor another password.
    for call in (disable, set_password):
        with failing() as seen:
            call(staff, "")
        assert seen[0].code == "INTERNAL"
    delete(staff, "")
    assert staff.verify_token(held.access_token.token) == "KEY_REVOKED"
    staff.add("alice")
    assert staff.sign_in("alice", PASSWORD)


def test_a_principal_that_cannot_be_read_keeps_nobody_from_signing_out(staff: People, tmp_path: Path) -> None:
    held = staff.sign_in()
    write(tmp_path, "UPDATE principals SET labels = '[' WHERE name = 'alice'")
    assert staff.sign_out(access_token=held.access_token.token).WhichOneof("outcome") == "signed_out"
    assert staff.verify_token(held.access_token.token) == "KEY_REVOKED"


def test_a_broken_session_is_nobody_elses_to_end(staff: People, tmp_path: Path) -> None:
    front = staff.caller("front-acme", "SESSIONS", "acme")
    held = staff.sign_in()
    write(tmp_path, "UPDATE sessions SET client = '[' WHERE session_id = ?", held.session.session_id)
    staff.metadata = front
    assert staff.sign_out(session_id=held.session.session_id).WhichOneof("outcome") == "refused"
    assert staff.verify_token(held.access_token.token) == "verified"
