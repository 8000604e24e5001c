"""A caller's whole row is put back as it was earlier, with its own valid seal: nobody, an alarm, and found by the check."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from counterseal.server.caller_admin import CallerAdmin
from counterseal.server.caller_drafts import CallerChange, CallerDraft
from counterseal.server.callers.bearer import bearer_sha256
from counterseal.server.callers.reserved import Reserved
from counterseal.server.callers.stored import StoredCallers
from counterseal.server.errors import SealBroken
from counterseal.server.keys.caller_check import callers_beside_trail
from counterseal.server.keys.reseal import reseal_all
from counterseal.server.store.caller_records import CallerLimits, CallerState, Role
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.tables import CALLERS
from tests.audit.conftest import CIPHER, Ledger
from tests.store.caller_samples import caller_store, changed, leaving
from tests.store.samples import NOON

LIMITED = CallerLimits(tenants=frozenset({"acme"}))


@dataclass
class Callers:
    """Callers of a store, one process that knows them, and the alarms that it raised."""

    ledger: Ledger
    known: StoredCallers
    admin: CallerAdmin
    alarms: list[tuple[str, str]] = field(default_factory=list)

    def create(self, name: str = "edge", **given: Any) -> str:
        return self.admin.create(CallerDraft(name=name, role=Role.GATEWAY, bearer_token=True, **given), actor="me").bearer_token

    def update(self, **values: Any) -> None:
        self.admin.update(CallerChange(name="edge", etag="", mask=frozenset(values), **values), actor="me")

    def row(self) -> Mapping[str, Any]:
        with self.ledger.store.database.reads.connect() as connection:
            return dict(connection.execute(select(CALLERS).where(CALLERS.c.name == "edge")).mappings().one())

    def put(self, row: Mapping[str, Any]) -> None:
        """Put the row back as it was, or a removed one, and have it read."""
        with self.ledger.store.database.writes.begin() as connection:
            connection.execute(CALLERS.delete().where(CALLERS.c.name == "edge"))
            connection.execute(CALLERS.insert().values(dict(row)))
        self.known.refresh(whole=True)

    def who(self, bearer: str) -> str | None:
        found = self.known.latest().of_bearer(bearer_sha256(bearer))
        return None if found is None else found.name


@pytest.fixture
def callers(empty: Ledger) -> Callers:
    store, alarms = caller_store(empty.store), list[tuple[str, str]]()
    known = StoredCallers(
        store=store, cipher=CIPHER, bound=1.0, reserved=Reserved(), alarm=lambda *told: alarms.append(told), clock=lambda: 0.0
    )
    admin = CallerAdmin(
        store=store,
        cipher=CIPHER,
        reserved=Reserved(),
        schemes=frozenset(),
        clock=NOON.timestamp,  # it stands: changes are told apart all the same
        take_up=known.refresh,
    )
    return Callers(empty, known, admin, alarms)


def nobody(callers: Callers, *bearers: str) -> None:
    assert [callers.who(bearer) for bearer in bearers] == [None] * len(bearers)
    ((name, problem),) = callers.alarms
    assert name == "edge"
    assert "put back" in problem
    assert callers.ledger.check() == [f"caller edge: {problem}"]
    assert list(callers_beside_trail(callers.ledger.store, None)) == [f"caller edge: {problem}"]
    assert callers.admin.list_callers("", 0).records == ()
    with pytest.raises(SealBroken, match="put back"):
        callers.admin.get("edge")


def disable(callers: Callers) -> None:
    callers.update(state=CallerState.DISABLED)


def limit(callers: Callers) -> None:
    callers.update(limits=LIMITED)


def remove(callers: Callers) -> None:
    callers.admin.delete("edge", "", actor="me")


def remove_and_create(callers: Callers) -> None:
    remove(callers)
    callers.create(state=CallerState.DISABLED)


def rotate(callers: Callers) -> None:
    callers.admin.rotate_token("edge", "", actor="me")


CHANGES = [disable, limit, remove, remove_and_create, rotate]


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_put_back_is_nobody_and_an_alarm(callers: Callers, change: Callable[[Callers], None]) -> None:
    bearer = callers.create()
    before = callers.row()
    assert callers.who(bearer) == "edge"
    change(callers)
    assert (callers.alarms, callers.ledger.check()) == ([], [])
    callers.put(before)
    nobody(callers, bearer)


def test_the_new_bearer_is_nobody_either_once_the_old_one_was_put_back(callers: Callers) -> None:
    old = callers.create()
    before = callers.row()
    new = callers.admin.rotate_token("edge", "", actor="me").bearer_token
    assert (callers.who(old), callers.who(new)) == (None, "edge")
    callers.put(before)
    nobody(callers, old, new)


@pytest.mark.parametrize("change", CHANGES)
def test_not_with_the_newest_number_either(callers: Callers, change: Callable[[Callers], None]) -> None:
    bearer = callers.create()
    before = callers.row()
    change(callers)
    callers.put(dict(before) | {"changed": callers.ledger.store.change_sequence()})
    nobody(callers, bearer)


def test_not_with_the_newest_time_either(callers: Callers) -> None:
    bearer = callers.create()
    before = callers.row()
    disable(callers)
    callers.put(dict(before) | {"updated": callers.row()["updated"]})
    assert callers.who(bearer) is None
    ((_, problem),) = callers.alarms
    assert "does not open" in problem


def test_every_state_but_the_newest_is_nobody(callers: Callers) -> None:
    bearer = callers.create()
    rows = [callers.row()]
    for number in range(3):
        callers.update(description=str(number))
        rows.append(callers.row())
    for row in rows[:-1]:
        callers.put(row)
        assert callers.who(bearer) is None
    assert len(callers.alarms) == 3
    callers.put(rows[-1])
    assert callers.who(bearer) == "edge"
    assert callers.ledger.check() == []


def test_other_callers_go_on(callers: Callers) -> None:
    callers.create()
    other = callers.create("edge-2")
    before = callers.row()
    disable(callers)
    callers.put(before)
    assert callers.who(other) == "edge-2"
    assert [record.name for record in callers.admin.list_callers("", 0).records] == ["edge-2"]


def test_nothing_makes_it_good_but_removing_it(callers: Callers) -> None:
    bearer = callers.create()
    before = callers.row()
    disable(callers)
    callers.put(before)
    for change in (limit, rotate):
        with pytest.raises(SealBroken, match="put back"):
            change(callers)
    assert reseal_all(callers.ledger.store, CIPHER).broken == ("caller edge",)
    nobody(callers, bearer)
    remove(callers)
    assert callers.ledger.check() == []
    again = callers.create()
    assert (callers.who(again), callers.who(bearer)) == ("edge", None)
    assert callers.ledger.check() == []


def test_without_its_entries_a_caller_is_nobody(callers: Callers) -> None:
    """Nor is the trail cut short in favour of a row that was put back."""
    bearer = callers.create()
    before = callers.row()
    disable(callers)
    callers.ledger.sql("DELETE FROM audit WHERE action = 'caller_update'")
    callers.known.refresh(whole=True)
    assert "entries are gone" in callers.alarms[-1][1]
    callers.ledger.sql("DELETE FROM audit")
    callers.put(before)
    assert "knows nothing" in callers.alarms[-1][1]
    assert callers.who(bearer) is None


def test_a_row_removed_behind_our_back_is_found_by_the_check(callers: Callers) -> None:
    callers.create()
    callers.create("gone-by-order")
    callers.admin.delete("gone-by-order", "", actor="me")
    callers.ledger.sql("DELETE FROM callers")
    assert callers.ledger.check() == ["caller edge: the trail knows it, and the caller is gone"]


def test_a_row_with_another_number_is_found_by_the_check(callers: Callers) -> None:
    callers.create()
    callers.ledger.sql("UPDATE callers SET changed = 77")
    assert callers.ledger.check() == ["caller edge: its last change is entry 1, and it says 77"]


def test_entries_name_the_caller_in_their_detail_alone(callers: Callers) -> None:
    """The column that finds them is no key id: it is neither shown, nor hashed, nor taken for a key's."""
    callers.create()
    remove(callers)
    assert [(entry.action, entry.key_id, entry.tenant) for entry in callers.ledger.entries()] == [
        ("caller_create", "", ""),
        ("caller_delete", "", ""),
    ]
    assert all('"caller":"edge"' in entry.detail_json for entry in callers.ledger.entries())
    assert callers.ledger.trail.page(after=0, limit=9, key_id="edge") == ()
    assert list(callers.ledger.trail.removed_keys()) == []


