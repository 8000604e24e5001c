"""Notes of when secrets are used, written down now and then.

Coarse and lossy on purpose: a use is noted in memory, and written with others every interval. What was not written when a
process is killed, or while the store is down for long, is lost. So "not used since" means: not used, as far as is known.
"""

import datetime as dt
from collections.abc import Callable
from typing import Final

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.batches import Batches
from counterseal.server.store.uses import Uses
from counterseal.server.telemetry.log import Log

_MOST: Final = 100_000  # secrets in one interval; uses of further ones are not noted


class UseNotes(Batches):
    """Notes uses, for `verifier.Uses`, and writes them in a thread of its own. Thread-safe."""

    def __init__(self, write: Callable[[Uses], None], *, interval: float, log: Log, most: int = _MOST) -> None:
        """`write` may raise StoreUnavailable; `interval` is in seconds, `most` counts secrets."""
        super().__init__(name="counterseal-uses", seconds=interval, log=log, failed="uses_failed")
        self._write = write
        self._most = most
        self._noted: dict[tuple[str, int], float] = {}
        self._silent = True

    def note(self, key_id: str, version: int, now: float) -> None:
        """Note that a secret was used at `now`, in Unix seconds. No lock: of two notes of one secret either is good enough."""
        noted = self._noted
        if len(noted) < self._most or (key_id, version) in noted:
            noted[key_id, version] = now

    def flush(self) -> None:
        """Write what was noted until now. What the store does not take is kept for the next time, as far as there is room."""
        noted, self._noted = self._noted, {}
        uses = {place: dt.datetime.fromtimestamp(time, dt.UTC) for place, time in noted.copy().items()}
        if not uses:
            return
        try:
            self._write(uses)
        except StoreUnavailable:
            self._keep(noted)
            if self._silent:
                self._log.warning("uses_not_written", secrets=len(uses))
            self._silent = False
        else:
            self._silent = True

    def _keep(self, noted: dict[tuple[str, int], float]) -> None:
        newer = self._noted
        for place, time in noted.copy().items():
            if len(newer) >= self._most:
                return
            newer.setdefault(place, time)
