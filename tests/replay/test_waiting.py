"""Calls that wait for a memory, and the thread that tends it."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.memories import Answer, Use
from counterseal.server.replay.tender import Tender
from counterseal.server.replay.waiting import WaitingMemory
from tests.replay.worlds import BEGAN

PATIENCE = 60


class Slow:
    """A memory that answers when it is told to."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()
        self.tended = threading.Semaphore(0)
        self.broken = False
        self.closed = False

    def use(self, mark: bytes, owner: bytes, *, until: float, now: float) -> Answer:
        self.entered.release()
        assert self.go.wait(PATIENCE)
        return Answer(use=Use.FIRST, since=now)

    def tend(self, now: float) -> None:
        self.tended.release()
        if self.broken:
            raise ReplayGuardUnavailable("down")

    def close(self) -> None:
        self.closed = True


def test_only_so_many_wait_and_each_steps_aside() -> None:
    slow = Slow()
    aside: list[int] = []

    @contextmanager
    def step() -> Iterator[None]:
        aside.append(1)
        yield
        aside.append(-1)

    waiting = WaitingMemory(slow, aside=step, most=3)

    def ask() -> None:
        waiting.use(b"m" * 32, b"o" * 32, until=BEGAN + 1, now=BEGAN)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
        assert slow.entered.acquire(timeout=PATIENCE)
    assert sum(aside) == 3
    with pytest.raises(ReplayGuardUnavailable, match="too many"):
        ask()
    assert sum(aside) == 3
    slow.go.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert sum(aside) == 0
    ask()
    waiting.tend(BEGAN)
    waiting.close()
    assert slow.closed


def test_the_tender_goes_on_after_failures_and_tells_of_changes_alone() -> None:
    slow = Slow()
    told: list[bool] = []
    tender = Tender(slow, clock=lambda: BEGAN, seconds=0.001, state=told.append)
    tender.turn()
    tender.start()
    try:
        for broken in (True, False, True):
            slow.broken = broken
            for _ in range(5):
                assert slow.tended.acquire(timeout=PATIENCE)
    finally:
        tender.close()
    assert told[:2] == [True, False]
    assert all(one is not other for one, other in itertools.pairwise(told))
