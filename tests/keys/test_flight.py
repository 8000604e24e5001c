"""Single flight: one load for all who wait, and no one's fate tied to another's."""

import threading
import time
from collections.abc import Iterator

import pytest

from counterseal.server.errors import SealBroken, StoreUnavailable
from counterseal.server.keys.flight import SingleFlightKeyRing
from counterseal.server.keys.ring import OpenedKey
from counterseal.server.lanes import set_seconds_left
from tests.keys.rings import Find, Gate, Store, never_stale, version_of


@pytest.fixture
def store() -> Store:
    made = Store()
    made.versions["k"] = 1
    return made


@pytest.fixture
def ring(store: Store) -> Iterator[SingleFlightKeyRing]:
    made = SingleFlightKeyRing(store, timeout=60, bound=never_stale())
    yield made
    made.close()


def wait_for_waiters(ring: SingleFlightKeyRing, key_id: str, number: int) -> None:
    """Until so many threads wait for the one load; looks into Future, which tells nobody."""
    landed = ring._flights[key_id].landed
    deadline = time.monotonic() + 60
    while len(landed._condition._waiters) < number:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_thousand_who_wait_make_one_load(ring: SingleFlightKeyRing, store: Store) -> None:
    store.on_find = gate = Gate()
    finds = [Find(ring.find, "k") for _ in range(1000)]
    assert gate.reached.wait(30)
    wait_for_waiters(ring, "k", 1000)
    gate.opened.set()
    found = [find.result() for find in finds]
    assert store.finds["k"] == 1
    assert version_of(found[0]) == 1
    assert all(one is found[0] for one in found)


def test_absence_is_shared_too(ring: SingleFlightKeyRing, store: Store) -> None:
    store.on_find = gate = Gate()
    finds = [Find(ring.find, "absent") for _ in range(10)]
    assert gate.reached.wait(30)
    wait_for_waiters(ring, "absent", 10)
    gate.opened.set()
    assert [find.result() for find in finds] == [None] * 10
    assert store.finds["absent"] == 1


def test_nothing_is_kept_once_it_landed(ring: SingleFlightKeyRing, store: Store) -> None:
    assert version_of(ring.find("k")) == 1
    store.versions["k"] = 2
    assert version_of(ring.find("k")) == 2
    assert ring._flights == {}
    assert ring._running == 0


def test_ids_do_not_wait_for_one_another(ring: SingleFlightKeyRing, store: Store) -> None:
    store.on_find = gate = Gate()
    slow = Find(ring.find, "slow")
    assert gate.reached.wait(30)
    assert version_of(ring.find("k")) == 1
    gate.opened.set()
    assert slow.result() is None


@pytest.mark.parametrize("kind", [StoreUnavailable, SealBroken])
def test_errors_go_to_all_who_wait_and_are_then_forgotten(
    ring: SingleFlightKeyRing, store: Store, kind: type[Exception]
) -> None:
    gate = Gate()

    def fail(key_id: str) -> None:
        gate(key_id)
        raise kind("why")

    store.on_find = fail
    finds = [Find(ring.find, "k") for _ in range(50)]
    assert gate.reached.wait(30)
    wait_for_waiters(ring, "k", 50)
    gate.opened.set()
    raised = set()
    for find in finds:
        with pytest.raises(kind, match="why") as caught:
            find.result()
        raised.add(id(caught.value))
    assert len(raised) == 50  # of their own: a shared one would collect the tracebacks of all
    assert store.finds["k"] == 1
    store.on_find = lambda key_id: None
    assert version_of(ring.find("k")) == 1


def test_a_bug_stays_a_bug(ring: SingleFlightKeyRing, store: Store) -> None:
    def fail(key_id: str) -> None:
        raise TimeoutError("not ours")

    store.on_find = fail
    with pytest.raises(TimeoutError, match="not ours"):
        ring.find("k")


def test_who_gives_up_first_takes_nobody_along(ring: SingleFlightKeyRing, store: Store) -> None:
    def hasty(key_id: str) -> OpenedKey | None:
        set_seconds_left(0.5)
        return ring.find(key_id)

    store.on_find = gate = Gate()
    first = Find(hasty, "k")
    assert gate.reached.wait(30)
    second = Find(ring.find, "k")
    with pytest.raises(StoreUnavailable, match="in time"):
        first.result()
    wait_for_waiters(ring, "k", 1)
    gate.opened.set()
    assert version_of(second.result()) == 1
    assert store.finds["k"] == 1


def test_a_load_that_hangs_is_given_up_and_tried_anew(store: Store) -> None:
    ring = SingleFlightKeyRing(store, timeout=0.1, bound=never_stale())
    store.on_find = gate = Gate()
    with pytest.raises(StoreUnavailable, match="in time"):
        ring.find("k")
    time.sleep(0.1)
    ring._timeout = 60  # for the next load, which a busy machine may be slow to begin
    assert version_of(ring.find("k")) == 1  # the gate holds up one alone
    gate.opened.set()
    ring.close()


def test_a_store_that_hangs_is_not_heaped_with_loads(store: Store) -> None:
    ring = SingleFlightKeyRing(store, timeout=60, bound=never_stale(), threads=2, max_flights=3)
    hang, reached = threading.Event(), threading.Semaphore(0)

    def wait(key_id: str) -> None:
        reached.release()
        assert hang.wait(120)

    store.on_find = wait
    finds = [Find(ring.find, "k1"), Find(ring.find, "k2")]
    assert reached.acquire(timeout=30)
    assert reached.acquire(timeout=30)
    finds.append(Find(ring.find, "k3"))
    while len(ring._flights) < 3:
        time.sleep(0.001)
    with pytest.raises(StoreUnavailable, match="too many"):
        ring.find("k4")
    hang.set()
    assert [find.result() for find in finds] == [None] * 3
    assert ring.find("k4") is None
    ring.close()


def test_who_comes_after_an_eviction_joins_no_older_load(ring: SingleFlightKeyRing, store: Store) -> None:
    store.on_find = gate = Gate()
    before = Find(ring.find, "k")
    assert gate.reached.wait(30)
    store.versions["k"] = 2
    ring.evict("k")
    assert store.evictions == ["k"]
    assert version_of(ring.find("k")) == 2
    gate.opened.set()
    assert version_of(before.result()) == 1
    assert ring._flights == {}


def test_threads_are_reused(ring: SingleFlightKeyRing) -> None:
    end = time.monotonic() + 60
    for number in range(100):
        ring.find(f"id{number}")
        while ring._workers._idle < ring._workers._started:  # the answer is out before the thread is free
            assert time.monotonic() < end
            time.sleep(0.0001)
    assert ring._workers._started == 1


def test_an_older_load_that_lands_leaves_the_younger_on_the_board(ring: SingleFlightKeyRing, store: Store) -> None:
    gates = [Gate(), Gate()]
    store.on_find = gates[0]
    older = Find(ring.find, "k")
    assert gates[0].reached.wait(30)
    ring.evict("k")
    store.on_find = gates[1]
    younger = [Find(ring.find, "k")]
    assert gates[1].reached.wait(30)
    gates[0].opened.set()
    older.result()
    younger.append(Find(ring.find, "k"))
    wait_for_waiters(ring, "k", 2)
    gates[1].opened.set()
    assert [version_of(find.result()) for find in younger] == [1, 1]
    assert store.finds["k"] == 2
