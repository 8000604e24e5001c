"""The memory in the database of the keys: shared by all workers and replicas that use it."""

from typing import Final

from counterseal.server.errors import ReplayGuardUnavailable, StoreUnavailable
from counterseal.server.replay.memories import Answer, Use
from counterseal.server.store.replays import ReplayTable

_MICROSECONDS: Final = 1_000_000
# Seconds that rows stay beyond their end: a replica whose clock runs ahead must not delete what others still need.
_LAG: Final = 900
_BATCH: Final = 500
# So that a turn ends: 50,000 rows a second are more than databases take in.
_BATCHES: Final = 100


class SqlMemory:
    """Remembers in the table `replays`."""

    def __init__(self, table: ReplayTable) -> None:
        self._table = table
        # Not known before it was read.
        self._since: float | None = None

    def use(self, mark: bytes, owner: bytes, *, until: float, now: float) -> Answer:
        """See Memory."""
        try:
            since = self._read_since(now) if self._since is None else self._since
            holder = self._table.use(mark, owner, until=_micros(until), now=_micros(now))
        except StoreUnavailable as error:
            raise ReplayGuardUnavailable("the replay guard's table did not answer") from error
        if holder is None:
            return Answer(use=Use.FIRST, since=since)
        return Answer(use=Use.SAME if holder == owner else Use.OTHER, since=since)

    def tend(self, now: float) -> None:
        """See Memory. Deletes in small batches by the index on the end, so nobody waits for it."""
        try:
            self._read_since(now)
            for _ in range(_BATCHES):
                if self._table.purge(_micros(now - _LAG), _BATCH) < _BATCH:
                    break
        except StoreUnavailable as error:
            raise ReplayGuardUnavailable("the replay guard's table did not answer") from error

    def close(self) -> None:
        """See Memory. The database is the store's."""

    def _read_since(self, now: float) -> float:
        since = self._since = self._table.since(_micros(now)) / _MICROSECONDS
        return since


def _micros(seconds: float) -> int:
    return int(seconds * _MICROSECONDS)
