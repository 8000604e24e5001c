"""The cache: what it keeps, what it must not keep, and what it must never hand out."""

from dataclasses import dataclass, field

import pytest

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.cache import CachedKeyRing, CacheLimits
from tests.keys.rings import Store, never_stale, version_of


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Meter:
    events: list[str] = field(default_factory=list)

    def hit(self) -> None:
        self.events.append("hit")

    def negative(self) -> None:
        self.events.append("negative")

    def miss(self) -> None:
        self.events.append("miss")

    def loaded(self, seconds: float) -> None:
        self.events.append(f"loaded {seconds}")

    def bypassed(self) -> None:
        self.events.append("bypassed")

    def evicted(self, count: int = 1) -> None:
        self.events += ["evicted"] * count


@pytest.fixture
def store() -> Store:
    made = Store()
    made.versions = {f"k{number}": 1 for number in range(10)}
    return made


def test_a_found_key_is_kept(store: Store) -> None:
    ring = CachedKeyRing(store, bound=never_stale())
    first = ring.find("k0")
    assert ring.find("k0") is first
    assert store.finds["k0"] == 1


def test_the_least_recently_used_goes_first(store: Store) -> None:
    ring = CachedKeyRing(store, CacheLimits(keys=3), bound=never_stale())
    for key_id in ("k0", "k1", "k2", "k0", "k3"):
        ring.find(key_id)
    assert ring.key_count() == 3
    store.finds.clear()
    for key_id in ("k0", "k2", "k3"):
        ring.find(key_id)
    assert not store.finds
    ring.find("k1")
    assert store.finds == {"k1": 1}


def test_nothing_outlives_its_lifetime_however_much_it_is_used(store: Store) -> None:
    clock = Clock()
    ring = CachedKeyRing(store, CacheLimits(key_seconds=60, negative_seconds=5), bound=never_stale(clock))
    ring.find("k0")
    ring.find("absent")
    clock.now += 4.9
    ring.find("absent")
    assert store.finds == {"k0": 1, "absent": 1}
    clock.now += 0.1
    ring.find("absent")
    assert store.finds["absent"] == 2
    clock.now += 54.9
    ring.find("k0")
    assert store.finds["k0"] == 1
    clock.now += 0.1
    store.versions["k0"] = 2
    assert version_of(ring.find("k0")) == 2


def test_time_does_not_tell_which_ids_exist(store: Store) -> None:
    """As long as one of the two is cached, so is the other: else the one that comes from the cache is the one that exists."""
    clock = Clock()
    ring = CachedKeyRing(store, bound=never_stale(clock))
    for _ in range(100):
        before = dict(store.finds)
        ring.find("k0")
        ring.find("absent")
        assert store.finds["k0"] - before.get("k0", 0) == store.finds["absent"] - before.get("absent", 0)
        clock.now += 1.5
    assert store.finds == {"k0": 3, "absent": 3}


def test_a_lifetime_begins_before_the_load(store: Store) -> None:
    clock = Clock()
    ring = CachedKeyRing(store, CacheLimits(key_seconds=60), bound=never_stale(clock))

    def take_long(key_id: str) -> None:
        clock.now += 30

    store.on_find = take_long
    ring.find("k0")
    clock.now += 29
    ring.find("k0")
    assert store.finds["k0"] == 1
    clock.now += 1
    ring.find("k0")
    assert store.finds["k0"] == 2


def test_a_flood_of_unknown_ids_drops_no_key(store: Store) -> None:
    ring = CachedKeyRing(store, CacheLimits(keys=10, negative=1000, negative_seconds=3600), bound=never_stale())
    for key_id in list(store.versions):
        ring.find(key_id)
    hot = dict(store.finds)
    for number in range(100_000):
        assert ring.find(f"absent-{number}") is None
    for key_id in list(store.versions):
        assert version_of(ring.find(key_id)) == 1
    assert {key_id: store.finds[key_id] for key_id in hot} == hot
    assert (ring.key_count(), ring.absent_count()) == (10, 1000)
    assert ring._marks == {}


def test_nothing_is_kept_where_there_is_no_room(store: Store) -> None:
    ring = CachedKeyRing(store, CacheLimits(keys=0, negative=0), bound=never_stale())
    for _ in range(2):
        assert version_of(ring.find("k0")) == 1
        assert ring.find("absent") is None
    assert store.finds == {"k0": 2, "absent": 2}


def test_errors_are_not_kept(store: Store) -> None:
    ring = CachedKeyRing(store, bound=never_stale())

    def fail(key_id: str) -> None:
        raise StoreUnavailable("why")

    store.on_find = fail
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            ring.find("k0")
    assert ring._marks == {}
    store.on_find = lambda key_id: None
    assert version_of(ring.find("k0")) == 1


def test_an_outage_is_no_absence_and_hits_go_on(store: Store) -> None:
    ring = CachedKeyRing(store, bound=never_stale())
    ring.find("k0")

    def fail(key_id: str) -> None:
        raise StoreUnavailable("why")

    store.on_find = fail
    assert version_of(ring.find("k0")) == 1
    ring.evict("k0")
    with pytest.raises(StoreUnavailable):
        ring.find("k0")


def test_evict_forgets_presence_and_absence_and_goes_down(store: Store) -> None:
    ring = CachedKeyRing(store, bound=never_stale())
    ring.find("k0")
    ring.find("new")
    store.versions |= {"k0": 2, "new": 1}
    ring.evict("k0")
    ring.evict("new")
    assert store.evictions == ["k0", "new"]
    assert version_of(ring.find("k0")) == 2
    assert version_of(ring.find("new")) == 1
    assert version_of(ring.find("k1")) == 1


def test_what_happens_is_reported(store: Store) -> None:
    meter, clock = Meter(), Clock()
    ring = CachedKeyRing(store, CacheLimits(keys=1), metrics=meter, bound=never_stale(clock))

    def take_two_seconds(key_id: str) -> None:
        clock.now += 2

    store.on_find = take_two_seconds

    def events(key_id: str) -> list[str]:
        meter.events.clear()
        ring.find(key_id)
        return list(meter.events)

    assert events("k0") == ["miss", "loaded 2.0"]
    assert events("k0") == ["hit"]
    assert events("k1") == ["miss", "loaded 2.0", "evicted"]
    assert events("absent") == ["miss", "loaded 2.0"]
    assert events("absent") == ["negative"]
    clock.now += 60
    assert events("k1") == ["miss", "loaded 2.0", "evicted"]
    meter.events.clear()
    ring.evict("k1")
    ring.evict("k1")
    assert meter.events == ["evicted"]
