"""The memory of one process: bounded, and forgetting as fast as it learns."""

import hashlib
import tracemalloc

import pytest

from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.memories import Use
from counterseal.server.replay.memory import LocalMemory
from tests.replay.worlds import BEGAN

WINDOW = 960.0


def mark(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def use(memory: LocalMemory, number: int, *, until: float, now: float, owner: bytes = b"o" * 32) -> Use:
    return memory.use(mark(number), owner, until=until, now=now).use


def test_a_full_memory_is_an_outage_and_forgets_nothing() -> None:
    memory = LocalMemory(entries=10, began=BEGAN)
    for number in range(10):
        assert use(memory, number, until=BEGAN + WINDOW, now=BEGAN) is Use.FIRST
    for _ in range(3):
        with pytest.raises(ReplayGuardUnavailable, match="full"):
            use(memory, 10, until=BEGAN + WINDOW, now=BEGAN)
    assert memory.size() == 10
    for number in range(10):
        assert use(memory, number, until=BEGAN + WINDOW, now=BEGAN, owner=b"p" * 32) is Use.OTHER
        assert use(memory, number, until=BEGAN + WINDOW, now=BEGAN) is Use.SAME


def test_a_full_memory_has_room_again_when_something_ended() -> None:
    memory = LocalMemory(entries=10, began=BEGAN)
    for number in range(10):
        use(memory, number, until=BEGAN + 10 + number * 100, now=BEGAN)
    with pytest.raises(ReplayGuardUnavailable):
        use(memory, 10, until=BEGAN + WINDOW, now=BEGAN + 9)
    # Without anybody tending it. The end of one lies in the past.
    assert use(memory, 10, until=BEGAN + WINDOW, now=BEGAN + 20) is Use.FIRST
    assert memory.size() == 10


def test_a_steady_stream_holds_what_has_not_ended_and_little_more() -> None:
    """A thousand windows long, with nobody tending it: what comes in drives out what has ended."""
    memory = LocalMemory(entries=10_000, began=BEGAN)
    most = 0
    for number in range(50_000):
        now = BEGAN + number * 0.1
        assert use(memory, number, until=now + 60, now=now) is Use.FIRST
        most = max(most, memory.size())
    assert 600 <= most <= 700  # sixty seconds, and a slot


def test_tending_empties_what_has_ended() -> None:
    memory = LocalMemory(entries=10_000, began=BEGAN)
    for number in range(5000):
        use(memory, number, until=BEGAN + 10 + number % 700, now=BEGAN)
    memory.tend(BEGAN + 360)
    assert 2400 <= memory.size() <= 2600
    memory.tend(BEGAN + 10_000)
    assert memory.size() == 0
    assert use(memory, 1, until=BEGAN + 20_000, now=BEGAN + 10_000) is Use.FIRST


def test_ends_far_apart_and_out_of_order() -> None:
    memory = LocalMemory(entries=100, began=BEGAN)
    for number, after in enumerate((604_800, 30, 3.0e8, 900, 5)):
        use(memory, number, until=BEGAN + after, now=BEGAN)
    memory.tend(BEGAN + 100)
    assert memory.size() == 3
    memory.tend(BEGAN + 700_000)
    assert memory.size() == 1
    assert use(memory, 2, until=BEGAN + 4e8, now=BEGAN + 700_000, owner=b"p" * 32) is Use.OTHER


def test_an_end_in_the_past_harms_nobody() -> None:
    memory = LocalMemory(entries=100, began=BEGAN)
    use(memory, 1, until=BEGAN - 5000, now=BEGAN)
    memory.tend(BEGAN + 10)
    assert memory.size() == 0


def test_what_an_entry_costs() -> None:
    """Measured, because operators set REPLAY_ENTRIES by it; docs/replay.md has the number."""
    count = 200_000
    tracemalloc.start()
    try:
        memory = LocalMemory(entries=count, began=BEGAN)
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            memory.use(mark(number), number.to_bytes(32, "big"), until=BEGAN + 900 + number % 900, now=BEGAN)
        each = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    print(f"\na mark in this process's memory: {each:.0f} bytes")
    assert 100 < each < 320
