"""Prometheus metrics. Labels come from closed sets, never from a request: no key id, no host, no path.

Children are bound to their labels once; `Counter.labels` on every call would cost more than the increment.
"""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from counterseal.server.telemetry.replay_meter import ReplayMeter

_BUCKETS: Final = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Metrics:
    """Every metric of one server, in a registry of its own: no globals, so that several servers fit into one process."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._verify = Counter(
            "counterseal_verify",
            "Verdicts by outcome (verified, rejected), reason of the refusal, and scheme read from the request.",
            ("outcome", "reason", "scheme"),
            registry=self.registry,
        )
        self._verdicts: dict[tuple[str, str, str], Counter] = {}
        self.verify_seconds = Histogram(
            "counterseal_verify_seconds",
            "Time of one Verify inside the service, from the message's bytes to the answer's.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._chunks = Counter(
            "counterseal_verify_chunks",
            "Answers to VerifyChunks by outcome (verified, complete, rejected) and reason of the refusal.",
            ("outcome", "reason"),
            registry=self.registry,
        )
        self._leases = Counter(
            "counterseal_leases",
            "Signing keys of scopes handed to callers, by scheme.",
            ("scheme",),
            registry=self.registry,
        )
        self._rpc = Counter(
            "counterseal_rpc", "Finished calls by method and gRPC code.", ("method", "code"), registry=self.registry
        )
        self._rpcs: dict[tuple[str, str], Counter] = {}
        self._up = Gauge("counterseal_store_up", "1 while the key store answers, else 0.", registry=self.registry)
        self._rolled_back = Gauge(
            "counterseal_store_rolled_back",
            "1 while the key store is in an earlier state than was seen. Nothing is verified then. Needs a person.",
            registry=self.registry,
        )
        self.seal_broken = Counter(
            "counterseal_seal_broken", "Stored secrets that did not open. Any increase needs a person.", registry=self.registry
        ).inc
        self.cache = CacheMeter(self.registry)
        self.known_ids = KnownIdsMeter(self.registry)
        self.replay = ReplayMeter(self.registry)
        Info("counterseal_build", "The running release.", registry=self.registry).info({"version": version})

    def verdict(self, outcome: str, reason: str, scheme: str) -> None:
        """Count a verdict. `scheme` is the name of an enabled scheme, or empty when none was recognised."""
        labels = (outcome, reason, scheme)
        child = self._verdicts.get(labels)
        if child is None:
            child = self._verdicts[labels] = self._verify.labels(*labels)
        child.inc()

    def chunks(self, outcome: str, reason: str = "") -> None:
        """Count an answer to VerifyChunks."""
        self._chunks.labels(outcome, reason).inc()

    def lease(self, scheme: str) -> None:
        """Count a signing key that was handed out. `scheme` is the name of an enabled scheme."""
        self._leases.labels(scheme).inc()

    def rpc(self, method: str, code: str) -> None:
        """Count a finished call."""
        child = self._rpcs.get((method, code))
        if child is None:
            child = self._rpcs[method, code] = self._rpc.labels(method, code)
        child.inc()

    def store_up(self, up: bool) -> None:
        """Record whether the store answered last."""
        self._up.set(1 if up else 0)

    def store_rolled_back(self, gone_back: bool) -> None:
        """Record whether the store has gone back to an earlier state."""
        self._rolled_back.set(1 if gone_back else 0)


class CacheMeter:
    """What the key cache reports about itself. See `server/keys/cache.py` for the calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        events = Counter(
            "counterseal_key_cache_events", "Look-ups of keys by what the cache did.", ("event",), registry=registry
        )
        self._hit = events.labels("hit")
        self._miss = events.labels("miss")
        self._negative = events.labels("negative")
        self._evicted = events.labels("evicted")
        self._loads = Histogram(
            "counterseal_key_load_seconds", "Time to read and open one key on a miss.", buckets=_BUCKETS, registry=registry
        )
        self._bypassed = Counter(
            "counterseal_cache_bypassed",
            "Cached keys and absences that were not used: the change feed was older than the revocation bound.",
            registry=registry,
        )
        self._size = Gauge("counterseal_key_cache_entries", "Entries held now, by kind.", ("kind",), registry=registry)

    def hit(self) -> None:
        """Count a key found in the cache."""
        self._hit.inc()

    def miss(self) -> None:
        """Count a key that had to be loaded."""
        self._miss.inc()

    def negative(self) -> None:
        """Count an id that the cache knows to be absent."""
        self._negative.inc()

    def bypassed(self) -> None:
        """Count an answer of the cache that was not used, because the feed is too far behind."""
        self._bypassed.inc()

    def evicted(self, count: int = 1) -> None:
        """Count keys dropped, for want of room or because they were changed."""
        self._evicted.inc(count)

    def loaded(self, seconds: float) -> None:
        """Record how long a load took, whatever its outcome."""
        self._loads.observe(seconds)

    def watch_size(self, kind: str, size: Callable[[], int]) -> None:
        """Have scrapes ask `size` for the number of entries of `kind`: `key` or `absent`."""
        self._size.labels(kind).set_function(size)


class KnownIdsMeter:
    """What is reported of the key ids that are known. See `server/keys/knowing.py`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._known = Gauge("counterseal_known_key_ids", "Key ids that are known to exist.", registry=registry)
        self.spared = Counter(
            "counterseal_unknown_key_ids",
            "Looks for a key id that nobody has, answered from memory: a flood of made-up ids.",
            registry=registry,
        ).inc

    def watch(self, count: Callable[[], int]) -> None:
        """Have scrapes ask `count`."""
        self._known.set_function(count)
