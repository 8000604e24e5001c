"""What goes through every engine unharmed: texts of any kind and length, and what is committed, in its order."""

import dataclasses
import threading

from sqlalchemy import select, text

from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import KeyQuery, StoredKey
from counterseal.server.store.tables import KEYS
from tests.store import samples


def test_long_and_odd_texts_come_back(store: KeyStore) -> None:
    labels = {f"label-{number}": "ü🦊\r\n\t\x01 '\"\\%_" * 45 for number in range(200)}
    assert sum(len(value.encode()) for value in labels.values()) > 128 * 1024
    went_in = samples.stored(
        "k" * 128, labels=labels, description="\U0001f98a" * 1024, principal="é" * 256, tenant="t" * 64, sealed=bytes(70_000)
    )
    record = store.insert(went_in, samples.entry("k" * 128, labels={"to": labels}))
    found = store.read_key("k" * 128)
    assert found is not None
    assert found.record == record
    assert dataclasses.replace(record, etag="") == went_in.record
    assert found.sealed_secret == bytes(70_000)
    assert store.read_audit("k" * 128)[0][1].detail == {"labels": {"to": labels}}


def test_principals_and_tenants_are_compared_byte_by_byte(store: KeyStore) -> None:
    for number, principal in enumerate(("café", "cafe\u0301", "CAFÉ", "cafe", "café ", "straße", "strasse")):
        store.insert(samples.stored(f"k{number}", principal=principal), samples.entry(f"k{number}"))
    for principal in ("café", "cafe\u0301", "CAFÉ", "cafe", "café ", "straße", "strasse"):
        assert [found.principal for found in store.list_keys(KeyQuery(principal=principal)).records] == [principal]


def test_ids_are_ordered_byte_by_byte(store: KeyStore) -> None:
    ids = ["a", "B", "_", "~", "a ", "a!", "A", "b", "-", "aa", "0", "a0", "a-"]
    for key_id in ids:
        store.insert(samples.stored(key_id), samples.entry(key_id))
    assert [found.key_id for found in store.list_keys(KeyQuery()).records] == sorted(ids, key=str.encode)


def test_a_reader_sees_what_is_committed_and_nothing_else(store: KeyStore, store_url: str) -> None:
    store.insert(samples.stored(principal="before"), samples.entry())
    other = samples.open_store(store_url, timeout=60)
    seen = []

    def edit(stored: StoredKey) -> object:
        found = other.read_key("key-1")
        assert found is not None
        seen.append(found.record.principal)
        return samples.moved(stored, principal="after")

    sequence = store.change_sequence()
    store.change("key-1", edit)  # type: ignore[arg-type]
    found = other.read_key("key-1")
    assert found is not None
    assert (seen, found.record.principal) == (["before"], "after")
    assert other.change_sequence() == sequence + 1
    other.close()


def test_one_connection_sees_each_commit(store: KeyStore) -> None:
    """No snapshot: a reader that keeps its connection is not left behind."""
    store.insert(samples.stored(principal="before"), samples.entry())
    query = select(KEYS.c.principal)
    with store.database.reads.connect() as connection:
        assert connection.execute(query).scalar_one() == "before"
        store.change("key-1", lambda stored: samples.moved(stored, principal="after"))
        assert connection.execute(query).scalar_one() == "after"


def test_numbers_become_visible_in_ascending_order(store: KeyStore, store_url: str) -> None:
    for number in range(4):
        store.insert(samples.stored(f"k{number}"), samples.entry(f"k{number}"))
    other = samples.open_store(store_url, timeout=60)

    def change(opened: KeyStore, number: int) -> None:
        for _ in range(15):
            opened.change(f"k{number}", samples.moved)

    writers = [threading.Thread(target=change, args=((store, other)[number % 2], number)) for number in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        with store.database.reads.connect() as connection:
            known = connection.execute(text("SELECT value FROM change_sequence WHERE id = 1")).scalar_one()
            missing = connection.execute(text("SELECT count(*) FROM audit WHERE seq <= :known"), {"known": known}).scalar_one()
        assert missing == known, "a number was visible before a smaller one"
    for writer in writers:
        writer.join()
    assert store.change_sequence() == 64
    other.close()
