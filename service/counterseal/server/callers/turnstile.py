"""How often and how many at once: each caller's own limits, in each process of the server."""

import threading
import time
from collections.abc import Callable
from typing import Final

from counterseal.server.callers.caller import Caller, Pace
from counterseal.server.errors import CallerLimitReached

_AT_ONCE: Final = "the caller has as many calls open as it may"
_TOO_FAST: Final = "the caller makes more calls in a second than it may"


class Turnstile:
    """Counts the calls of one caller: a bucket of calls that fills with time, and those that are open. Thread-safe."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open = 0
        self._pace: Pace | None = None
        self._calls = 0.0
        self._filled = clock()

    def enter(self, pace: Pace) -> None:
        """Let one call in, which leaves by `leave`. The limits of this moment count, whatever those before were.

        Raises:
            CallerLimitReached: the call stays outside.
        """
        with self._lock:
            # What would be refused anyway takes nothing out of the bucket.
            if pace.concurrent_calls and self._open >= pace.concurrent_calls:
                raise CallerLimitReached(_AT_ONCE)
            if pace.calls_per_second:
                self._take(pace)
            self._pace = pace
            self._open += 1

    def leave(self) -> None:
        """End a call that was let in."""
        with self._lock:
            self._open -= 1

    @property
    def idle(self) -> bool:
        """Whether no call is open."""
        return self._open == 0

    def _take(self, pace: Pace) -> None:
        now, most = self._clock(), float(pace.burst or pace.calls_per_second)
        if self._pace is None or not self._pace.calls_per_second:
            self._calls = most
        # The clock does not run backwards; should it all the same, nothing is taken away for it.
        self._calls = min(most, self._calls + max(0.0, now - self._filled) * pace.calls_per_second)
        self._filled = now
        if self._calls < 1:
            raise CallerLimitReached(_TOO_FAST)
        self._calls -= 1


class Turnstiles:
    """The turnstiles of all callers that have limits, by name. Thread-safe. `clock` returns seconds."""

    # Names are those of callers that there are or were: administrators make them, strangers cannot.
    _MOST: Final = 100_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._turnstiles: dict[str, Turnstile] = {}

    def enter(self, caller: Caller, pace: Pace) -> Turnstile:
        """Let a call in; whoever does has it leave.

        Raises:
            CallerLimitReached: the call stays outside.
        """
        found = self._turnstiles.get(caller.name)
        if found is None:
            found = self._make(caller.name)
        found.enter(pace)
        return found

    def _make(self, name: str) -> Turnstile:
        with self._lock:
            if len(self._turnstiles) >= self._MOST:
                self._turnstiles = {name: kept for name, kept in self._turnstiles.items() if not kept.idle}
            return self._turnstiles.setdefault(name, Turnstile(self._clock))
