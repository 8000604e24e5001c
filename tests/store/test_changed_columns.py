"""Columns that an upgrade gives more room, under servers that have prepared statements on them.

PostgreSQL prepares what a connection runs often, and such a statement fails on it for good once its columns have other types.
"""

from collections.abc import Iterator

import pytest

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.audit_trail import AuditTrail
from counterseal.server.store.changes import ChangeReader, Kind
from counterseal.server.store.keystore import KeyStore
from tests.store import samples
from tests.support.postgres import shared_postgres

OFTEN = 8  # psycopg prepares what a connection has run five times


@pytest.fixture
def store() -> Iterator[KeyStore]:
    opened = samples.open_store(shared_postgres().new_database(), timeout=10, pool=4)
    opened.upgrade()
    opened.insert(samples.stored(), samples.entry())
    yield opened
    opened.close()


def widen(store: KeyStore, table: str, column: str) -> None:
    """Change a column as migrations do: from another server's connection."""
    with store.database.writes.begin() as connection:
        connection.exec_driver_sql(f'ALTER TABLE {table} ALTER COLUMN {column} TYPE varchar(300) COLLATE "C"')


def test_a_statement_prepared_before_is_an_outage_once(store: KeyStore) -> None:
    trail = AuditTrail(store)
    for _ in range(OFTEN):
        assert len(trail.page(after=0, limit=10)) == 1
    widen(store, "audit", "key_id")
    with pytest.raises(StoreUnavailable):
        trail.page(after=0, limit=10)
    for _ in range(OFTEN):
        assert len(trail.page(after=0, limit=10)) == 1


def test_all_connections_that_were_made_before_are_left(store: KeyStore) -> None:
    reads = [store.database.reads.connect() for _ in range(3)]
    for connection in reads:
        for _ in range(OFTEN):
            connection.exec_driver_sql("SELECT key_id FROM audit WHERE id > %s", (0,)).all()
    for connection in reads:
        connection.close()
    widen(store, "audit", "key_id")
    failed = 0
    for _ in range(6):
        try:
            with store.transactions.reading() as connection:
                connection.exec_driver_sql("SELECT key_id FROM audit WHERE id > %s", (0,)).all()
        except StoreUnavailable:
            failed += 1
    assert failed == 1


def test_the_feed_goes_on(store: KeyStore) -> None:
    """What it prepared fails once, and the reading after that has missed nothing."""
    reader = ChangeReader(store.database)
    try:
        after = reader.read(None).number
        for number in range(OFTEN):
            store.change("key-1", samples.moved)
            changes = reader.read(after)
            assert changes.names[Kind.KEYS] == ["key-1"], number
            after = changes.number
        widen(store, "keys", "key_id")
        store.change("key-1", samples.moved)
        with pytest.raises(StoreUnavailable):
            reader.read(after)
        changes = reader.read(after)
        assert changes.names[Kind.KEYS] == ["key-1"]
        assert (changes.number, changes.followed) == (after + 1, True)
    finally:
        reader.close()
