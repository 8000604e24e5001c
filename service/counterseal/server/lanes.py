"""How much is done at once, and how long a call may take: what a call that waits must not take from those that could go on."""

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from counterseal.server.errors import StoreUnavailable

_LONGEST: Final = 3600.0
# When the call that this thread serves has to be answered, in seconds of `time.monotonic`.
_DEADLINE: Final[ContextVar[float]] = ContextVar("deadline")


def set_seconds_left(seconds: float) -> None:
    """Note how long the call has that is served in this context."""
    _DEADLINE.set(time.monotonic() + seconds)


def seconds_left(most: float) -> float:
    """Return how long the call in this context has, at most `most`; `most` where there is no call."""
    deadline = _DEADLINE.get(None)
    return most if deadline is None else min(most, max(0.0, deadline - time.monotonic()))


class Lane:
    """Permits to work. At most `permits` calls work at once; the others wait, `most_waiting` of them at most."""

    def __init__(self, permits: int, *, most_waiting: int | None = None) -> None:
        # A queue of permits: written in C, it costs a fifth of a semaphore.
        self._permits: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._most_waiting = most_waiting
        self._waiting = 0
        for _ in range(permits):
            self._permits.put(None)

    def enter(self, seconds: float) -> bool:
        """Wait up to `seconds` for a permit; say whether there was one. Whoever has one must `leave`.

        Raises:
            StoreUnavailable: too many wait already. Lanes with such a bound are those for calls that need the store.
        """
        try:
            self._permits.get_nowait()
        except queue.Empty:
            return self._wait(min(seconds, _LONGEST))
        return True

    def leave(self) -> None:
        """Give the permit back."""
        self._permits.put(None)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let somebody else work while this call waits for something that needs no processor."""
        self.leave()
        try:
            yield
        finally:
            # Whoever works does nothing but compute, so there is always a permit soon.
            self._permits.get()

    def _wait(self, seconds: float) -> bool:
        # Not exact: a few more may slip through at once.
        if self._most_waiting is not None and self._waiting >= self._most_waiting:
            raise StoreUnavailable("the key store is busy: too many calls are waiting for it")
        self._waiting += 1
        try:
            self._permits.get(timeout=seconds)
        except queue.Empty:
            return False
        finally:
            self._waiting -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLanes:
    """The lanes of calls that change the store. Each its own: a flood in one neither delays nor refuses those in the others.

    `entering` is for those who are nobody yet, and who are strangers for the most part; `lasting` for sessions that go on, with
    whose tokens anybody may come as well. What one does under attack waits behind neither: ending sessions (`leaving`), and
    revoking, rotating and disabling (`administration`).
    """

    administration: Lane
    entering: Lane
    lasting: Lane
    leaving: Lane
