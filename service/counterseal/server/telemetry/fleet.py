"""What the supervisor of several workers reports about them."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from counterseal.server.telemetry.merge import Merged


class FleetMetrics:
    """The supervisor's own metrics, and in the same registry those of all workers. See `Merged` for `gather`."""

    def __init__(self, states: Iterable[str], gather: Callable[[], Iterable[tuple[int, bytes]]]) -> None:
        self.registry = CollectorRegistry()
        self._workers = Gauge("counterseal_workers", "Worker processes now, by state.", ("state",), registry=self.registry)
        self._states = tuple(states)
        self.restart = Counter(
            "counterseal_worker_restarts", "Workers that ended without being told to, and are replaced.", registry=self.registry
        ).inc
        self._reloads = Counter(
            "counterseal_reloads", "Reloads by outcome (done, failed).", ("outcome",), registry=self.registry
        )
        for outcome in ("done", "failed"):
            self._reloads.labels(outcome)
        self.registry.register(Merged(gather))
        self.count({})

    def count(self, by_state: dict[str, int]) -> None:
        """Record how many workers are in each state."""
        for state in self._states:
            self._workers.labels(state).set(by_state.get(state, 0))

    def reloaded(self, done: bool) -> None:
        """Count a reload."""
        self._reloads.labels("done" if done else "failed").inc()
