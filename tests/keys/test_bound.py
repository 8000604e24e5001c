"""The revocation bound, interleaving by interleaving: what may be relied on, until when, and what an outage makes of it.

A change is committed at some time; one bound later no `holds` may say yes to a key read before it. The clock, the loads and the
feed's readings move only where a test moves them.
"""

import threading

import pytest

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.bound import RevocationBound, boot_clock
from counterseal.server.keys.cache import CacheLimits
from counterseal.server.keys.flight import SingleFlightKeyRing
from counterseal.server.keys.ring import OpenedKey
from tests.keys.feeding import BOUND, Clock, Held, Replica, World
from tests.keys.rings import Find, version_of

# Later than one bound by a moment.
OVER = BOUND + 0.001


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    made = World(clock)
    made.commit("k", 1)
    return made


@pytest.fixture
def replica(world: World) -> Replica:
    made = Replica(world)
    assert made.feed.catch_up()
    return made


def found(replica: Replica, key_id: str = "k") -> OpenedKey:
    opened = replica.ring.find(key_id)
    assert opened is not None
    return opened


def test_a_change_is_in_force_once_the_feed_has_read_it(replica: Replica, world: World) -> None:
    before = found(replica)
    world.commit("k", 2)
    assert found(replica) is before
    assert replica.feed.catch_up()
    assert not replica.ring._is_cached(before)
    assert version_of(found(replica)) == 2


def test_what_was_found_before_a_change_holds_for_one_bound_and_no_longer(replica: Replica, world: World, clock: Clock) -> None:
    before = found(replica)
    world.commit("k", 2)
    clock.now += BOUND
    replica.feed.catch_up()
    assert replica.ring.holds(before)
    clock.now += 0.001
    assert not replica.ring.holds(before)


def test_while_the_feed_reads_what_is_cached_holds_for_good(replica: Replica, clock: Clock, world: World) -> None:
    before = found(replica)
    for _ in range(20):
        clock.now += BOUND / 4
        replica.feed.catch_up()
        assert replica.ring.holds(before)
        assert found(replica) is before
    assert world.reads == 1


def test_a_pause_makes_the_cache_stale_until_the_feed_has_read_again(replica: Replica, world: World, clock: Clock) -> None:
    """SIGSTOP, revoke, SIGCONT: whatever the process was about to do, it does with an old clock reading at most."""
    before = found(replica)
    world.commit("k", 2)
    clock.now += 3600
    assert not replica.ring.holds(before)
    assert version_of(found(replica)) == 2  # without the feed: straight from the store
    replica.feed.catch_up()
    assert version_of(found(replica)) == 2


def test_a_stale_feed_costs_one_reading_of_each_key_in_a_bound(replica: Replica, world: World, clock: Clock) -> None:
    found(replica)
    clock.now += OVER
    reads = world.reads
    for _ in range(10):
        clock.now += BOUND / 10
        assert replica.ring.holds(found(replica))
    assert world.reads - reads == 1


@pytest.mark.parametrize("evicts", ["before it lands", "after it landed"])
def test_a_load_over_a_revocation(replica: Replica, world: World, clock: Clock, evicts: str) -> None:
    """Read before, returned after: never kept, and good for one bound from when it began."""
    load = Held(lambda: replica.ring.find("k"))
    load.step()  # it has read version 1
    world.commit("k", 2)
    if evicts == "before it lands":
        replica.feed.catch_up()
        early = load.finish()
    else:
        early = load.finish()
        replica.feed.catch_up()
    assert version_of(early) == 1
    assert version_of(found(replica)) == 2
    clock.now += OVER
    replica.feed.catch_up()
    assert not replica.ring.holds(early)


def test_a_load_that_returns_after_the_effective_time(replica: Replica, world: World, clock: Clock) -> None:
    load = Held(lambda: replica.ring.find("k"))
    load.step()
    world.commit("k", 2)
    clock.now += OVER
    early = load.finish()  # the feed has read nothing meanwhile
    assert version_of(early) == 1
    assert not replica.ring.holds(early)
    assert version_of(found(replica)) == 2


def test_a_slow_load_without_any_change_is_relied_on_through_the_feed(replica: Replica, clock: Clock) -> None:
    load = Held(lambda: replica.ring.find("k"))
    load.step()
    clock.now += OVER
    replica.feed.catch_up()
    assert replica.ring.holds(load.finish())


def test_a_reading_that_began_before_the_commit_dates_from_its_beginning(replica: Replica, world: World, clock: Clock) -> None:
    """The feed reads, the key is revoked, and only then the reading returns: it vouches for nothing after its beginning."""
    before = found(replica)
    reading = Held(replica.feed.catch_up)
    reading.step()
    world.commit("k", 2)
    clock.now += OVER
    assert reading.finish() is True
    assert not replica.ring.holds(before)


def test_the_process_that_revokes_evicts_by_itself(replica: Replica, world: World) -> None:
    before = found(replica)
    world.commit("k", 2)
    replica.ring.evict("k")  # what the issuer does once it has committed
    assert version_of(found(replica)) == 2
    replica.feed.catch_up()
    assert not replica.ring._is_cached(before)


