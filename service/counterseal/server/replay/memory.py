"""The memory of one process: exact, bounded, gone with the process."""

import struct
from threading import Lock
from typing import Final

from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.marks import BYTES
from counterseal.server.replay.memories import Answer, Use
from counterseal.server.replay.policy import CLOCKS_APART

# Seconds. Entries that end in the same slot are forgotten together.
_SLOT: Final = 4
# A dictionary that grows is copied while everybody waits; many small ones are copied one at a time.
_SHARDS: Final = 64
# Forgotten with each use, so that nobody ever waits for all: twice what comes in.
_AT_ONCE: Final = 2
_END: Final = struct.Struct(">d")


class LocalMemory:
    """At most `entries` marks. `began` is when it began, in Unix seconds."""

    def __init__(self, *, entries: int, began: float) -> None:
        self._most = entries
        self._since = began
        self._lock = Lock()
        # The owner and the end in one value: half the objects, and so half the memory.
        self._shards: list[dict[bytes, bytes]] = [{} for _ in range(_SHARDS)]
        self._slots: dict[int, list[bytes]] = {}
        self._oldest = int(began) // _SLOT
        self._count = 0
        # The latest time that the clock has shown, and the latest end of what was forgotten.
        self._latest = self._forgotten = began

    def use(self, mark: bytes, owner: bytes, *, until: float, now: float) -> Answer:
        """See Memory."""
        shard = self._shards[mark[0] % _SHARDS]
        with self._lock:
            self._hear(now)
            self._forget(now, _AT_ONCE)
            found = shard.get(mark)
            if found is not None and _END.unpack_from(found, BYTES)[0] >= now:
                return self._answer(Use.SAME if found[:BYTES] == owner else Use.OTHER)
            if found is None:
                if self._count >= self._most:
                    self._forget(now, self._count)
                if self._count >= self._most:
                    raise ReplayGuardUnavailable("the replay guard is full")
                self._count += 1
            shard[mark] = owner + _END.pack(until)
            slot = _slot(until)
            self._slots.setdefault(slot, []).append(mark)
            self._oldest = min(self._oldest, slot)
        return self._answer(Use.FIRST)

    def tend(self, now: float) -> None:
        """See Memory."""
        forgotten = True
        while forgotten:
            with self._lock:
                self._hear(now)
                forgotten = self._forget(now, 1000) > 0

    def close(self) -> None:
        """See Memory."""

    def size(self) -> int:
        """Return how many marks are held."""
        return self._count

    def _answer(self, use: Use) -> Answer:
        return Answer(use=use, since=self._since)

    def _hear(self, now: float) -> None:
        """Count what was forgotten as lost, when the clock was set back to where it may verify again."""
        if now <= self._forgotten - CLOCKS_APART:
            self._since = max(self._since, self._latest)
        self._latest = max(self._latest, now)

    def _forget(self, now: float, most: int) -> int:
        """Forget at most `most` marks of slots that have passed; returns how many it looked at."""
        looked = 0
        current = _slot(now)
        while looked < most and self._slots:
            if self._oldest not in self._slots:
                # A look at some hundred slots, once in as many seconds as a slot is long.
                self._oldest = min(self._slots)
            if self._oldest >= current:
                break
            slot = self._slots[self._oldest]
            while slot and looked < most:
                looked += 1
                self._drop(slot.pop(), now)
            if not slot:
                del self._slots[self._oldest]
        return looked

    def _drop(self, mark: bytes, now: float) -> None:
        shard = self._shards[mark[0] % _SHARDS]
        found = shard.get(mark)
        # One that was used anew after its end stands in a later slot as well.
        end = None if found is None else _END.unpack_from(found, BYTES)[0]
        if end is not None and end < now:
            del shard[mark]
            self._count -= 1
            self._forgotten = max(self._forgotten, end)


def _slot(seconds: float) -> int:
    return int(seconds // _SLOT)
