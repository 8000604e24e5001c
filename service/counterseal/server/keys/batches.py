"""What is noted as it happens, and written down with others now and then."""

import threading
from abc import ABC, abstractmethod

from counterseal.server.telemetry.log import Log, describe


class Batches(ABC):
    """A thread that flushes every so often, and once more at the end. Whatever goes wrong, it goes on."""

    def __init__(self, *, name: str, seconds: float, log: Log, failed: str) -> None:
        """`name` is the thread's, `failed` the event in the log when a flush raises."""
        self._log = log
        self._seconds = seconds
        self._failed = failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def flush(self) -> None:
        """Write what was noted until now."""

    def start(self) -> None:
        """Begin to write every interval."""
        self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Write what is noted, and stop; wait `timeout` seconds for it at most."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self._guarded_flush()
        self._guarded_flush()

    def _guarded_flush(self) -> None:
        try:
            self.flush()
        except Exception as error:  # nothing but what was noted depends on it
            self._log.error(self._failed, **describe(error))
