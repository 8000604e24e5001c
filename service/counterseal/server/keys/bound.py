"""The revocation bound: for how long what a process knows of keys may be relied on (docs/revocation.md).

Every reading of the store is dated to before it began. What was read then lacks no change older than that; so what is relied on
for `seconds` after its date at most, no longer counts `seconds` after a change was committed.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Final

from counterseal.server.telemetry.log import Log

_BOOT_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def boot_clock() -> float:
    """Return seconds since some moment, those included in which the machine slept, where the system counts them."""
    # Linux's CLOCK_MONOTONIC stands still during suspend: a cache would wake up as fresh as it fell asleep.
    return time.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)


class RevocationBound:
    """How old knowledge may be, and how old the feed's is. Thread-safe.

    Attributes are read on every Verify, hence no properties. `seconds` is the bound; `trusted` the bound and the outage grace:
    how long cached keys are relied on. `as_of` dates the feed's last complete reading; what it told of has left the cache.
    """

    def __init__(
        self, *, seconds: float, grace: float = 0.0, clock: Callable[[], float] = boot_clock, log: Log | None = None
    ) -> None:
        """`clock` counts seconds, never goes back, and goes on while the process is stopped."""
        self.seconds: Final = seconds
        self.trusted: Final = seconds + grace
        self.clock: Final = clock
        self.as_of = -math.inf
        self._log = log
        self._lock = threading.Lock()
        self._leaning = False

    def age(self) -> float:
        """Return how old the feed's knowledge is, in seconds; infinite before its first reading."""
        return self.clock() - self.as_of

    def is_fresh(self) -> bool:
        """Say whether nothing older than the bound is missing. The outage grace does not make it so."""
        return self.age() <= self.seconds

    def in_grace(self) -> bool:
        """Say whether cached keys are relied on by the outage grace alone."""
        return self.seconds < self.age() <= self.trusted

    def caught_up(self, as_of: float) -> None:
        """Note that everything committed before `as_of` has left the cache."""
        # as_of alone is read without the lock: a float is replaced in one step.
        with self._lock:
            self.as_of = max(self.as_of, as_of)
            ended, self._leaning = self._leaning, False
        if ended and self._log is not None:
            self._log.warning("outage_grace_ended")

    def lean_on_grace(self) -> None:
        """Note that a cached key is used which only the grace still trusts. Loud, once in an outage."""
        if self._leaning:
            return
        with self._lock:
            first, self._leaning = not self._leaning, True
        if first and self._log is not None:
            self._log.warning("outage_grace_in_use", feed_age_seconds=round(self.age(), 3), trusted_seconds=self.trusted)
