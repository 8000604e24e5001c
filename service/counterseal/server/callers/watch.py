"""Looks at the stored callers now and then, whether anything is said to have changed or not: a row that was forged is found."""

import threading
from typing import Final

from counterseal.server.callers.stored import StoredCallers
from counterseal.server.errors import StoreUnavailable
from counterseal.server.telemetry.log import Log, describe

_SECONDS: Final = 60.0


class CallerWatch:
    """A thread that refreshes. Its failures are no one's: calls that need what is too old read by themselves, or fail."""

    def __init__(self, callers: StoredCallers, log: Log, *, seconds: float = _SECONDS) -> None:
        self._callers = callers
        self._seconds = seconds
        self._log = log
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counterseal-callers", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stop. May be called before `start`."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            try:
                self._callers.refresh(whole=True)
            except StoreUnavailable as error:
                self._log.warning("callers_not_read", **describe(error))
            except Exception as error:  # a bug must not end the watch
                self._log.error("callers_not_read", **describe(error))
