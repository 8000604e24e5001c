"""The rings that verification finds keys through."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from counterseal.core.model import Derive
from counterseal.server.assembly.listener import server_limits
from counterseal.server.config import Config
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.cache import CachedKeyRing, CacheLimits
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.feed import Feed
from counterseal.server.keys.flight import SingleFlightKeyRing
from counterseal.server.keys.id_loader import IdLoader
from counterseal.server.keys.knowing import KnowingKeyRing
from counterseal.server.keys.known import Allowance, KnownIds
from counterseal.server.keys.ring import KeyRing
from counterseal.server.keys.stored import StoredKeyRing
from counterseal.server.keys.waiting import WaitingKeyRing
from counterseal.server.lanes import Lane
from counterseal.server.rpc.server import WAIT_FOR_STORE
from counterseal.server.store.changes import Kind
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.ids import IdReader
from counterseal.server.telemetry.metrics import Metrics

# How many made-up ids the store is still asked about: below one in a hundred of any flood, and everyone in quiet times.
_ASKED_AT_ONCE: Final = 200
_ASKED_ONE_IN: Final = 400
_ASKED_EVERY: Final = 1.0


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
    most_calls = server_limits(config).wait_for_store
    waiting = WaitingKeyRing(flight, aside=lane.aside, most_keys=WAIT_FOR_STORE, most_calls=most_calls)
    knowing = _knowing(waiting, store, feed, bound, metrics, parts)
    ring = CachedKeyRing(knowing, limits, bound=bound, metrics=metrics.cache)
    feed.subscribe(Kind.KEYS, lambda key_ids: _evict(ring, key_ids))
    metrics.cache.watch_size("key", ring.key_count)
    metrics.cache.watch_size("absent", ring.absent_count)
    return ring


def _knowing(
    inner: KeyRing, store: KeyStore, feed: Feed, bound: RevocationBound, metrics: Metrics, parts: ExitStack
) -> KnowingKeyRing:
    """Remember all ids, once the feed runs; it tells of those that come later."""
    known = KnownIds()
    loader = IdLoader(known, read_ids=IdReader(store.database).read, is_fresh=feed.is_fresh)
    parts.callback(loader.close)
    loader.start()
    metrics.known_ids.watch(lambda: len(known))
    allowance = Allowance(most=_ASKED_AT_ONCE, every=_ASKED_ONE_IN, seconds=_ASKED_EVERY, clock=bound.clock)
    return KnowingKeyRing(inner, known=known, loader=loader, allowance=allowance, metrics=metrics.known_ids)


def _evict(ring: KeyRing, key_ids: Sequence[str] | None) -> None:
    if key_ids is None:
        ring.evict_all()
    else:
        for key_id in key_ids:
            ring.evict(key_id)
