"""A reseal goes through everything that is sealed, passes over what it cannot read, and knows when it is overtaken."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text

from counterseal.server.errors import ConfigError, SealBroken
from counterseal.server.keys.canary import check_master_keys, master_keys_in_use
from counterseal.server.keys.reseal import ResealReport, reseal_all, sealed_under
from counterseal.server.keys.resealable import SealedMetas, Swap
from counterseal.server.keys.seal import seal_key
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import SealSwap
from tests.keys.test_reseal import check_all_open, fill, ring, secret_of
from tests.store import samples

NAME = "sealed/chain"


def add_value(store: KeyStore, name: str = NAME, value: bytes = b"a chain's key") -> None:
    assert store.add_meta(name, ring("old").seal(value, tenant="", key_id=name, version=0))


def read_value(store: KeyStore, name: str = NAME) -> bytes:
    return ring("new").unseal(store.read_meta(name)[name], tenant="", key_id=name, version=0)


def test_single_values_are_resealed_with_the_keys(store: KeyStore) -> None:
    fill(store, ring("old"), 1, 2)
    add_value(store)
    store.add_meta("sealing", b"is no name of one")
    assert reseal_all(store, ring("new", "old")) == ResealReport(resealed=3, skipped=0)
    assert read_value(store) == b"a chain's key"
    assert store.read_meta("sealing") == {"sealing": b"is no name of one"}
    assert reseal_all(store, ring("new")) == ResealReport(resealed=0, skipped=3)


def test_a_value_that_does_not_open_is_named_with_its_kind(store: KeyStore) -> None:
    fill(store, ring("old"), 1)
    store.add_meta(NAME, b"nonsense")
    report = reseal_all(store, ring("new", "old"))
    assert report == ResealReport(resealed=1, skipped=0, broken=(f"value {NAME}",))
    assert master_keys_in_use(store) == {"old", "new"}


def test_a_value_that_changed_meanwhile_is_not_overwritten(store: KeyStore) -> None:
    add_value(store)
    values = SealedMetas(store)
    [[value]] = values.pages(10)
    assert values.swap([Swap(name=NAME, old=b"what it never was", new=b"x")]) == frozenset()
    assert [again.sealed for again in values.again([NAME])] == [value.sealed]
    assert values.again(["sealed/other"]) == []


def test_no_value_and_no_key_is_nothing_to_do(store: KeyStore) -> None:
    assert reseal_all(store, ring("new")) == ResealReport(resealed=0, skipped=0)


def spoil(store: KeyStore, *key_ids: str) -> None:
    with store.database.writes.begin() as connection:
        for key_id in key_ids:
            connection.execute(text("UPDATE keys SET labels = '{' WHERE key_id = :id"), {"id": key_id})


def test_a_row_that_cannot_be_read_does_not_stop_the_others(store: KeyStore) -> None:
    fill(store, ring("old"), *range(450))
    spoilt = ("k0000", "k0007", "k0199", "k0200", "k0449")
    spoil(store, *spoilt)
    report = reseal_all(store, ring("new", "old"))
    assert report == ResealReport(resealed=445, skipped=0, broken=spoilt)
    assert master_keys_in_use(store) == {"old", "new"}
    with pytest.raises(ConfigError):
        check_master_keys(store, ring("new"))
    with store.database.writes.begin() as connection:
        connection.execute(text("UPDATE keys SET labels = '{}' WHERE key_id LIKE 'k%'"))
    assert reseal_all(store, ring("new", "old")) == ResealReport(resealed=5, skipped=445)
    check_all_open(store, ring("new"), 450)


class Spoiling(KeyStore):
    """A row is spoilt between its reading and its swap; another one is removed behind our back."""

    def swap_sealed(self, swaps: Sequence[SealSwap]) -> frozenset[str]:
        self.swap_sealed = super().swap_sealed  # type: ignore[method-assign]
        spoil(self, swaps[0].key_id)
        with self.database.writes.begin() as connection:
            connection.execute(text("UPDATE keys SET sealed_secret = x'00' WHERE key_id = :id"), {"id": swaps[0].key_id})
            connection.execute(text("DELETE FROM keys WHERE key_id = :id"), {"id": swaps[1].key_id})
        return super().swap_sealed(swaps)


def test_what_is_spoilt_or_removed_meanwhile(store: KeyStore) -> None:
    fill(store, ring("old"), *range(4))
    report = reseal_all(Spoiling(store.database), ring("new", "old"))
    assert report == ResealReport(resealed=2, skipped=0, broken=("k0000", "k0001"))


class Stale(KeyStore):
    """Beside the reseal, a server that still seals under the old master key: it seals the first key anew, behind each page."""

    times = 1

    def swap_sealed(self, swaps: Sequence[SealSwap]) -> frozenset[str]:
        done = super().swap_sealed(swaps)
        if self.times:
            self.times -= 1
            [first] = self.read_keys_after("", 1)
            key_id = first.record.key_id
            again = seal_key(secret_of(key_id), first, ring("old", "new")).sealed_secret
            super().swap_sealed([SealSwap(key_id=key_id, old=first.sealed_secret, new=again)])
        return done


def test_what_was_sealed_behind_the_reseal_is_found(store: KeyStore) -> None:
    fill(store, ring("old"), *range(5))
    assert reseal_all(Stale(store.database), ring("new", "old")) == ResealReport(resealed=6, skipped=0)
    check_all_open(store, ring("new"), 5)
    assert sealed_under(store, "old") == 0
    assert sealed_under(store, "new") == 5


def test_a_server_that_goes_on_sealing_under_the_old_key_keeps_it(store: KeyStore) -> None:
    fill(store, ring("old"), *range(5))
    stale = Stale(store.database)
    stale.times = 1000
    report = reseal_all(stale, ring("new", "old"))
    assert (report.unsettled, report.broken) == (1, ())
    assert master_keys_in_use(store) == {"old", "new"}
    assert sealed_under(store, "old") == 1
    assert reseal_all(store, ring("new", "old")) == ResealReport(resealed=1, skipped=4)
    assert master_keys_in_use(store) == {"new"}


def test_what_seals_nothing_readable_counts_for_no_master_key(store: KeyStore) -> None:
    store.insert(samples.stored("bad", sealed=b"nonsense"), samples.entry("bad"))
    assert sealed_under(store, "old") == 0
    with pytest.raises(SealBroken):
        ring("old").is_current(b"nonsense")


def test_pages_are_told_of(store: KeyStore) -> None:
    fill(store, ring("old"), *range(450))
    told = []
    reseal_all(store, ring("new", "old"), after_page=lambda: told.append(1))
    assert len(told) == 3
