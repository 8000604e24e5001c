"""Races of loads with evictions: what must never be kept, or handed out."""

import random
import threading

import pytest

from counterseal.server.keys.cache import CachedKeyRing, CacheLimits
from counterseal.server.keys.flight import SingleFlightKeyRing
from tests.keys.rings import Find, Gate, Store, never_stale, version_of


@pytest.fixture
def store() -> Store:
    made = Store()
    made.versions = {f"k{number}": 1 for number in range(10)}
    return made


@pytest.mark.parametrize(("old", "new"), [(1, 2), (None, 1)])
@pytest.mark.parametrize("lands_first", ["older", "newer"])
def test_a_load_from_before_an_eviction_is_neither_kept_nor_handed_out_after(
    store: Store, old: int | None, new: int, lands_first: str
) -> None:
    """The race of MemWal#900: read, revoke and evict, store what was read."""
    if old is not None:
        store.versions["k"] = old
    flight = SingleFlightKeyRing(store, timeout=60, bound=never_stale())
    ring = CachedKeyRing(flight, bound=never_stale())
    store.on_find = gate = Gate()
    older = Find(ring.find, "k")
    assert gate.reached.wait(30)
    store.versions["k"] = new
    ring.evict("k")
    if lands_first == "older":
        gate.opened.set()
        older.result()
    assert version_of(ring.find("k")) == new
    gate.opened.set()
    found = older.result()  # it asked before, and may be told what was so before
    assert (None if found is None else version_of(found)) == old
    assert version_of(ring.find("k")) == new
    assert store.finds["k"] == 2
    assert ring._marks == {}
    flight.close()


def test_two_loads_under_way_at_an_eviction_are_both_fenced(store: Store) -> None:
    """Without a flight below, loads of one key overlap; the last one home must not be taken for a fresh one."""
    ring = CachedKeyRing(store, bound=never_stale())
    gates = {"older": Gate(), "younger": Gate()}
    store.on_find = gates["older"]
    older = Find(ring.find, "k0")
    assert gates["older"].reached.wait(30)
    store.on_find = gates["younger"]
    younger = Find(ring.find, "k0")
    assert gates["younger"].reached.wait(30)
    store.versions["k0"] = 2
    ring.evict("k0")
    for name, find in (("older", older), ("younger", younger)):
        gates[name].opened.set()
        assert version_of(find.result()) == 1
    assert version_of(ring.find("k0")) == 2


@pytest.mark.parametrize("lands", ["while evicting", "after"])
def test_a_find_that_slips_in_while_evicting_leaves_nothing_stale(store: Store, lands: str) -> None:
    """It may still join an older load below; whatever it brings home must not stay."""
    ring = CachedKeyRing(store, bound=never_stale())
    slipped: list[Find] = []
    gate = Gate()

    def slip_in(key_id: str) -> None:  # below: the stale version can still be had
        store.on_find = gate
        slipped.append(Find(ring.find, key_id))
        assert gate.reached.wait(30)
        store.versions["k0"] = 2
        if lands == "while evicting":
            gate.opened.set()
            assert version_of(slipped[0].result()) == 1

    store.on_evict = slip_in
    ring.evict("k0")
    if lands == "after":
        gate.opened.set()
        assert version_of(slipped[0].result()) == 1
    assert version_of(ring.find("k0")) == 2


def test_an_eviction_of_one_key_hinders_no_load_of_another(store: Store) -> None:
    ring = CachedKeyRing(store, bound=never_stale())
    store.on_find = gate = Gate()
    loading = Find(ring.find, "k0")
    assert gate.reached.wait(30)
    ring.evict("k1")
    gate.opened.set()
    loading.result()
    ring.find("k0")
    assert store.finds["k0"] == 1


def test_no_find_sees_what_was_before_an_eviction_that_had_returned(store: Store) -> None:
    """Many threads at once, through cache and flight: a version once announced is never undercut."""
    flight = SingleFlightKeyRing(store, timeout=60, bound=never_stale())
    ring = CachedKeyRing(flight, CacheLimits(keys=4), bound=never_stale())
    announced = {f"k{number}": 1 for number in range(6)}
    wrong: list[str] = []
    end = threading.Event()

    def read() -> None:
        draw = random.Random()
        while not end.is_set():
            key_id = f"k{draw.randrange(6)}"
            floor = announced[key_id]
            if version_of(ring.find(key_id)) < floor:
                wrong.append(key_id)

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for number in range(3000):
        key_id = f"k{number % 6}"
        store.versions[key_id] += 1
        ring.evict(key_id)
        announced[key_id] = store.versions[key_id]
    end.set()
    for reader in readers:
        reader.join(30)
    assert wrong == []
    assert ring._marks == {}
    flight.close()
