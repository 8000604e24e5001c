"""Which key ids exist, remembered as short digests: what keeps a flood of made-up ids away from the store.

Negative cache entries are no help against ids that never repeat. A digest of eight bytes for every key is: a million keys take
eight megabytes, and an id without its digest here is not in the store.
"""

import hashlib
import secrets
import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Final

_DIGEST_BYTES: Final = 8
# Ids that came later wait unsorted, so many or this share of all, whichever is more.
_UNSORTED: Final = 10_000
_SHARE: Final = 16


class KnownIds:
    """A set of key ids that may hold a few too many, and never too few. Thread-safe.

    Digests are keyed with a random key of this process, so that nobody can look for ids that collide with existing ones.
    """

    def __init__(self) -> None:
        self._key: Final = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._sorted: array[int] = array("Q")
        self._later: set[int] = set()

    def __contains__(self, key_id: str) -> bool:
        """Say whether there may be such a key."""
        digest = self._digest(key_id)
        # The array is replaced, never changed; ids move out of `_later` only after they are in the array.
        if digest in self._later:
            return True
        ids = self._sorted
        place = bisect_left(ids, digest)
        return place < len(ids) and ids[place] == digest

    def __len__(self) -> int:
        """Return how many ids are remembered; one that was added while all were loaded may count twice."""
        return len(self._sorted) + len(self._later)

    def add(self, key_id: str) -> None:
        """Remember an id."""
        if key_id in self:
            return
        with self._lock:
            self._later.add(self._digest(key_id))
            if len(self._later) > max(_UNSORTED, len(self._sorted) // _SHARE):
                self._sort(self._sorted)

    def load(self, pages: Iterable[Iterable[str]]) -> None:
        """Remember all ids of all pages. Ids may be added by others meanwhile."""
        loaded = array("Q")
        for page in pages:
            loaded.extend(self._digest(key_id) for key_id in page)
        with self._lock:
            # What is known stays so: ids that were added meanwhile may be sorted in already, and may lie behind the pages that
            # were read before them.
            loaded.extend(self._sorted)
            self._sort(loaded)

    def _sort(self, others: "array[int]") -> None:
        """Sort together `others` and what came later. Under the lock."""
        self._sorted = array("Q", (digest for digest, _ in groupby(sorted([*others, *self._later]))))
        self._later = set()

    def _digest(self, key_id: str) -> int:
        digest = hashlib.blake2b(key_id.encode(), digest_size=_DIGEST_BYTES, key=self._key).digest()
        return int.from_bytes(digest, "big")


class Allowance:
    """How many questions about ids that nobody seems to have still go to the store.

    One in `every`, and beyond those a store of `most` that refills by one every `seconds`: in quiet times every one of them is
    asked, in a flood one in `every`. Thread-safe.
    """

    def __init__(self, *, most: int, every: int, seconds: float, clock: Callable[[], float]) -> None:
        """`clock` counts seconds and never goes back."""
        self._most = most
        self._share = 1 / every
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._left = float(most)
        self._since = clock()

    def take(self) -> bool:
        """Say whether this question may be asked."""
        with self._lock:
            now = self._clock()
            earned = self._share + (now - self._since) / self._seconds
            self._since = now
            self._left = min(self._most, self._left + earned)
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def give_back(self) -> None:
        """Return what was taken: the question was not about an id that nobody has."""
        with self._lock:
            self._left = min(self._most, self._left + 1)
