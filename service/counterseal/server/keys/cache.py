"""The cache of opened keys. cachetools holds the data; locking, lifetimes and the fence are ours.

cachetools' own decorators keep stampedes out, but would store what a load brings back after the key was revoked.
"""

from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from cachetools import Cache, LRUCache, TTLCache

from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.ring import KeyRing, OpenedKey


class CacheMetrics(Protocol):
    """What a cache reports. Called from many threads, on the hot path: must be quick and must not raise."""

    def hit(self) -> None:
        """A find was answered with a cached key."""

    def negative(self) -> None:
        """A find was answered with a cached absence."""

    def miss(self) -> None:
        """A find had to ask the ring below."""

    def bypassed(self) -> None:
        """What the cache has was not used: the feed is too far behind."""

    def loaded(self, seconds: float) -> None:
        """The ring below answered, or raised, after so many seconds."""

    def evicted(self, count: int = 1) -> None:
        """Cached keys were dropped: to make room, because their time was up, or because they were changed."""


class NoMetrics:
    """Reports nothing."""

    def hit(self) -> None:
        """See CacheMetrics."""

    negative = miss = bypassed = hit

    def evicted(self, count: int = 1) -> None:
        """See CacheMetrics."""

    def loaded(self, seconds: float) -> None:
        """See CacheMetrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """How much is kept and for how long. Capacities count entries, 0 keeps nothing; lifetimes are seconds.

    The lifetimes are alike by default: of two ids asked for once each, the one that is answered from the cache for longer
    would be the one that exists.
    """

    keys: int = 10_000
    key_seconds: float = 60
    negative: int = 100_000
    negative_seconds: float = 60


class CachedKeyRing:
    """Keeps what the ring below finds: the least recently used go first, and nothing outlives its lifetime.

    Absences live apart, so that a flood of unknown ids drops no key. Errors are not kept.

    The fence: whoever loads leaves a mark under the key id, and what it found is kept only if the mark is still there. `evict`
    removes the mark, so a load from before never gets into the cache after. The ring below must not hand such a load to a
    find that begins later either; that is why `evict` goes down first.

    The bound: what is cached is relied on while the feed is fresh, or so soon after it was read that no feed is needed. Beyond,
    the ring below is asked. Absences are never relied on by the outage grace: an outage refuses no good key.
    """

    def __init__(
        self,
        inner: KeyRing,
        limits: CacheLimits | None = None,
        *,
        bound: RevocationBound,
        metrics: CacheMetrics | None = None,
    ) -> None:
        self._inner = inner
        self._limits = limits or CacheLimits()
        self._metrics = metrics or NoMetrics()
        self._bound = bound
        self._clock = clock = bound.clock
        self._lock = Lock()
        self._keys: LRUCache[str, tuple[float, OpenedKey]] = LRUCache(self._limits.keys)
        self._absent: TTLCache[str, bool] = TTLCache(self._limits.negative, self._limits.negative_seconds, timer=clock)
        self._marks: dict[str, _Mark] = {}

    def find(self, key_id: str) -> OpenedKey | None:
        """See KeyRing."""
        # Before the entry is looked at: what the feed had told of by then, has left the cache.
        as_of = self._bound.as_of
        opened, absent = None, False
        with self._lock:
            try:
                deadline, opened = self._keys[key_id]
            except KeyError:
                absent = key_id in self._absent
        now = self._clock()
        if opened is not None:
            if now - as_of <= self._bound.seconds:
                if now < deadline:
                    self._metrics.hit()
                    return opened
            elif self._is_usable(opened, now, as_of):
                self._metrics.hit()
                return opened
            else:
                self._metrics.bypassed()
        elif absent:
            if now - as_of <= self._bound.seconds:
                self._metrics.negative()
                return None
            self._metrics.bypassed()
        return self._load(key_id, now)

    def evict(self, key_id: str) -> None:
        """See KeyRing."""
        self._inner.evict(key_id)
        with self._lock:
            self._marks.pop(key_id, None)
            self._absent.pop(key_id, None)
            dropped = self._keys.pop(key_id, None)
        if dropped is not None:
            self._metrics.evicted()

    def evict_all(self) -> None:
        """See KeyRing."""
        self._inner.evict_all()
        with self._lock:
            self._marks.clear()
            self._absent.clear()
            # In place of `clear`, which takes them out one by one, under the lock.
            dropped, self._keys = self._keys, LRUCache(self._limits.keys)
        self._metrics.evicted(len(dropped))

    def holds(self, opened: OpenedKey) -> bool:
        """See KeyRing. What is in the cache now lacks nothing that the feed has told of; all else has its own date alone."""
        # In this order: the feed's date, the entry, the time. A pause between any two makes the answer a no.
        as_of = self._bound.as_of
        if self._is_cached(opened) and self._clock() - as_of <= self._bound.trusted:
            return True
        return self._inner.holds(opened)

    def key_count(self) -> int:
        """Return how many keys are cached."""
        with self._lock:
            return len(self._keys)

    def absent_count(self) -> int:
        """Return how many absences are cached."""
        with self._lock:
            return len(self._absent)

    def _is_usable(self, opened: OpenedKey, now: float, as_of: float) -> bool:
        """Say whether a key from the cache may be used though the feed is not fresh, its lifetime notwithstanding."""
        if now - opened.as_of <= self._bound.seconds:
            return True
        if now - as_of > self._bound.trusted:
            return False
        self._bound.lean_on_grace()
        return True

    def _is_cached(self, opened: OpenedKey) -> bool:
        """Say whether this is what the cache has for its id. No lock: one look into one dict, and none of the order of use."""
        try:
            entry: tuple[float, OpenedKey] = Cache.__getitem__(self._keys, opened.key.key_id)
        except KeyError:
            return False
        return entry[1] is opened

    def _load(self, key_id: str, now: float) -> OpenedKey | None:
        self._metrics.miss()
        mark = self._enter(key_id)
        try:
            opened = self._inner.find(key_id)
        except BaseException:
            with self._lock:
                self._leave(key_id, mark)
            raise
        finally:
            self._metrics.loaded(self._clock() - now)
        with self._lock:
            fresh = self._leave(key_id, mark)
            dropped = fresh and self._keep(key_id, opened, now)
        if dropped:
            self._metrics.evicted()
        return opened

    def _enter(self, key_id: str) -> "_Mark":
        """Leave a mark, or join in one that loads of the same key have left."""
        with self._lock:
            mark = self._marks.get(key_id)
            if mark is None:
                mark = self._marks[key_id] = _Mark()
            mark.loads += 1
            return mark

    def _leave(self, key_id: str, mark: "_Mark") -> bool:
        """Say whether the mark still stood; the last to leave takes it away. Under the lock."""
        mark.loads -= 1
        stood = self._marks.get(key_id) is mark
        if stood and mark.loads == 0:
            del self._marks[key_id]
        return stood

    def _keep(self, key_id: str, opened: OpenedKey | None, since: float) -> bool:
        """Keep what was found; say whether a key had to go. Lifetimes begin before the load did. Under the lock."""
        if opened is None:
            if self._limits.negative > 0:
                self._absent[key_id] = True
            return self._keys.pop(key_id, None) is not None
        if self._limits.keys <= 0:
            return False
        # One whose time was up has stayed until now: had the store not answered, the outage grace might have wanted it.
        dropped = key_id in self._keys or len(self._keys) >= self._limits.keys
        self._keys[key_id] = (since + self._limits.key_seconds, opened)
        self._absent.pop(key_id, None)
        return dropped


class _Mark:
    """Left under a key id while it is being loaded."""

    __slots__ = ("loads",)

    def __init__(self) -> None:
        self.loads = 0
