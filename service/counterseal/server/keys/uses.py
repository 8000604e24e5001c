"""Notes of when secrets are used, written down now and then.

Coarse and lossy on purpose: a use is noted in memory, and written with others every interval. What was not written when a
process is killed, or while the store is down for long, is lost. So "not used since" means: not used, as far as is known.
"""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Final

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.uses import Uses
from counterseal.server.telemetry.log import Log, describe

_MOST: Final = 100_000  # secrets in one interval; uses of further ones are not noted


class UseNotes:
    """Notes uses, for `verifier.Uses`, and writes them in a thread of its own. Thread-safe."""

    def __init__(self, write: Callable[[Uses], None], *, interval: float, log: Log, most: int = _MOST) -> None:
        """`write` may raise StoreUnavailable; `interval` is in seconds, `most` counts secrets."""
        self._write = write
        self._interval = interval
        self._log = log
        self._most = most
        self._noted: dict[tuple[str, int], float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counterseal-uses", daemon=True)
        self._silent = True

    def note(self, key_id: str, version: int, now: float) -> None:
        """Note that a secret was used at `now`, in Unix seconds. No lock: of two notes of one secret either is good enough."""
        noted = self._noted
        if len(noted) < self._most or (key_id, version) in noted:
            noted[key_id, version] = now

    def start(self) -> None:
        """Begin to write every interval."""
        self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Write what is noted, and stop; wait `timeout` seconds for it at most."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

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

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            self._guarded_flush()
        self._guarded_flush()

    def _guarded_flush(self) -> None:
        """Flush; whatever goes wrong, the thread goes on: nothing but uses depends on it."""
        try:
            self.flush()
        except Exception as error:
            self._log.error("uses_failed", **describe(error))
