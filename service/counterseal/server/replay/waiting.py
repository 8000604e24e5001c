"""Calls that wait for a memory over the network, kept from being in the way of those that need it not."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import BoundedSemaphore

from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.memories import Answer, Memory


class WaitingMemory:
    """Steps aside while the memory below is asked, and lets only so many do so at once. A Memory around a Memory."""

    def __init__(self, inner: Memory, *, aside: Callable[[], AbstractContextManager[None]], most: int) -> None:
        """`aside` gives the caller's permit to work to somebody else meanwhile; `most` calls wait at once."""
        self._inner = inner
        self._aside = aside
        self._slots = BoundedSemaphore(most)

    def use(self, mark: bytes, owner: bytes, *, until: float, now: float) -> Answer:
        """See Memory. ReplayGuardUnavailable also when too many wait already."""
        if not self._slots.acquire(blocking=False):
            raise ReplayGuardUnavailable("the replay guard is busy: too many calls are waiting for it")
        try:
            with self._aside():
                return self._inner.use(mark, owner, until=until, now=now)
        finally:
            self._slots.release()

    def tend(self, now: float) -> None:
        """See Memory."""
        self._inner.tend(now)

    def close(self) -> None:
        """See Memory."""
        self._inner.close()
