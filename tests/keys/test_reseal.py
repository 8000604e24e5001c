"""Rotating master keys while the service runs, and starting with the wrong ones."""

import threading
from collections.abc import Sequence

import pytest

from counterseal.server.errors import ConfigError, StoreUnavailable
from counterseal.server.keys.canary import check_master_keys
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.reseal import ResealReport, reseal_all
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.keys.stored import open_key
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import AuditEntry, SealSwap, StoredKey
from tests.store import samples

KEYS = {"old": b"1" * 32, "new": b"2" * 32, "wrong": b"3" * 32}


def ring(*ids: str) -> SecretCipher:
    return SecretCipher(MasterKeys(active=ids[0], keys={key_id: KEYS[key_id] for key_id in ids}))


def secret_of(key_id: str) -> bytes:
    return f"the secret of {key_id}".encode()


def fill(store: KeyStore, cipher: SecretCipher, *numbers: int) -> None:
    check_master_keys(store, cipher)
    for number in numbers:
        key_id = f"k{number:04}"
        store.insert(seal_key(secret_of(key_id), samples.stored(key_id), cipher), samples.entry(key_id))


def check_all_open(store: KeyStore, cipher: SecretCipher, number: int) -> None:
    found = store.read_keys_after("", 10_000)
    assert len(found) == number
    for stored in found:
        assert open_key(stored, cipher).secret == secret_of(stored.record.key_id)


def test_after_a_reseal_the_old_master_key_may_go(store: KeyStore) -> None:
    fill(store, ring("old"), *range(450))
    fill(store, ring("new", "old"), *range(450, 460))
    before = store.change_sequence()
    assert reseal_all(store, ring("new", "old")) == ResealReport(resealed=450, skipped=10)
    check_master_keys(store, ring("new"))
    check_all_open(store, ring("new"), 460)
    assert store.change_sequence() == before
    assert reseal_all(store, ring("new")) == ResealReport(resealed=0, skipped=460)


class Interrupted(KeyStore):
    """Breaks off after two pages."""

    pages = 2

    def swap_sealed(self, swaps: Sequence[SealSwap]) -> frozenset[str]:
        if not self.pages:
            raise StoreUnavailable("gone")
        self.pages -= 1
        return super().swap_sealed(swaps)


def test_an_interrupted_reseal_goes_on(store: KeyStore) -> None:
    fill(store, ring("old"), *range(500))
    with pytest.raises(StoreUnavailable):
        reseal_all(Interrupted(store.database), ring("new", "old"))
    check_all_open(store, ring("new", "old"), 500)
    with pytest.raises(ConfigError):  # not yet
        check_master_keys(store, ring("new"))
    assert reseal_all(store, ring("new", "old")) == ResealReport(resealed=100, skipped=400)
    check_all_open(store, ring("new"), 500)


class Overtaken(KeyStore):
    """Something else changes what was read before it is swapped."""

    def swap_sealed(self, swaps: Sequence[SealSwap]) -> frozenset[str]:
        first, second = swaps[0], swaps[1]
        self.swap_sealed = super().swap_sealed  # type: ignore[method-assign]
        again = {
            swap.key_id: seal_key(
                secret_of(swap.key_id), samples.stored(swap.key_id), ring(active, *{"old", "new"} - {active})
            ).sealed_secret
            for swap, active in ((first, "old"), (second, "new"))
        }
        changed = [SealSwap(key_id=swap.key_id, old=swap.old, new=again[swap.key_id]) for swap in (first, second)]
        assert super().swap_sealed(changed) == set(again)
        return super().swap_sealed(swaps)


def test_concurrent_changes_are_not_lost(store: KeyStore) -> None:
    fill(store, ring("old"), *range(5))
    assert reseal_all(Overtaken(store.database), ring("new", "old")) == ResealReport(resealed=4, skipped=1)
    check_all_open(store, ring("new"), 5)


def test_two_reseals_at_once_and_changes_meanwhile(store: KeyStore) -> None:
    fill(store, ring("old"), *range(400))
    reports: list[ResealReport] = []
    workers = [
        threading.Thread(target=lambda: reports.append(reseal_all(store, ring("new", "old")))),
        threading.Thread(target=lambda: reports.append(reseal_all(store, ring("new", "old")))),
    ]
    for worker in workers:
        worker.start()

    def change(stored: StoredKey) -> tuple[StoredKey, AuditEntry]:
        after, entry = samples.moved(stored, principal="x")
        return seal_key(open_secret(stored, ring("new", "old")), after, ring("new", "old")), entry

    for number in range(0, 400, 20):
        store.change(f"k{number:04}", change)
    for worker in workers:
        worker.join()
    assert 380 <= sum(report.resealed for report in reports) <= 400  # a change seals anew as well
    check_all_open(store, ring("new"), 400)
    changed = [found for found in store.read_keys_after("", 1000) if found.record.principal == "x"]
    assert len(changed) == 20


def test_what_does_not_open_is_reported_and_keeps_the_old_master_key(store: KeyStore) -> None:
    fill(store, ring("old"), *range(5))
    for key_id, bad in (("bad-1", b"nonsense"), ("bad-2", ring("old").seal(b"s" * 16, tenant="x", key_id="y", version=1))):
        store.insert(samples.stored(key_id, sealed=bad), samples.entry(key_id))
    report = reseal_all(store, ring("new", "old"))
    assert report == ResealReport(resealed=5, skipped=0, broken=("bad-1", "bad-2"))
    with pytest.raises(ConfigError):
        check_master_keys(store, ring("new"))


def test_a_new_store_takes_any_ring_and_then_that_one(store: KeyStore) -> None:
    check_master_keys(store, ring("old"))
    check_master_keys(store, ring("old"))
    check_master_keys(store, ring("old", "new"))
    with pytest.raises(ConfigError, match=r"COUNTERSEAL_MASTER_KEYS.*old") as caught:
        check_master_keys(store, ring("new"))
    assert caught.value.__suppress_context__


def test_another_master_key_under_the_same_id_is_noticed_at_start(store: KeyStore) -> None:
    check_master_keys(store, ring("old"))
    impostor = SecretCipher(MasterKeys(active="old", keys={"old": KEYS["wrong"]}))
    with pytest.raises(ConfigError):
        check_master_keys(store, impostor)


def test_a_wrong_ring_leaves_nothing_behind(store: KeyStore) -> None:
    check_master_keys(store, ring("old"))
    with pytest.raises(ConfigError):
        check_master_keys(store, ring("wrong"))
    check_master_keys(store, ring("old"))


def test_no_master_key_in_use_may_leave_the_ring(store: KeyStore) -> None:
    """The new one was active for a while: going back to the old one alone would lose what was sealed meanwhile."""
    fill(store, ring("old"), 1)
    fill(store, ring("new", "old"), 2)
    check_master_keys(store, ring("old", "new"))
    for missing in (ring("old"), ring("new")):
        with pytest.raises(ConfigError):
            check_master_keys(store, missing)


def test_of_two_rings_on_a_new_store_at_most_one_starts(store: KeyStore) -> None:
    outcome: list[str] = []
    gate = threading.Barrier(2)

    def start(cipher: SecretCipher) -> None:
        gate.wait()
        try:
            check_master_keys(store, cipher)
            outcome.append("started")
        except ConfigError:
            outcome.append("refused")

    threads = [threading.Thread(target=start, args=(ring(key_id),)) for key_id in ("old", "new")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcome.count("started") <= 1
