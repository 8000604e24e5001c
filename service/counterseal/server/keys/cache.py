"""The cache of opened keys. cachetools holds the data; locking, lifetimes and the fence are ours.

cachetools' own decorators keep stampedes out, but would store what a load brings back after the key was revoked.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from cachetools import LRUCache, TTLCache

from counterseal.server.keys.ring import KeyRing, OpenedKey


class CacheMetrics(Protocol):
    """What a cache reports. Called from many threads, on the hot path: must be quick and must not raise."""

    def hit(self) -> None:
        """A find was answered with a cached key."""

    def negative(self) -> None:
        """A find was answered with a cached absence."""

    def miss(self) -> None:
        """A find had to ask the ring below."""

    def loaded(self, seconds: float) -> None:
        """The ring below answered, or raised, after so many seconds."""

    def evicted(self) -> None:
        """A cached key was dropped: to make room, because its time was up, or because it was changed."""


class NoMetrics:
    """Reports nothing."""

    def hit(self) -> None:
        """See CacheMetrics."""

    negative = miss = evicted = hit

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
    """

    def __init__(
        self,
        inner: KeyRing,
        limits: CacheLimits | None = None,
        *,
        metrics: CacheMetrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` counts seconds and never goes back."""
        self._inner = inner
        self._limits = limits or CacheLimits()
        self._metrics = metrics or NoMetrics()
        self._clock = clock
        self._lock = Lock()
        self._keys: LRUCache[str, tuple[float, OpenedKey]] = LRUCache(self._limits.keys)
        self._absent: TTLCache[str, bool] = TTLCache(self._limits.negative, self._limits.negative_seconds, timer=clock)
        self._marks: dict[str, _Mark] = {}

    def find(self, key_id: str) -> OpenedKey | None:
        """See KeyRing."""
        now = self._clock()
        absent = expired = False
        with self._lock:
            try:
                deadline, opened = self._keys[key_id]
            except KeyError:
                deadline, opened = now, None
                absent = key_id in self._absent
            else:
                expired = now >= deadline
                if expired:
                    del self._keys[key_id]
        if now < deadline:
            self._metrics.hit()
            return opened
        if absent:
            self._metrics.negative()
            return None
        if expired:
            self._metrics.evicted()
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

    def holds(self, opened: OpenedKey) -> bool:
        """See KeyRing."""
        return self._inner.holds(opened)

    def key_count(self) -> int:
        """Return how many keys are cached."""
        with self._lock:
            return len(self._keys)

    def absent_count(self) -> int:
        """Return how many absences are cached."""
        with self._lock:
            return len(self._absent)

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
            crowded_out = fresh and self._keep(key_id, opened, now)
        if crowded_out:
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
        """Keep what was found; say whether another key had to go. Lifetimes begin before the load did. Under the lock."""
        if opened is None:
            if self._limits.negative > 0:
                self._absent[key_id] = True
            return False
        if self._limits.keys <= 0:
            return False
        crowded_out = key_id not in self._keys and len(self._keys) >= self._limits.keys
        self._keys[key_id] = (since + self._limits.key_seconds, opened)
        self._absent.pop(key_id, None)
        return crowded_out


class _Mark:
    """Left under a key id while it is being loaded."""

    __slots__ = ("loads",)

    def __init__(self) -> None:
        self.loads = 0
