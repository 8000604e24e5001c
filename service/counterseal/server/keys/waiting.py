"""Calls that wait for the store, kept from being in the way of those that need it not."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.ring import KeyRing, OpenedKey


class WaitingKeyRing:
    """Steps aside while the ring below looks for a key, and lets only so many do so at once.

    With a store that hangs, every call for a key that is not cached waits for it. Were there no bound, these calls would in
    the end be all that there are threads for, and keys in the cache would not be found either. Few keys are waited for at once;
    but many calls may wait for one of them, as they do for a hot key that has just left the cache: they make one query.
    """

    def __init__(
        self, inner: KeyRing, *, aside: Callable[[], AbstractContextManager[None]], most_keys: int, most_calls: int
    ) -> None:
        """`aside` gives the caller's permit to work to somebody else meanwhile; the others say how many wait at once."""
        self._inner = inner
        self._aside = aside
        self._most_keys = most_keys
        self._most_calls = most_calls
        self._lock = Lock()
        self._waiting: Counter[str] = Counter()
        self._calls = 0

    def find(self, key_id: str) -> OpenedKey | None:
        """See KeyRing. StoreUnavailable also when too many wait already."""
        with self._queued(key_id), self._aside():
            return self._inner.find(key_id)

    def evict(self, key_id: str) -> None:
        """See KeyRing."""
        self._inner.evict(key_id)

    def evict_all(self) -> None:
        """See KeyRing."""
        self._inner.evict_all()

    def holds(self, opened: OpenedKey) -> bool:
        """See KeyRing."""
        return self._inner.holds(opened)

    @contextmanager
    def _queued(self, key_id: str) -> Iterator[None]:
        with self._lock:
            if self._calls >= self._most_calls or (key_id not in self._waiting and len(self._waiting) >= self._most_keys):
                raise StoreUnavailable("the key store is busy: too many calls are waiting for it")
            self._calls += 1
            self._waiting[key_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                self._waiting[key_id] -= 1
                if not self._waiting[key_id]:
                    del self._waiting[key_id]
