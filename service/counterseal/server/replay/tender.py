"""A thread that tends a memory."""

import threading
from collections.abc import Callable

from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.memories import Memory


class Tender:
    """Has a memory tended every `seconds`, until it is closed. `failed` is told of each failure, and a good turn ends them."""

    def __init__(self, memory: Memory, *, clock: Callable[[], float], seconds: float, state: Callable[[bool], None]) -> None:
        """`clock` returns Unix seconds; `state` is told whether the memory answered, when that changes."""
        self._memory = memory
        self._clock = clock
        self._seconds = seconds
        self._state = state
        self._up: bool | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counterseal-replay", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End after the turn that is under way."""
        self._closed.set()

    def turn(self) -> None:
        """Tend once."""
        try:
            self._memory.tend(self._clock())
        except ReplayGuardUnavailable:
            self._note(False)
        else:
            self._note(True)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self.turn()
            except Exception:  # of any kind: without this thread nothing would be forgotten, and no loss noticed, for good
                self._note(False)
            self._closed.wait(self._seconds)

    def _note(self, up: bool) -> None:
        if up is not self._up:
            self._up = up
            self._state(up)
