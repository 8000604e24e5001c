"""Counting by names that strangers choose, in bounded memory."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

N = TypeVar("N", bound=Hashable)
_TIERS: Final = 8


@dataclass(slots=True)
class _Count:
    count: int
    first: float

    @property
    def tier(self) -> int:
        """Where the name stands, 0 for those counted once."""
        return min(self.count.bit_length(), _TIERS) - 1


class Tally(Generic[N]):
    """Counts within a time, for at most `most` names. Not thread-safe.

    Names stand in tiers by how often they were counted: 1, 2 to 3, 4 to 7, and so on. Each tier has room of its own and forgets
    the name that was counted longest ago. So a flood of made-up names, each counted once, pushes out none that was counted
    twice; and to push one out of the tier of n takes n counts for each name that there is room for.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._room = max(1, most // _TIERS)
        self._seconds = seconds
        self._counts: dict[N, _Count] = {}
        self._tiers: tuple[OrderedDict[N, None], ...] = tuple(OrderedDict() for _ in range(_TIERS))

    def add(self, name: N, now: float) -> int:
        """Count a name, and return how often it was within `seconds` of its first time, this one included."""
        found = self._counts.get(name)
        if found is not None:
            del self._tiers[found.tier][name]
        if found is None or now - found.first >= self._seconds:
            found = self._counts[name] = _Count(0, now)
        found.count += 1
        tier = self._tiers[found.tier]
        if len(tier) >= self._room:
            del self._counts[tier.popitem(last=False)[0]]
        tier[name] = None
        return found.count

    def drop(self, name: N) -> None:
        """Forget a name."""
        found = self._counts.pop(name, None)
        if found is not None:
            del self._tiers[found.tier][name]

    def __len__(self) -> int:
        """Return how many names are remembered."""
        return len(self._counts)
