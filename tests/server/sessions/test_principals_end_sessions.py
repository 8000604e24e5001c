"""What disabling, removing and another password do to sessions: here at once, on another replica within the bound."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.timestamp_pb2 import Timestamp

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.principals import PrincipalStore
from counterseal.v1 import keys_pb2, sessions_pb2
from counterseal.v1 import principals_pb2 as pb
from tests.server.calls import Issued, failing, outcome, read_failure, signed
from tests.server.sessions.people import PASSWORD, People, cheap_hasher, public, serving_people

OTHER = "another horse altogether"


def _update(staff: People, name: str, state: pb.PrincipalState) -> pb.Principal:
    request = pb.UpdatePrincipalRequest(principal=pb.Principal(name=name, state=state))
    request.update_mask.paths.append("state")
    answer: pb.Principal = staff.principals.UpdatePrincipal(request, metadata=staff.admin).principal
    return answer


def _set_password(staff: People, name: str, password: str = OTHER, *, keep_sessions: bool = False) -> pb.Principal:
    request = pb.SetPasswordRequest(name=name, password=password, keep_sessions=keep_sessions)
    answer: pb.Principal = staff.principals.SetPassword(request, metadata=staff.admin).principal
    return answer


# Of every end of a session the test is the same; these say how it ends.
ENDS: dict[str, tuple[Callable[[People, str], object], str]] = {
    "disabled": (lambda s, name: _update(s, name, pb.PRINCIPAL_STATE_DISABLED), "principal disabled"),
    "removed": (
        lambda s, name: s.principals.DeletePrincipal(pb.DeletePrincipalRequest(name=name), metadata=s.admin),
        "principal removed",
    ),
    "another password": (_set_password, "password set"),
}


@contextlib.contextmanager
def _cheaply(hasher: Callable[[], PasswordHasher] = cheap_hasher) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("counterseal.server.sessions.passwords.PasswordHasher", hasher)
        yield


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    # What is in force at once must not be so because the change feed came round.
    settings = {"FEED": "poll", "REVOKE_BOUND": "3600"}
    with _cheaply(), serving_people(tmp_path_factory.mktemp("ends") / "data", **settings) as serving:
        yield serving


class Holding:
    """Everything that a session gives out, with the other sessions of the same principal and of another one."""

    def __init__(self, staff: People, name: str) -> None:
        self.staff = staff
        for each in (name, f"{name}-neighbour"):
            staff.add(each)
        self.neighbour = staff.sign_in(f"{name}-neighbour")
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.session = staff.sign_in(name, public_key=public(self.key))
        self.second = staff.sign_in(name)
        answer = staff.credentials(session_id=self.session.session.session_id)
        given = answer.credentials
        self.temporary = Issued(given.key_id, given.secret.encode(), given.security_token)

    def verdicts(self) -> list[str]:
        """What becomes of requests with each of them."""
        return [
            self.staff.verify_token(self.session.access_token.token),
            self.staff.verify_token(self.second.access_token.token),
            outcome(self.staff.verify_signed(self.key, self.session.key.key_id)),
            self.staff.client.verify(signed(self.temporary)),
        ]

    def refusal(self) -> str:
        answer = self.staff.try_refresh(self.session.refresh_token)
        return sessions_pb2.SessionReason.Name(answer.refused.reason) if answer.HasField("refused") else "signed in"


@pytest.mark.parametrize("way", ENDS)
def test_everything_that_the_sessions_gave_out_ends_at_once(staff: People, way: str) -> None:
    end, reason = ENDS[way]
    name = f"ended-{way.replace(' ', '-')}"
    held = Holding(staff, name)
    assert held.verdicts() == ["verified"] * 4
    before = len(staff.audit())
    end(staff, name)
    assert held.verdicts() == ["KEY_REVOKED"] * 4
    assert held.refusal() == "SESSION_REASON_OVER"
    assert staff.try_sign_in(name).WhichOneof("outcome") == "refused"
    listed = staff.listed(principal=name, include_over=True)
    assert {(one.state, one.end_reason) for one in listed} == {(sessions_pb2.SESSION_STATE_ENDED, reason)}
    assert len(listed) == 2
    assert staff.listed(principal=name) == []
    # Nobody else is touched.
    assert staff.verify_token(held.neighbour.access_token.token) == "verified"
    assert staff.refresh(held.neighbour.refresh_token)
    _check_audit(staff, before, sessions=2, keys=4)


def _check_audit(staff: People, before: int, *, sessions: int, keys: int) -> None:
    entries = [entry for entry in staff.audit()[before:] if entry.action != "session_refresh"]
    actions = [entry.action for entry in entries]
    assert actions.count("session_end") == sessions
    assert actions.count("revoke") == keys
    (change,) = [entry for entry in entries if entry.action.startswith("principal_")]
    assert json.loads(change.detail_json)["sessions_ended"] == sessions
    assert "argon2" not in "".join(entry.detail_json for entry in entries)


def test_sessions_go_on_with_another_password_where_that_is_wished(staff: People) -> None:
    held = Holding(staff, "kept")
    _set_password(staff, "kept", keep_sessions=True)
    assert held.verdicts() == ["verified"] * 4
    assert staff.refresh(held.session.refresh_token)
    assert staff.try_sign_in("kept").WhichOneof("outcome") == "refused"
    assert staff.sign_in("kept", OTHER)


def test_whoever_is_enabled_again_signs_in_anew(staff: People) -> None:
    held = Holding(staff, "back")
    _update(staff, "back", pb.PRINCIPAL_STATE_DISABLED)
    _update(staff, "back", pb.PRINCIPAL_STATE_ACTIVE)
    assert held.verdicts() == ["KEY_REVOKED"] * 4
    assert held.refusal() == "SESSION_REASON_OVER"
    assert staff.verify_token(staff.sign_in("back").access_token.token) == "verified"


def test_sessions_that_ended_before_keep_their_reason(staff: People) -> None:
    staff.add("earlier")
    signed_out = staff.sign_in("earlier").session.session_id
    staff.sign_out(session_id=signed_out)
    staff.sign_in("earlier")
    _update(staff, "earlier", pb.PRINCIPAL_STATE_DISABLED)
    reasons = {one.session_id: one.end_reason for one in staff.listed(principal="earlier", include_over=True)}
    assert reasons.pop(signed_out) == "signed out"
    assert list(reasons.values()) == ["principal disabled"]


def test_a_failed_change_ends_nothing(staff: People) -> None:
    held = Holding(staff, "spared")
    request = pb.SetPasswordRequest(name="spared", password=OTHER, etag="0")
    with pytest.raises(Exception, match="changed since") as raised:
        staff.principals.SetPassword(request, metadata=staff.admin)
    assert read_failure(raised.value).reason == "ETAG_MISMATCH"
    with pytest.raises(Exception, match="changed since"):
        staff.principals.DeletePrincipal(pb.DeletePrincipalRequest(name="spared", etag="0"), metadata=staff.admin)
    assert held.verdicts() == ["verified"] * 4
    assert staff.sign_in("spared")


def test_keys_leave_the_cache_also_where_the_answer_of_the_store_got_lost(
    staff: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage may come after the commit: what may have ended must not go on to verify from memory."""
    held = Holding(staff, "unsure")
    assert held.verdicts() == ["verified"] * 4
    change = PrincipalStore.change

    def lost(self: PrincipalStore, *args: object, **more: object) -> None:
        change(self, *args, **more)  # type: ignore[arg-type]  # passed on as it came
        raise StoreUnavailable("gone")

    monkeypatch.setattr(PrincipalStore, "change", lost)
    with pytest.raises(Exception, match="gone") as raised:
        _update(staff, "unsure", pb.PRINCIPAL_STATE_DISABLED)
    assert read_failure(raised.value).reason == "STORE_UNAVAILABLE"
    assert held.verdicts() == ["KEY_REVOKED"] * 4


