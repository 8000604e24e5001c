"""What every database has to do alike."""

import dataclasses
import datetime as dt
import threading

import pytest
from sqlalchemy import exc

from counterseal.core.model import KeyState
from counterseal.server.errors import KeyExists
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import AuditEntry, IssueMark, KeyQuery, SealSwap, StoredKey
from tests.store import samples


def test_a_key_comes_back_as_it_went_in(store: KeyStore) -> None:
    went_in = samples.stored(
        "AKIA/odd+id=@~:x",
        sealed=bytes(range(256)),
        token=b"\x00" * 32,
        tenant="T-1",
        principal="Zoë 🦊 'quoted' %_\\",
        description="x" * 1024,
        labels={"team/a": "blau & grün", "empty": ""},
        allowed_schemes=frozenset({"aws-sigv4", "other"}),
        state=KeyState.DISABLED,
        not_before=dt.datetime(1, 1, 1, tzinfo=dt.UTC),
        expires=dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
        has_security_token=True,
    )
    record = store.insert(went_in, samples.entry())
    assert record.etag
    assert dataclasses.replace(record, etag="") == went_in.record
    assert store.read_key("AKIA/odd+id=@~:x") == dataclasses.replace(went_in, record=record)


def test_key_ids_are_compared_byte_by_byte(store: KeyStore) -> None:
    for key_id in ("abc", "ABC", "abC"):
        store.insert(samples.stored(key_id), samples.entry(key_id))
    assert store.read_key("Abc") is None
    assert store.read_key("abc ") is None
    assert store.read_key("ab_") is None
    assert [record.key_id for record in store.list_keys(KeyQuery()).records] == ["ABC", "abC", "abc"]


def test_a_taken_id_is_refused_and_leaves_no_trace(store: KeyStore) -> None:
    store.insert(samples.stored(sealed=b"first"), samples.entry())
    before = store.change_sequence()
    with pytest.raises(KeyExists):
        store.insert(samples.stored(sealed=b"second"), samples.entry())
    found = store.read_key("key-1")
    assert found is not None
    assert found.sealed_secret == b"first"
    assert len(store.read_audit("key-1")) == 1
    assert store.change_sequence() == before


def test_pages_are_complete_ordered_and_stable(store: KeyStore) -> None:
    ids = sorted(f"k{number:03}" for number in range(25))
    for key_id in reversed(ids):
        store.insert(samples.stored(key_id), samples.entry(key_id))
    seen, after = [], ""
    while True:
        page = store.list_keys(KeyQuery(page_size=10, after=after))
        seen += [record.key_id for record in page.records]
        if not page.next_after:
            break
        after = page.next_after
        if len(seen) == 10:  # what comes in behind the reader is not seen twice, nor does it push anything out
            store.insert(samples.stored("k000a"), samples.entry("k000a"))
    assert seen == ids
    assert store.list_keys(KeyQuery(page_size=26)).next_after == ""
    assert store.list_keys(KeyQuery(page_size=25)).next_after == "k023"


def test_lists_are_filtered(store: KeyStore) -> None:
    store.insert(samples.stored("one", tenant="a", principal="p"), samples.entry("one"))
    store.insert(samples.stored("two", tenant="b", principal="p", state=KeyState.DISABLED), samples.entry("two"))
    store.insert(samples.stored("zoo", tenant="a", principal="P"), samples.entry("zoo"))

    def ids(query: KeyQuery) -> list[str]:
        return [record.key_id for record in store.list_keys(query).records]

    assert ids(KeyQuery(tenants=None)) == ["one", "two", "zoo"]
    assert ids(KeyQuery(tenants=frozenset())) == []
    assert ids(KeyQuery(tenants=frozenset({"a"}))) == ["one", "zoo"]
    assert ids(KeyQuery(tenants=frozenset({"a", "b"}), principal="p")) == ["one", "two"]
    assert ids(KeyQuery(state=KeyState.DISABLED)) == ["two"]
    assert ids(KeyQuery(state=KeyState.REVOKED)) == []


def disabled(stored: StoredKey) -> tuple[StoredKey, AuditEntry]:
    return samples.moved(stored, state=KeyState.DISABLED, sealed=b"sealed anew")


def test_a_change_moves_etag_sequence_and_audit_together(store: KeyStore) -> None:
    first = store.insert(samples.stored(), samples.entry())
    before = store.change_sequence()
    second = store.change("key-1", disabled)
    assert second is not None
    assert second.state is KeyState.DISABLED
    assert second.etag != first.etag
    assert store.change_sequence() == before + 1
    assert [found.action for _, found in store.read_audit("key-1")] == ["issue", "update"]
    found = store.read_key("key-1")
    assert found is not None
    assert found.record == second
    assert found.sealed_secret == b"sealed anew"


