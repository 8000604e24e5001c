"""The statements of the change feed, on every engine."""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, select, update

from counterseal.core.model import KeyState
from counterseal.server.errors import StoreUnavailable
from counterseal.server.store import changes
from counterseal.server.store.changes import ChangeReader, Kind
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import KeyChange, KeyDraft
from counterseal.server.store.tables import AUDIT, CHANGE_SEQUENCE, KEYS
from tests.store.engines import SERVERS
from tests.store.rig import Rig


@pytest.fixture
def reader(store: KeyStore) -> Iterator[ChangeReader]:
    made = ChangeReader(store.database)
    yield made
    made.close()


def _issue(rig: Rig, count: int = 1) -> list[str]:
    return [rig.issuer.issue(KeyDraft(), actor="me").record.key_id for _ in range(count)]


def test_the_first_reading_names_nothing(reader: ChangeReader, rig: Rig) -> None:
    _issue(rig, 2)
    first = reader.read(None)
    assert (first.number, dict(first.names)) == (2, {Kind.KEYS: None, Kind.CALLERS: None})


def test_every_change_of_a_key_is_named(reader: ChangeReader, rig: Rig) -> None:
    number = reader.read(None).number
    (key_id,) = _issue(rig)
    issued = reader.read(number)
    rig.issuer.update(KeyChange(key_id=key_id, etag="", mask=frozenset({"state"}), state=KeyState.DISABLED), actor="me")
    updated = reader.read(issued.number)
    rig.issuer.revoke(key_id, "x", actor="me")
    revoked = reader.read(updated.number)
    assert [found.names[Kind.KEYS] for found in (issued, updated, revoked)] == [[key_id]] * 3
    assert [found.names[Kind.CALLERS] for found in (issued, updated, revoked)] == [[]] * 3
    assert issued.updated == [int(rig.clock.now * 1e6)]
    assert reader.read(revoked.number).names == {Kind.KEYS: (), Kind.CALLERS: ()}


def test_a_key_changed_often_is_named_once(reader: ChangeReader, rig: Rig) -> None:
    number = reader.read(None).number
    (key_id,) = _issue(rig)
    for state in (KeyState.DISABLED, KeyState.ACTIVE, KeyState.DISABLED):
        rig.issuer.update(KeyChange(key_id=key_id, etag="", mask=frozenset({"state"}), state=state), actor="me")
    assert reader.read(number).names[Kind.KEYS] == [key_id]


def test_pages_and_more_than_is_worth_naming(reader: ChangeReader, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    number = reader.read(None).number
    issued = _issue(rig, 7)
    monkeypatch.setattr(changes, "_PAGE", 3)
    assert reader.read(number).names[Kind.KEYS] == issued
    monkeypatch.setattr(changes, "_MOST", 5)
    assert reader.read(number).names[Kind.KEYS] is None
    assert reader.read(number).number == number + 7


def test_a_sequence_that_went_backwards_names_nothing(reader: ChangeReader, rig: Rig) -> None:
    _issue(rig)
    found = reader.read(1000)
    assert (found.number, found.names[Kind.KEYS]) == (1, None)


@pytest.mark.parametrize("further", [0, 2])
def test_a_server_with_another_history_is_noticed_at_the_same_number(
    reader: ChangeReader, store: KeyStore, rig: Rig, further: int
) -> None:
    """A standby that lacked the last change took over, and has taken as many since: among them a revocation."""
    kept, lost = _issue(rig, 2)
    number = reader.read(None).number
    # A reading that led to nothing, and another.
    assert [reader.read(number).names[Kind.KEYS] for _ in range(2)] == [(), ()]
    with store.database.writes.begin() as connection:
        before = connection.execute(select(AUDIT.c.hash).where(AUDIT.c.seq == number - 1)).scalar_one()
        connection.execute(delete(KEYS).where(KEYS.c.key_id == lost))
        connection.execute(delete(AUDIT).where(AUDIT.c.seq == number))
        connection.execute(update(CHANGE_SEQUENCE).values(value=number - 1, hash=before))
    rig.issuer.revoke(kept, "x", actor="me")
    _issue(rig, further)
    found = reader.read(number)
    assert (found.number, dict(found.names)) == (number + further, {Kind.KEYS: None, Kind.CALLERS: None})
    assert reader.read(found.number).names[Kind.KEYS] == ()


def test_an_exhausted_pool_does_not_stop_it(reader: ChangeReader, store: KeyStore, rig: Rig) -> None:
    _issue(rig)
    pool = store.database.reads.pool
    held = [store.database.reads.connect() for _ in range(pool.size())]  # type: ignore[attr-defined]
    try:
        assert reader.read(0).names[Kind.KEYS] is not None
    finally:
        for connection in held:
            connection.close()


def test_it_reads_in_autocommit(reader: ChangeReader, rig: Rig) -> None:
    """A reading that stayed inside a transaction would see the same for ever."""
    with reader._engine.connect() as connection:
        before = connection.execute(changes._NUMBER).scalar_one()
        _issue(rig)
        assert connection.execute(changes._NUMBER).scalar_one() == before + 1


# SQLite is one file, without a second server.
@pytest.mark.parametrize("store_url", SERVERS, indirect=True)
def test_a_server_that_takes_no_changes_is_not_believed(reader: ChangeReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby, or a primary of before: it answers, and will never hear of a revocation."""
    reader.read(None)
    says_so = {"postgresql": "SELECT 'on'", "mysql": "SELECT 1", "mariadb": "SELECT 1"}
    monkeypatch.setattr(changes, "_READ_ONLY", says_so)
    with pytest.raises(StoreUnavailable):
        reader.read(None)
    monkeypatch.undo()
    reader.read(None)
