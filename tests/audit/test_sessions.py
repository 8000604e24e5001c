"""Rows of principals, sessions and their keys are put back as they were, with their own valid seals: told by the trail."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Table, select

from counterseal.server.errors import SealBroken
from counterseal.server.keys.principal_seal import open_principal
from counterseal.server.keys.reseal import reseal_all
from counterseal.server.keys.seal import open_secret
from counterseal.server.keys.session_check import principals_beside_trail, sessions_beside_trail
from counterseal.server.keys.session_seal import open_session
from counterseal.server.store.audit_subjects import SIGN_IN_FAILED
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.session_records import RefreshHashes, SessionQuery, SessionView
from counterseal.server.store.tables import KEYS, PRINCIPALS, SESSIONS
from tests.audit.conftest import CIPHER, Ledger
from tests.store.samples import NOON
from tests.store.session_samples import (
    HASHES,
    add_principal,
    begin,
    changed,
    disabling,
    ending,
    principal,
    principal_store,
    refreshing,
    removing,
    session_store,
)

ODD = "á/da\U0001f511"


class Signed:
    """A principal who has signed in, in a store of its own."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.principals = principal_store(ledger.store)
        self.sessions = session_store(ledger.store)
        add_principal(self.principals, principal(ODD))
        add_principal(self.principals, principal("bob"))
        begin(self.sessions, "S1", "k1", name=ODD)
        begin(self.sessions, "S2", "k2", name="bob")
        assert ledger.check() == []

    def rows(self, table: Table) -> list[Mapping[str, Any]]:
        with self.ledger.store.database.reads.connect() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def put(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put all rows back as they were, removed ones too."""
        with self.ledger.store.database.writes.begin() as connection:
            connection.execute(table.delete())
            connection.execute(table.insert(), [dict(row) for row in rows])

    def open_principal(self) -> None:
        stored = self.principals.read("acme", ODD)
        assert stored is not None
        open_principal(stored, CIPHER)

    def open_session(self) -> None:
        stored = self.sessions.read("S1")
        assert stored is not None
        open_session(stored, CIPHER)


@pytest.fixture
def signed(empty: Ledger) -> Signed:
    return Signed(empty)


def disable(signed: Signed) -> None:
    signed.principals.change("acme", ODD, disabling)


def describe(signed: Signed) -> None:
    signed.principals.change("acme", ODD, lambda view: changed(view, description="x"))


def remove(signed: Signed) -> None:
    signed.principals.delete("acme", ODD, removing)


def remove_and_create(signed: Signed) -> None:
    remove(signed)
    add_principal(signed.principals, principal(ODD))


@pytest.mark.parametrize("change", [disable, describe, remove, remove_and_create])
def test_a_principal_put_back_signs_nobody_in(signed: Signed, change: Callable[[Signed], None]) -> None:
    before = signed.rows(PRINCIPALS)
    change(signed)
    assert signed.ledger.check() == []
    for rows in (before, [dict(row) | {"changed": 1000 + number} for number, row in enumerate(before)]):
        signed.put(PRINCIPALS, rows)
        with pytest.raises(SealBroken, match="put back"):
            signed.open_principal()
        assert any(f"principal acme/{ODD}: " in problem and "put back" in problem for problem in signed.ledger.check())
        assert any("put back" in problem for problem in principals_beside_trail(signed.ledger.store, None))
    assert f"principal acme/{ODD}" in reseal_all(signed.ledger.store, CIPHER).broken
    with pytest.raises(SealBroken, match="put back"):
        describe(signed)


def sign_out(signed: Signed) -> None:
    signed.sessions.change("S1", ending)


def refresh(signed: Signed) -> None:
    newer = RefreshHashes(family=HASHES.family, current=b"n" * 32)
    signed.sessions.change("S1", lambda view: refreshing(view, newer))


@pytest.mark.parametrize("change", [sign_out, refresh, disable])
def test_a_session_put_back_does_not_go_on(signed: Signed, change: Callable[[Signed], None]) -> None:
    """Else a refresh token that was used, or one of a session that has ended, would be good again."""
    before = signed.rows(SESSIONS)
    change(signed)
    assert signed.ledger.check() == []
    signed.put(SESSIONS, before)
    with pytest.raises(SealBroken, match="put back"):
        signed.open_session()
    listed = signed.sessions.list_sessions(SessionQuery()).sessions[0]
    with pytest.raises(SealBroken, match="put back"):
        open_session(listed, CIPHER)
    with pytest.raises(SealBroken, match="put back"):
        signed.sessions.change("S1", lambda view: refreshing(view, HASHES))
    (problem,) = signed.ledger.check()
    assert problem.startswith("session S1: ")
    assert list(sessions_beside_trail(signed.ledger.store, None)) == [problem]
    assert reseal_all(signed.ledger.store, CIPHER).broken == ("session S1",)


def test_a_key_of_an_ended_session_put_back_opens_for_nobody(signed: Signed) -> None:
    before = signed.rows(KEYS)
    sign_out(signed)
    assert signed.ledger.check() == []
    signed.put(KEYS, before)
    stored = signed.ledger.store.read_key("k1")
    assert stored is not None
    with pytest.raises(SealBroken, match="put back"):
        open_secret(stored, CIPHER)
    seen: list[SessionView] = []
    signed.sessions.change("S1", seen.append)
    with pytest.raises(SealBroken, match="put back"):
        open_secret(seen[0].keys[0], CIPHER)
    assert any(problem.startswith("key k1: ") and "put back" in problem for problem in signed.ledger.check())


def test_rows_removed_behind_our_back_are_found_by_the_check(signed: Signed) -> None:
    remove(signed)
    for table in ("principals", "sessions"):
        signed.ledger.sql(f"DELETE FROM {table}")
    assert sorted(signed.ledger.check()) == [
        "principal acme/bob: the trail knows it, and the principal is gone",
        "session S1: the trail knows it, and the session is gone",
        "session S2: the trail knows it, and the session is gone",
    ]


def test_an_odd_name_that_is_gone_is_named(signed: Signed) -> None:
    signed.put(PRINCIPALS, [row for row in signed.rows(PRINCIPALS) if row["name"] == "bob"])
    assert signed.ledger.check() == [f"principal acme/{ODD}: the trail knows it, and the principal is gone"]


def test_rows_with_another_number_are_found_by_the_check(signed: Signed) -> None:
    signed.ledger.sql("UPDATE principals SET changed = changed + 70")
    signed.ledger.sql("UPDATE sessions SET changed = changed + 70")
    assert [problem.partition(": ")[2] for problem in signed.ledger.check()] == [
        "its last change is entry 2, and it says 72",
        "its last change is entry 1, and it says 71",
        "its last change is entry 3, and it says 73",
        "its last change is entry 5, and it says 75",
    ]


def test_rows_without_entries_count_for_nothing(signed: Signed) -> None:
    signed.ledger.sql("DELETE FROM audit")
    with pytest.raises(SealBroken, match="knows nothing"):
        signed.open_principal()
    with pytest.raises(SealBroken, match="knows nothing"):
        signed.open_session()


def failed(name: str = "", **detail: object) -> AuditEntry:
    return AuditEntry(
        time=NOON.replace(year=2027),
        actor="front",
        action=SIGN_IN_FAILED,
        key_id="",
        tenant="acme" if name else "",
        detail={"count": 3} | detail,
        principal_name=name,
    )


def test_failed_sign_ins_change_no_principal(signed: Signed) -> None:
    signed.ledger.store.note(failed(ODD))
    signed.ledger.store.note(failed())
    assert signed.ledger.check() == []
    signed.open_principal()
    describe(signed)  # neither is a change that comes later taken for an older one
    assert signed.ledger.check() == []
    named, unnamed, _ = signed.ledger.entries()[-3:]
    assert (named.key_id, named.tenant, named.detail_json) == ("", "acme", f'{{"count":3,"principal":"{ODD}"}}')
    assert (unnamed.key_id, unnamed.tenant, unnamed.detail_json) == ("", "", '{"count":3}')


def test_entries_name_what_they_are_about_in_their_detail_alone(signed: Signed) -> None:
    entries = {entry.action: entry for entry in signed.ledger.entries()}
    assert {action: entry.key_id for action, entry in entries.items()} == {
        "principal_create": "",
        "session_begin": "",
        "issue": "k2",
    }
    assert entries["principal_create"].detail_json == '{"principal":"bob"}'
    assert entries["session_begin"].detail_json == '{"session_id":"S2"}'
    assert {entry.tenant for entry in entries.values()} == {"acme"}
    assert list(signed.ledger.trail.removed_keys()) == []


def test_entries_are_for_callers_of_the_tenant_alone(signed: Signed) -> None:
    add_principal(signed.principals, principal("eve", "other"))
    page = signed.ledger.trail.page(after=0, limit=99, tenants=frozenset({"acme"}))
    assert [entry.sequence for entry in page] == [1, 2, 3, 4, 5, 6]
    assert [entry.action for entry in page].count("session_begin") == 2
    assert [e.sequence for e in signed.ledger.trail.page(after=0, limit=99, tenants=frozenset({"other"}))] == [7]


@pytest.mark.parametrize("column", ["", "!session/S1", "!principal/acme/other", "!caller/bob", "k1"])
def test_a_column_that_hides_a_change_is_found_by_the_check(signed: Signed, column: str) -> None:
    signed.principals.change("acme", "bob", lambda view: changed(view, description="x"))
    last = signed.ledger.store.change_sequence()
    value = column.encode() if signed.ledger.store.database.reads.dialect.name == "mysql" else column
    signed.ledger.sql("UPDATE audit SET key_id = :column WHERE seq = :last", column=value, last=last)
    assert [problem for problem in signed.ledger.check() if problem.startswith(f"entry {last}: its column `key_id`")]