def test_nothing_is_relied_on_before_the_first_reading(world: World, clock: Clock) -> None:
    """A fresh process: what it loads is good for a bound, and is thrown away by the first reading, which names nothing."""
    replica = Replica(world)
    before = found(replica)
    world.commit("k", 2)
    clock.now += OVER
    assert not replica.ring.holds(before)
    assert replica.ring.find("absent") is None
    world.commit("absent", 1)
    assert version_of(found(replica, "absent")) == 1
    replica.feed.catch_up()
    assert version_of(found(replica)) == 2


def test_a_load_under_way_at_the_first_reading_is_not_kept(world: World) -> None:
    replica = Replica(world)
    load = Held(lambda: replica.ring.find("k"))
    load.step()
    world.commit("k", 2)
    replica.feed.catch_up()
    load.finish()
    assert version_of(found(replica)) == 2


def test_absences_end_with_the_feed(replica: Replica, world: World, clock: Clock) -> None:
    assert replica.ring.find("new") is None
    world.commit("new", 1)
    assert replica.ring.find("new") is None
    replica.feed.catch_up()
    assert version_of(found(replica, "new")) == 1


def test_no_absence_is_believed_of_a_stale_feed(replica: Replica, world: World, clock: Clock) -> None:
    assert replica.ring.find("new") is None
    world.commit("new", 1)
    clock.now += OVER
    assert version_of(found(replica, "new")) == 1


@pytest.mark.parametrize("grace", [0.0, 30.0])
def test_an_outage_refuses_no_good_key(world: World, clock: Clock, grace: float) -> None:
    replica = Replica(world, grace=grace)
    replica.feed.catch_up()
    assert replica.ring.find("new") is None
    world.commit("new", 1)
    clock.now += OVER
    world.down = True
    with pytest.raises(StoreUnavailable):
        replica.ring.find("new")


def test_without_a_grace_an_outage_ends_the_cache_after_one_bound(replica: Replica, world: World, clock: Clock) -> None:
    found(replica)
    world.down = True
    assert replica.feed.catch_up() is False
    clock.now += BOUND
    assert replica.ring.holds(found(replica))
    clock.now += 0.001
    with pytest.raises(StoreUnavailable):
        replica.ring.find("k")
    world.down = False
    assert replica.feed.catch_up()
    assert replica.ring.holds(found(replica))


def test_the_outage_grace_is_loud_and_ends(world: World, clock: Clock) -> None:
    replica = Replica(world, grace=30, limits=CacheLimits(key_seconds=5))
    replica.feed.catch_up()
    before = found(replica)
    world.down = True
    clock.now += BOUND
    assert found(replica) is before
    assert not replica.bound.in_grace()
    clock.now += 30  # beyond the entry's own lifetime too
    for _ in range(3):
        assert found(replica) is before
        assert replica.ring.holds(before)
    assert replica.bound.in_grace()
    assert not replica.feed.is_fresh()
    assert replica.loud() == ["outage_grace_in_use"]
    clock.now += 0.001
    assert not replica.ring.holds(before)
    with pytest.raises(StoreUnavailable):
        replica.ring.find("k")
    world.down = False
    replica.feed.catch_up()
    assert not replica.bound.in_grace()
    assert replica.loud() == ["outage_grace_in_use", "outage_grace_ended"]


def test_everything_is_forgotten_when_the_sequence_goes_backwards(replica: Replica, world: World) -> None:
    """A backup from before was restored: what was cached may be of a time that is gone."""
    numbers: list[int] = []
    replica.feed.on_sequence(numbers.append)
    found(replica)
    world.commit("other", 1)
    replica.feed.catch_up()
    world.number, world.versions["k"] = 0, 7
    replica.feed.catch_up()
    assert version_of(found(replica)) == 7
    assert numbers == [2, 0]


class Slow(World):
    """Holds up the first load, after it has read."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def find(self, key_id: str) -> OpenedKey | None:
        result = super().find(key_id)
        if not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(30)
        return result


def test_a_flight_older_than_the_bound_is_not_joined(clock: Clock) -> None:
    """It would bring something too old to be relied on, or an absence of before a key was issued."""
    slow = Slow(clock)
    flight = SingleFlightKeyRing(slow, timeout=60, bound=RevocationBound(seconds=BOUND, clock=clock))
    first = Find(flight.find, "new")
    assert slow.reached.wait(30)
    slow.commit("new", 1)
    clock.now += BOUND
    assert version_of(flight.find("new")) == 1
    slow.go_on.set()
    assert first.result() is None
    flight.close()


def test_evicting_all_leaves_no_flight_to_join(clock: Clock) -> None:
    slow = Slow(clock)
    slow.commit("k", 1)
    flight = SingleFlightKeyRing(slow, timeout=60, bound=RevocationBound(seconds=BOUND, clock=clock))
    first = Find(flight.find, "k")
    assert slow.reached.wait(30)
    slow.commit("k", 2)
    flight.evict_all()
    assert version_of(flight.find("k")) == 2
    slow.go_on.set()
    assert version_of(first.result()) == 1
    flight.close()


def test_the_clock_goes_on_and_never_back() -> None:
    readings = [boot_clock() for _ in range(100)]
    assert readings == sorted(readings)
    assert readings[0] > 0
