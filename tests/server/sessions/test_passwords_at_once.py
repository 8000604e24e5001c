"""How many passwords are computed at once, and who waits for a turn."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from argon2 import PasswordHasher

from counterseal.server.errors import SignInUnavailable
from counterseal.server.lanes import Lane, set_seconds_left
from counterseal.server.sessions.passwords import Passwords

# Seconds. Far more than anything here takes, on a machine that does other things as well.
PATIENCE = 60
GOOD = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")


class Held(PasswordHasher):
    """A hasher that computes for as long as it is told, and knows how many computations there are at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go_on = threading.Event()
        self.entered = threading.Semaphore(0)
        self._lock = threading.Lock()
        self.now = self.most = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  (argon2-cffi's name)
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.entered.release()
        try:
            assert self.go_on.wait(2 * PATIENCE)
            return super().verify(hash, password)
        finally:
            with self._lock:
                self.now -= 1


@contextlib.contextmanager
def started(work: Callable[[], None], count: int) -> Iterator[list[threading.Thread]]:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.join(2 * PATIENCE)
            assert not thread.is_alive()


def test_at_most_so_many_are_computed_at_once() -> None:
    hasher = Held()
    ours = Passwords(at_once=2, aside=contextlib.nullcontext, hasher=hasher, wait_seconds=PATIENCE)
    answers: list[bool] = []
    with started(lambda: answers.append(ours.matches(GOOD, "correct horse")), 6):
        assert hasher.entered.acquire(timeout=PATIENCE)
        assert hasher.entered.acquire(timeout=PATIENCE)
        assert not hasher.entered.acquire(timeout=0.2)  # a third one waits
        hasher.go_on.set()
    assert answers == [True] * 6
    assert hasher.most == 2


def test_who_waits_too_long_is_told_that_nobody_knows() -> None:
    hasher = Held()
    ours = Passwords(at_once=1, aside=contextlib.nullcontext, hasher=hasher, wait_seconds=0.05)
    with started(lambda: _ignore(ours), 1):
        assert hasher.entered.acquire(timeout=PATIENCE)
        for _ in range(2):
            with pytest.raises(SignInUnavailable):
                ours.matches(GOOD, "correct horse")
            with pytest.raises(SignInUnavailable):
                ours.hash("correct horse")
        hasher.go_on.set()
    assert ours.matches(GOOD, "correct horse")  # no turn was lost


def test_nobody_waits_beyond_the_deadline_of_the_call() -> None:
    hasher = Held()
    ours = Passwords(at_once=1, aside=contextlib.nullcontext, hasher=hasher, wait_seconds=PATIENCE)
    with started(lambda: _ignore(ours), 1):
        assert hasher.entered.acquire(timeout=PATIENCE)
        waited: list[float] = []

        def wait() -> None:
            set_seconds_left(0.1)  # of this thread's call alone
            began = time.monotonic()
            with pytest.raises(SignInUnavailable):
                ours.matches(GOOD, "correct horse")
            waited.append(time.monotonic() - began)

        with started(wait, 1):
            pass
        hasher.go_on.set()
    assert waited[0] < PATIENCE / 2


def test_few_wait_and_the_rest_is_told_at_once() -> None:
    """Each that waits keeps a thread: a flood of sign-ins must not take them all."""
    hasher, placed = Held(), threading.Semaphore(0)

    @contextlib.contextmanager
    def aside() -> Iterator[None]:
        placed.release()  # whoever has a place leaves its permit to others
        yield

    ours = Passwords(at_once=1, aside=aside, hasher=hasher, wait_seconds=PATIENCE, most_waiting=1)
    with started(lambda: _ignore(ours), 2):
        for _ in range(2):
            assert placed.acquire(timeout=PATIENCE)
        assert _refused_at_once(ours)
        hasher.go_on.set()
    assert ours.matches(GOOD, "correct horse")  # no place was lost


def test_the_permit_to_work_is_somebody_elses_meanwhile() -> None:
    lane, hasher = Lane(1), Held()
    ours = Passwords(at_once=1, aside=lane.aside, hasher=hasher)

    def call() -> None:
        assert lane.enter(PATIENCE)
        try:
            assert ours.matches(GOOD, "correct horse")
        finally:
            lane.leave()

    with started(call, 1):
        assert hasher.entered.acquire(timeout=PATIENCE)
        assert lane.enter(PATIENCE)  # while it computes
        lane.leave()
        hasher.go_on.set()
    assert lane.enter(0)  # and it gave back what it took
    assert not lane.enter(0)


def _ignore(ours: Passwords) -> None:
    with contextlib.suppress(SignInUnavailable):
        ours.matches(GOOD, "correct horse")


def _refused_at_once(ours: Passwords) -> bool:
    began = time.monotonic()
    try:
        ours.matches(GOOD, "correct horse")
    except SignInUnavailable:
        return time.monotonic() - began < PATIENCE / 2
    return False
