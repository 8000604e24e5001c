"""ID tokens that were used: each begins one session, on whichever replica. Kept in the table of the replay guard."""

import contextlib
import hashlib
import secrets
import threading
from typing import Final

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.replays import ReplayTable

_DOMAIN: Final = b"counterseal: an id token was used\n"
_MICROSECONDS: Final = 1_000_000
# Seconds that rows stay beyond the end of what they remember, as those of the guard do: the clocks of replicas differ.
_LAG: Final = 900
_PURGE_SECONDS: Final = 60.0
_BATCH: Final = 500


class UsedIdTokens:
    """Remembers tokens until their end. Thread-safe.

    Not covered: a database that was put back to an earlier state knows nothing of tokens used since, until they expire.
    """

    def __init__(self, table: ReplayTable) -> None:
        self._table = table
        self._lock = threading.Lock()
        self._purged = 0.0

    def use(self, digest: bytes, *, until: float, now: float) -> bool:
        """Remember a use, and say whether it is the first. Unix seconds; from `until` on no such token is taken.

        Raises:
            StoreUnavailable: nobody knows; the token may have been remembered.
        """
        self._purge(now)
        # An owner that nobody ever has again: not even the same caller uses a token twice.
        owner = secrets.token_bytes(32)
        mark = hashlib.sha256(_DOMAIN + digest).digest()
        return self._table.use(mark, owner, until=int((until + _LAG) * _MICROSECONDS), now=int(now * _MICROSECONDS)) is None

    def _purge(self, now: float) -> None:
        """Delete what has ended, once a minute: where the replay guard is off or elsewhere, nobody else does."""
        with self._lock:
            if abs(now - self._purged) < _PURGE_SECONDS:
                return
            self._purged = now
        with contextlib.suppress(StoreUnavailable):  # the use itself says so, if it still is
            self._table.purge(int((now - _LAG) * _MICROSECONDS), _BATCH)
