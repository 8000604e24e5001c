"""Calls that are turned away because of who calls: every one counted, and so many lines in the log that it stays readable."""

import threading
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from counterseal.server.callers import Caller
from counterseal.server.errors import CallerLimitReached, CallerNotPermitted, CallerUnknown

_KINDS: Final = (CallerUnknown, CallerNotPermitted, CallerLimitReached)
# Of each reason, for each caller that is known and for all strangers together: so many lines in so many seconds.
_LINES: Final = 20
_SECONDS: Final = 10.0
# Names are those of callers that there are or were; strangers share one.
_MOST: Final = 10_000


def is_refusal(error: Exception) -> bool:
    """Say whether a call failed because of who calls."""
    return isinstance(error, _KINDS)


class Refusals:
    """Counts refusals by reason and role, and says which of them are logged. Thread-safe. `clock` returns seconds."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = Counter(
            "counterseal_refused_calls",
            "Calls refused because of who calls, by reason and by the caller's role (anonymous, unknown).",
            ("reason", "role"),
            registry=registry,
        )
        self._clock = clock
        self._lock = threading.Lock()
        # When the present seconds began, how many lines they had, how many were left out since the last line.
        self._lines: dict[tuple[str, str], tuple[float, int, int]] = {}

    def note(self, reason: str, caller: Caller | None) -> dict[str, int] | None:
        """Count a refusal. Returns what to add to its line: how many were left out before. None: this one is left out."""
        role, name = ("unknown", "") if caller is None else (caller.role.value, caller.name)
        self._count.labels(reason, "anonymous" if caller is not None and caller.anonymous else role).inc()
        now = self._clock()
        with self._lock:
            began, lines, left_out = self._lines.get((reason, name), (now, 0, 0))
            if now - began >= _SECONDS:
                began, lines = now, 0
            if lines >= _LINES:
                self._lines[reason, name] = (began, lines, left_out + 1)
                return None
            if len(self._lines) >= _MOST:
                self._lines.clear()
            self._lines[reason, name] = (began, lines + 1, 0)
        return {"left_out": left_out} if left_out else {}
