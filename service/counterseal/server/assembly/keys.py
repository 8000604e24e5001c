"""The rings that verification finds keys through."""

from collections.abc import Sequence
from contextlib import ExitStack

from counterseal.core.model import Derive
from counterseal.server.config import Config
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.cache import CachedKeyRing, CacheLimits
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.feed import Feed
from counterseal.server.keys.flight import SingleFlightKeyRing
from counterseal.server.keys.ring import KeyRing
from counterseal.server.keys.stored import StoredKeyRing
from counterseal.server.keys.waiting import WaitingKeyRing
from counterseal.server.lanes import Lane
from counterseal.server.rpc.server import WAIT_FOR_STORE
from counterseal.server.store.changes import Kind
from counterseal.server.store.engine import KeyStore
from counterseal.server.telemetry.metrics import Metrics


def build_key_ring(
    config: Config,
    store: KeyStore,
    cipher: SecretCipher,
    derive: Derive,
    bound: RevocationBound,
    feed: Feed,
    metrics: Metrics,
    lane: Lane,
    parts: ExitStack,
) -> CachedKeyRing:
    """Cache around wait around flight around store: every layer is a KeyRing around a KeyRing. The feed evicts from all."""
    stored = StoredKeyRing(store.read_key, cipher, derive, scopes_per_key=config.cache_scopes_per_key, bound=bound)
    flight = SingleFlightKeyRing(stored, timeout=config.store_timeout, bound=bound)
    parts.callback(flight.close)
    limits = CacheLimits(
        keys=config.cache_keys,
        key_seconds=config.cache_key_seconds,
        negative=config.cache_negative,
        negative_seconds=config.cache_negative_seconds,
    )
    waiting = WaitingKeyRing(flight, aside=lane.aside, most=WAIT_FOR_STORE)
    ring = CachedKeyRing(waiting, limits, bound=bound, metrics=metrics.cache)
    feed.subscribe(Kind.KEYS, lambda key_ids: _evict(ring, key_ids))
    metrics.cache.watch_size("key", ring.key_count)
    metrics.cache.watch_size("absent", ring.absent_count)
    return ring


def _evict(ring: KeyRing, key_ids: Sequence[str] | None) -> None:
    if key_ids is None:
        ring.evict_all()
    else:
        for key_id in key_ids:
            ring.evict(key_id)
