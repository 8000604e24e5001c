"""Calls that wait for the store, kept from being in the way of those that need it not."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import BoundedSemaphore

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.ring import KeyRing, OpenedKey


class WaitingKeyRing:
    """Steps aside while the ring below looks for a key, and lets only so many do so at once.

    With a store that hangs, every call for a key that is not cached waits for it. Were there no bound, these calls would in
    the end be all that there are threads for, and keys in the cache would not be found either.
    """

    def __init__(self, inner: KeyRing, *, aside: Callable[[], AbstractContextManager[None]], most: int) -> None:
        """`aside` gives the caller's permit to work to somebody else meanwhile; `most` calls wait at once."""
        self._inner = inner
        self._aside = aside
        self._slots = BoundedSemaphore(most)

    def find(self, key_id: str) -> OpenedKey | None:
        """See KeyRing. StoreUnavailable also when too many wait already."""
        if not self._slots.acquire(blocking=False):
            raise StoreUnavailable("the key store is busy: too many calls are waiting for it")
        try:
            with self._aside():
                return self._inner.find(key_id)
        finally:
            self._slots.release()

    def evict(self, key_id: str) -> None:
        """See KeyRing."""
        self._inner.evict(key_id)

    def evict_all(self) -> None:
        """See KeyRing."""
        self._inner.evict_all()

    def holds(self, opened: OpenedKey) -> bool:
        """See KeyRing."""
        return self._inner.holds(opened)
