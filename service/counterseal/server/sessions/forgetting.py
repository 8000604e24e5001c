"""Counts of attempts whose time has passed are deleted, so that the table stays as small as the window is short."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Final

from counterseal.server.errors import StoreUnavailable
from counterseal.server.telemetry.log import Log, describe

_SECONDS: Final = 30.0
# A replica whose clock runs behind still counts with them.
_LAG: Final = dt.timedelta(seconds=900)
_BATCH: Final = 1000
# So that a turn ends.
_BATCHES: Final = 100


class Forgetting:
    """A thread that deletes what has ended. Its failures are nobody's: a count that has ended counts no more anyway."""

    def __init__(
        self, purge: Callable[[dt.datetime, int], int], *, clock: Callable[[], float], log: Log, seconds: float = _SECONDS
    ) -> None:
        """`purge` is `SignInCounts.purge`; `clock` returns Unix seconds."""
        self._purge = purge
        self._clock = clock
        self._log = log
        self._seconds = seconds
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counterseal-forgetting", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End after the turn that is under way."""
        self._closed.set()

    def turn(self) -> None:
        """Delete what has ended, in small batches. Raises StoreUnavailable."""
        before = dt.datetime.fromtimestamp(self._clock(), dt.UTC) - _LAG
        for _ in range(_BATCHES):
            if self._purge(before, _BATCH) < _BATCH:
                return

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            try:
                self.turn()
            except StoreUnavailable:
                continue
            except Exception as error:  # a bug must not end the thread
                self._log.error("sign_ins_not_purged", **describe(error))
