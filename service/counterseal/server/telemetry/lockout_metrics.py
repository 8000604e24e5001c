"""What a lock-out reports."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class LockoutCounts:
    """See LockoutMeter in `server/lockout.py`. No key id and no address: strangers choose them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._loud = Counter(
            "counterseal_brute_force",
            "Failed signatures that have become many: of one key, from one source, or a pair of both that was locked out.",
            ("kind",),
            registry=registry,
        )
        self._locked = Gauge(
            "counterseal_locked_out", "Pairs of key id and source that this process locks out now.", registry=registry
        )
        for kind in ("key", "source", "pair"):
            self._loud.labels(kind)

    def brute_force(self, kind: str) -> None:
        """See LockoutMeter."""
        self._loud.labels(kind).inc()

    def watch_locked(self, count: Callable[[], int]) -> None:
        """See LockoutMeter."""
        self._locked.set_function(count)