def test_what_an_edit_raises_undoes_everything(store: KeyStore) -> None:
    first = store.insert(samples.stored(), samples.entry())
    before = store.change_sequence()

    def fails(stored: StoredKey) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.change("key-1", fails)
    assert store.change("key-1", lambda stored: None) == first
    assert store.change("absent", disabled) is None
    assert store.change_sequence() == before
    assert len(store.read_audit("key-1")) == 1


def test_an_audit_row_that_fails_undoes_the_change(store: KeyStore) -> None:
    first = store.insert(samples.stored(), samples.entry())

    def breaks(stored: StoredKey) -> tuple[StoredKey, AuditEntry]:
        after, entry = samples.moved(stored, principal="x")
        return after, dataclasses.replace(entry, detail={"not": {"json"}})

    with pytest.raises(TypeError):
        store.change("key-1", breaks)
    found = store.read_key("key-1")
    assert found is not None
    assert found.record == first


def test_an_audit_row_that_fails_undoes_the_issue(store: KeyStore) -> None:
    with pytest.raises(TypeError):
        store.insert(samples.stored(), dataclasses.replace(samples.entry(), detail={"not": {"json"}}))
    assert store.read_key("key-1") is None
    assert store.read_audit("key-1") == ()


def test_audit_comes_back_as_it_went_in(store: KeyStore) -> None:
    went_in = samples.entry(principal={"from": "ä", "to": None}, many=["a", 1])
    store.insert(samples.stored(), went_in)
    ((number, came_out),) = store.read_audit("key-1")
    assert came_out == went_in
    assert store.read_audit("key-1", after=number) == ()


def test_a_mark_finds_its_key_and_is_used_once(store: KeyStore) -> None:
    mark = IssueMark(actor="me", request_id="r-1", fingerprint=b"f" * 32)
    store.insert(samples.stored("one", mark=mark), samples.entry("one"))
    found = store.find_issued("me", "r-1")
    assert found is not None
    assert found.mark == mark
    assert found.record.key_id == "one"
    assert store.find_issued("you", "r-1") is None
    assert store.find_issued("me", "R-1") is None
    with pytest.raises(KeyExists):
        store.insert(samples.stored("two", mark=mark), samples.entry("two"))
    assert store.read_key("two") is None
    store.insert(samples.stored("two", mark=dataclasses.replace(mark, actor="you")), samples.entry("two"))


def test_sealed_secrets_are_swapped_only_while_they_are_what_was_read(store: KeyStore) -> None:
    for key_id in ("one", "two"):
        store.insert(samples.stored(key_id, sealed=b"old"), samples.entry(key_id))
    sequence = store.change_sequence()
    swaps = [SealSwap(key_id="one", old=b"old", new=b"new"), SealSwap(key_id="two", old=b"other", new=b"new")]
    assert store.swap_sealed(swaps) == {"one"}
    assert [found.sealed_secret for found in store.read_keys_after("", 10)] == [b"new", b"old"]
    assert store.change_sequence() == sequence


def test_single_values_are_added_once(store: KeyStore) -> None:
    assert store.add_meta("a/1", b"x")
    assert not store.add_meta("a/1", b"y")
    assert store.add_meta("b/1", b"z")
    assert store.read_meta("a/") == {"a/1": b"x"}
    store.drop_meta("a/1")
    assert store.read_meta("a/") == {}


def test_concurrent_changes_are_none_lost(store: KeyStore, store_url: str) -> None:
    store.insert(samples.stored(principal="0"), samples.entry())
    other = samples.open_store(store_url, timeout=60)  # pools of its own, as another process has

    def count(opened: KeyStore) -> None:
        for _ in range(20):
            opened.change(
                "key-1",
                lambda stored: samples.moved(stored, principal=str(int(stored.record.principal) + 1)),
            )

    threads = [threading.Thread(target=count, args=(opened,)) for opened in (store, other, store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    found = store.read_key("key-1")
    assert found is not None
    assert found.record.principal == "80"
    assert len(store.read_audit("key-1")) == 81
    assert store.change_sequence() == 81


def test_a_stored_key_prints_no_secret(store: KeyStore) -> None:
    went_in = samples.stored(sealed=b"very-secret-bytes", token=b"hash-of-security-token")
    assert "very-secret" not in repr(went_in)
    assert "hash-of" not in repr(went_in)


def test_another_broken_constraint_is_a_bug_and_no_taken_id(store: KeyStore) -> None:
    with pytest.raises(exc.IntegrityError):
        store.insert(samples.stored(principal=None), samples.entry())
    assert store.read_key("key-1") is None
    assert store.read_audit("key-1") == ()
