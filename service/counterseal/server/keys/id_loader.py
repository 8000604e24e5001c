"""Reading all key ids once, in the background, while the server answers already."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from counterseal.server.keys.known import KnownIds

_PAGE: Final = 10_000
_AGAIN_SECONDS: Final = 1.0


class IdLoader:
    """Loads the known ids from the store, once the change feed runs: what is issued from then on, the feed tells."""

    def __init__(self, known: KnownIds, *, read_ids: Callable[[str, int], Sequence[str]], is_fresh: Callable[[], bool]) -> None:
        """`read_ids` returns so many ids in ascending order from behind the given one; `is_fresh` speaks for the feed."""
        self._known = known
        self._read_ids = read_ids
        self._is_fresh = is_fresh
        self._lock = threading.Lock()
        self._loaded = False
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counterseal-ids", daemon=True)

    def start(self) -> None:
        """Begin to load."""
        self._wanted.set()
        self._thread.start()

    def is_sure(self) -> bool:
        """Say whether an id that is not known is one that nobody has."""
        return self._loaded and self._is_fresh()

    def forget(self) -> None:
        """Load anew: changes may have been missed. Nothing is sure until that is done."""
        with self._lock:
            self._loaded = False
            self._wanted.set()

    def close(self) -> None:
        """Stop. A page that is being read is finished."""
        self._closed.set()
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            if self._closed.is_set():
                return
            if not self._try():
                self._closed.wait(_AGAIN_SECONDS)

    def _try(self) -> bool:
        if not self._is_fresh():
            return False
        # Before reading: a wish that comes while this reads is for another reading.
        self._wanted.clear()
        try:
            self._known.load(self._pages())
        except Exception:  # of any kind: without this thread, a flood of made-up ids would all go to the store, for good
            self._wanted.set()
            return False
        with self._lock:
            # Not if there is a wish again, nor if reading was broken off.
            self._loaded = not self._wanted.is_set()
        return True

    def _pages(self) -> Iterator[Sequence[str]]:
        after = ""
        while not self._closed.is_set():
            page = self._read_ids(after, _PAGE)
            if not page:
                return
            yield page
            after = page[-1]
