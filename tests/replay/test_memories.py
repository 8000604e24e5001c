"""What every memory does: one suite for all of them."""

import hashlib
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from counterseal.server.replay.memories import Memory, Use
from tests.replay.worlds import BEGAN, Clock

LATER = BEGAN + 960


def mark(number: int | str) -> bytes:
    return hashlib.sha256(f"mark {number}".encode()).digest()


def owner(number: int | str) -> bytes:
    return hashlib.sha256(f"owner {number}".encode()).digest()


def use(memory: Memory, a: bytes, b: bytes, *, until: float = LATER, now: float = BEGAN + 1) -> Use:
    return memory.use(a, b, until=until, now=now).use


def test_a_first_use_is_first_and_no_second_one_is(memory: Memory) -> None:
    assert use(memory, mark(1), owner("a")) is Use.FIRST
    assert use(memory, mark(1), owner("b")) is Use.OTHER
    assert use(memory, mark(1), owner("b")) is Use.OTHER


def test_the_same_owner_is_the_same_again_and_again(memory: Memory) -> None:
    assert use(memory, mark(1), owner("a")) is Use.FIRST
    for _ in range(3):
        assert use(memory, mark(1), owner("a")) is Use.SAME
    assert use(memory, mark(1), owner("b")) is Use.OTHER
    assert use(memory, mark(1), owner("a")) is Use.SAME


def test_marks_have_nothing_to_do_with_one_another(memory: Memory) -> None:
    assert [use(memory, mark(number), owner("a")) for number in range(20)] == [Use.FIRST] * 20
    assert [use(memory, mark(number), owner("b")) for number in range(20)] == [Use.OTHER] * 20


def test_marks_are_told_apart_to_the_last_bit(memory: Memory) -> None:
    """Also bytes that databases compare as texts, if they are not told otherwise."""
    plain = b"mark" * 8
    others = [plain[:-1] + b"K", plain[:-1] + b"k", plain.upper(), bytes(32), bytes(31) + b"\x01", b"\xff" * 32, b" " * 32]
    others += [b"\\" * 32, b"'" * 32, b"%" * 32, b"\r\n" * 16, bytes(31) + b" "]
    every = list(dict.fromkeys([plain, *others]))
    assert [use(memory, one, owner("a")) for one in every] == [Use.FIRST] * len(every)
    assert [use(memory, one, owner("b")) for one in every] == [Use.OTHER] * len(every)


def test_owners_are_told_apart_to_the_last_bit(memory: Memory) -> None:
    assert use(memory, mark(1), bytes(32)) is Use.FIRST
    assert use(memory, mark(1), bytes(31) + b"\x01") is Use.OTHER
    assert use(memory, mark(1), b"\x01" + bytes(31)) is Use.OTHER
    assert use(memory, mark(1), bytes(32)) is Use.SAME


def test_what_has_ended_is_forgotten(memory: Memory) -> None:
    """By the caller's clock everywhere but on Redis, which counts the time from the use on by its own."""
    assert use(memory, mark(1), owner("a"), until=BEGAN + 1.05) is Use.FIRST
    end = time.monotonic() + 30
    while use(memory, mark(1), owner("b"), until=LATER, now=BEGAN + 2) is Use.OTHER:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert use(memory, mark(1), owner("b"), now=BEGAN + 2) is Use.SAME
    assert use(memory, mark(1), owner("a"), now=BEGAN + 2) is Use.OTHER


def test_what_was_used_anew_after_its_end_is_not_forgotten_with_the_first_use(memory: Memory) -> None:
    assert use(memory, mark(1), owner("a"), until=BEGAN + 1.01) is Use.FIRST
    end = time.monotonic() + 30
    while use(memory, mark(1), owner("b"), until=BEGAN + 5000, now=BEGAN + 10) is Use.OTHER:
        assert time.monotonic() < end
    memory.tend(BEGAN + 2000)
    assert use(memory, mark(1), owner("c"), until=BEGAN + 5000, now=BEGAN + 2000) is Use.OTHER


def test_tending_forgets_nothing_before_its_end(memory: Memory) -> None:
    for number in range(50):
        use(memory, mark(number), owner("a"), until=BEGAN + 100 + number)
    memory.tend(BEGAN + 99)
    assert [use(memory, mark(number), owner("b"), now=BEGAN + 99) for number in range(50)] == [Use.OTHER] * 50


def test_it_says_since_when_it_is_whole(memory: Memory, clock: Clock) -> None:
    """Since it was looked at first, and later questions change nothing."""
    assert memory.use(mark(1), owner("a"), until=LATER, now=BEGAN + 1).since == BEGAN
    clock.now = BEGAN + 50
    memory.tend(clock.now)
    assert memory.use(mark(2), owner("a"), until=LATER, now=BEGAN + 60).since == BEGAN
    assert memory.use(mark(2), owner("b"), until=LATER, now=BEGAN + 60).since == BEGAN


def test_of_fifty_threads_one_is_first(memory: Memory) -> None:
    for turn in range(8):
        barrier = threading.Barrier(50)

        def ask(number: int, barrier: threading.Barrier = barrier, turn: int = turn) -> Use:
            barrier.wait(60)
            return use(memory, mark(f"race {turn}"), owner(number))

        with ThreadPoolExecutor(50) as pool:
            found = list(pool.map(ask, range(50)))
        assert found.count(Use.FIRST) == 1
        assert found.count(Use.OTHER) == 49


def test_of_threads_that_race_for_an_entry_that_has_ended_one_is_first(memory: Memory) -> None:
    """Taking the place of an old row is a race of its own."""
    assert use(memory, mark("old"), owner("first"), until=BEGAN + 1.01) is Use.FIRST
    time.sleep(0.05)  # Redis counts by its own clock
    barrier = threading.Barrier(20)

    def ask(number: int) -> Use:
        barrier.wait(60)
        return use(memory, mark("old"), owner(number), until=BEGAN + 900, now=BEGAN + 5)

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(ask, range(20)))
    assert found.count(Use.FIRST) == 1
    assert found.count(Use.OTHER) == 19


def test_it_does_what_a_dictionary_would(memory: Memory) -> None:
    """Many uses in an order drawn by chance, few marks and owners, beside the plainest model that there is."""
    chance = random.Random(41)
    model: dict[bytes, bytes] = {}
    for _ in range(400):
        a, b = mark(chance.randrange(40)), owner(chance.randrange(3))
        expected = Use.FIRST if a not in model else Use.SAME if model[a] == b else Use.OTHER
        model.setdefault(a, b)
        if chance.random() < 0.05:
            memory.tend(BEGAN + 2)
        assert use(memory, a, b) is expected