@pytest.mark.parametrize("column", ["", "!caller/other", "edge"])
def test_a_column_that_hides_a_change_is_found_by_the_check(callers: Callers, column: str) -> None:
    callers.create()
    disable(callers)
    value = column.encode() if callers.ledger.store.database.reads.dialect.name == "mysql" else column
    callers.ledger.sql("UPDATE audit SET key_id = :column WHERE seq = 2", column=value)
    assert [problem for problem in callers.ledger.check() if problem.startswith("entry 2: its column `key_id`")]


def test_changes_that_move_no_time_or_name_nobody_are_bugs(callers: Callers) -> None:
    callers.create()
    store = caller_store(callers.ledger.store)
    stored = store.read("edge")
    assert stored is not None
    late = dt.datetime.max.replace(tzinfo=dt.UTC)
    unnamed = AuditEntry(time=late, actor="x", action="caller_delete", key_id="", tenant="")
    with pytest.raises(ValueError, match="later"):
        store.change("edge", lambda stored: changed(stored, updated=stored.record.updated))
    with pytest.raises(ValueError, match="same time"):
        store.change("edge", lambda stored: (stored, changed(stored)[1]))
    with pytest.raises(ValueError, match="later"):
        store.delete("edge", lambda etag, _: leaving("edge")(etag, None))
    with pytest.raises(ValueError, match="name the caller"):
        store.delete("edge", lambda *_: unnamed)
    assert len(callers.ledger.entries()) == 1
