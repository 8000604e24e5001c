"""A few threads that load keys, so that no load depends on the call that happened to ask first."""

import queue
import threading
from collections.abc import Callable


class Workers:
    """At most `size` daemon threads, started as they are needed. A load that hangs keeps nobody from leaving the process.

    concurrent.futures' executor would: it joins its threads when the interpreter ends.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._idle = 0

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` in one of the threads. The job must not raise."""
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            elif self._started < self._size:
                self._started += 1
                threading.Thread(target=self._work, name="counterseal-load", daemon=True).start()
        self._jobs.put(job)

    def close(self) -> None:
        """Let the threads end after the jobs submitted so far."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job
            with self._lock:
                self._idle += 1