def test_another_replica_refuses_within_the_bound(tmp_path: Path) -> None:
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/shared.db", "REVOKE_BOUND": "1"}
    with (
        _cheaply(),
        serving_people(tmp_path / "data", **settings) as here,
        serving_people(tmp_path / "data", **settings) as there,
    ):
        for way, (end, _) in ENDS.items():
            name = f"far-{way.replace(' ', '-')}"
            held = Holding(here, name)
            held.staff = there
            assert held.verdicts() == ["verified"] * 4  # and cached there
            end(here, name)
            time.sleep(1)  # from now on no replica may verify
            assert held.verdicts() == ["KEY_REVOKED"] * 4, way
            assert there.try_sign_in(name).WhichOneof("outcome") == "refused"


def test_a_sign_in_hashes_anew_once_the_parameters_changed(tmp_path: Path) -> None:
    """No change of the principal: no other etag, and no entry in the audit trail but that of the session."""
    dearer = PasswordHasher(time_cost=2, memory_cost=128, parallelism=1)
    hashes: list[str] = []

    def seen() -> PasswordHasher:
        return dearer

    with _cheaply(), serving_people(tmp_path / "data") as staff:
        staff.add("alice")
        before = staff.principals.GetPrincipal(pb.GetPrincipalRequest(name="alice"), metadata=staff.admin).principal
    with _cheaply(seen), serving_people(tmp_path / "data") as staff, pytest.MonkeyPatch.context() as patched:
        verify = PasswordHasher.verify

        def noted(self: PasswordHasher, hash: str, password: str) -> bool:  # noqa: A002  (argon2-cffi's name)
            hashes.append(hash)
            return verify(self, hash, password)

        patched.setattr(PasswordHasher, "verify", noted)
        entries = len(staff.audit())
        for password in ("wrong wrong wrong", PASSWORD, PASSWORD):
            staff.try_sign_in(password=password)
        after = staff.principals.GetPrincipal(pb.GetPrincipalRequest(name="alice"), metadata=staff.admin).principal
        actions = [entry.action for entry in staff.audit()[entries:] if not entry.action.startswith("sign_in")]
    costs = [extract_parameters(one).memory_cost for one in hashes]
    assert costs == [64, 64, 128]  # a wrong password changes nothing, the right one does, once
    assert after == before
    assert set(actions) <= {"session_begin", "session_end"}
    assert "argon2" not in staff.log()


