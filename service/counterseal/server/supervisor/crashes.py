"""When workers that end by themselves are too many."""

from collections import deque
from typing import Final

_FEWEST: Final = 5
_PER_WORKER: Final = 2
_SECONDS: Final = 30.0


class Crashes:
    """Those of the last 30 s. Five are a loop; of many workers two for each, since one cause may end all of them at once."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def note(self, now: float, workers: int) -> bool:
        """Count one; say whether there are too many for that number of workers."""
        self._times.append(now)
        while self._times[0] < now - _SECONDS:
            self._times.popleft()
        return len(self._times) >= max(_FEWEST, _PER_WORKER * workers)
