"""What the replay guard reports about itself."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_OUTCOMES: Final = ("first", "repeat_of_same_request", "replayed", "exempt", "unavailable")
_BUCKETS: Final = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class ReplayMeter:
    """See `server/replay/guard.py` for the calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        uses = Counter(
            "counterseal_replay", "Verified requests by what the replay guard said.", ("outcome",), registry=registry
        )
        self._uses = {outcome: uses.labels(outcome) for outcome in _OUTCOMES}
        self._seconds = Histogram(
            "counterseal_replay_seconds", "Time that the guard's memory took.", buckets=_BUCKETS, registry=registry
        )
        self._up = Gauge("counterseal_replay_up", "1 while the guard's memory answers, else 0.", registry=registry)
        self._entries = Gauge(
            "counterseal_replay_entries", "Marks held in the memory of this process (REPLAY=memory).", registry=registry
        )

    def outcome(self, outcome: str) -> None:
        """Count one of `first`, `repeat_of_same_request`, `replayed`, `exempt`, `unavailable`."""
        self._uses[outcome].inc()

    def asked(self, seconds: float) -> None:
        """Record how long the memory took."""
        self._seconds.observe(seconds)

    def up(self, up: bool) -> None:
        """Record whether the memory answers."""
        self._up.set(1 if up else 0)

    def watch_size(self, size: Callable[[], int]) -> None:
        """Have scrapes ask `size` for the number of marks."""
        self._entries.set_function(size)