def test_keys_that_ended_by_themselves_are_left_where_they_are(people: People) -> None:
    """In a day a session gives out thousands: to write each of them anew would keep everybody else from writing for long."""
    given = people.sign_in()
    old = [people.credentials(60, session_id=given.session.session_id).credentials.key_id for _ in range(3)]
    for _ in range(2):
        people.clock.ahead += 3000
        given = people.refresh(given.refresh_token)
    young = people.credentials(60, session_id=given.session.session_id).credentials.key_id
    people.clock.ahead += 600
    before = len(people.audit())
    _update(people, "alice", pb.PRINCIPAL_STATE_DISABLED)
    rows = people.audit()[before:]
    # The young one has ended as well, but perhaps not by the clock of another server.
    assert {row.key_id for row in rows if row.action == "revoke"} == {given.access_token.key_id, young}
    assert people.verify_token(given.access_token.token) == "KEY_REVOKED"
    for key_id in old:
        key = people.client.keys.GetKey(keys_pb2.GetKeyRequest(key_id=key_id), metadata=people.admin).key
        assert key.expire_time.seconds < people.clock() - 3600
        # And nothing brings it back.
        request = keys_pb2.UpdateKeyRequest(key=keys_pb2.Key(key_id=key_id, expire_time=Timestamp(seconds=4_000_000_000)))
        request.update_mask.paths.append("expire_time")
        with failing() as failures:
            people.client.keys.UpdateKey(request, metadata=people.admin)
        assert failures[0].reason == "INVALID_FIELD"
