"""Waiting until a revocation is in force everywhere, before it is answered."""

import datetime as dt
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from counterseal.server.errors import StoreUnavailable
from counterseal.server.lanes import seconds_left
from counterseal.server.rpc.errors import DeadlinePassed

_LONGEST: Final = 100_000.0


class Afterwards:
    """Keeps calls waiting, so many at once: each keeps a thread, and gives its permit to work to somebody else meanwhile."""

    def __init__(self, *, aside: Callable[[], AbstractContextManager[None]], most: int, clock: Callable[[], float]) -> None:
        """`clock` returns Unix seconds."""
        self._aside = aside
        self._slots = threading.BoundedSemaphore(most)
        self._clock = clock

    def wait(self, effective: dt.datetime, done: str = "the key is revoked") -> None:
        """Return once `effective` has passed, by this replica's clock. What was `done` stands, whatever this raises.

        Raises:
            DeadlinePassed: the call's deadline comes first.
            StoreUnavailable: too many calls wait already.
        """
        seconds = effective.timestamp() - self._clock()
        if seconds <= 0:
            return
        if not self._slots.acquire(blocking=False):
            raise StoreUnavailable(f"{done}; too many calls are waiting for that to be in force: ask again")
        try:
            left = seconds_left(_LONGEST)
            with self._aside():
                threading.Event().wait(min(seconds, left))
        finally:
            self._slots.release()
        if left <= seconds:
            raise DeadlinePassed(f"{done}; the deadline came before that was in force everywhere")
