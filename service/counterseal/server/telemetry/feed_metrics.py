"""What the change feed reports about itself. See `server/keys/feed.py` for the calls."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_DELAYS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)
_OUTCOMES: Final = ("unchanged", "changed", "reset", "failed")


class FeedMeter:
    """Counts readings and changes; ages are asked for at each scrape."""

    def __init__(self, registry: CollectorRegistry, *, age: Callable[[], float], in_grace: Callable[[], bool]) -> None:
        """`age` returns the age of the feed's knowledge in seconds, `in_grace` whether only the outage grace trusts it."""
        Gauge(
            "counterseal_feed_lag_seconds",
            "Age of what the change feed knows. Beyond the revocation bound, cached keys are not relied on.",
            registry=registry,
        ).set_function(age)
        Gauge(
            "counterseal_outage_grace",
            "1 while cached keys are relied on by the outage grace alone: revocations are not heard of.",
            registry=registry,
        ).set_function(lambda: 1 if in_grace() else 0)
        reads = Counter("counterseal_feed_reads", "Readings of the change feed by outcome.", ("outcome",), registry=registry)
        self._reads = {outcome: reads.labels(outcome) for outcome in _OUTCOMES}
        self._changes = Counter(
            "counterseal_feed_changes", "Changes of keys and callers that the feed took in.", registry=registry
        )
        self._delay = Histogram(
            "counterseal_feed_delay_seconds",
            "From a key's change to its being taken in here. By two clocks: those of different machines may be apart.",
            buckets=_DELAYS,
            registry=registry,
        )

    def read(self, outcome: str) -> None:
        """Count a reading."""
        self._reads[outcome].inc()

    def changed(self, count: int) -> None:
        """Count changes."""
        self._changes.inc(count)

    def delay(self, seconds: float) -> None:
        """Record how late a change was taken in."""
        self._delay.observe(seconds)
