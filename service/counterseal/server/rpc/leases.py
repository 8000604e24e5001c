"""Leases of signing keys: written down before they are handed out. What cannot be written down is not handed out."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import BoundedSemaphore

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.records import AuditEntry


class LeaseBook:
    """Writes leases into the audit trail, and steps aside for calls that need no store meanwhile. Thread-safe."""

    def __init__(
        self, note: Callable[[AuditEntry], int], *, aside: Callable[[], AbstractContextManager[None]], most: int
    ) -> None:
        """`note` is the key store's; `aside` gives the caller's permit to work to somebody else; `most` calls wait at once."""
        self._note = note
        self._aside = aside
        self._slots = BoundedSemaphore(most)

    def enter(self, entry: AuditEntry) -> None:
        """Write a lease down; durable when this returns.

        Raises:
            StoreUnavailable: the store does not answer, or too many wait for it already. The lease is not to be handed out.
        """
        if not self._slots.acquire(blocking=False):
            raise StoreUnavailable("the key store is busy: too many calls are waiting for it")
        try:
            with self._aside():
                self._note(entry)
        finally:
            self._slots.release()
