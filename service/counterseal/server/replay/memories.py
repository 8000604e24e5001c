"""What remembers: the interface of every memory, and what it answers."""

import enum
from dataclasses import dataclass
from typing import Protocol


class Use(enum.Enum):
    """What a memory says of a mark."""

    FIRST = "first"
    # Remembered for the same owner: the same request, asked again.
    SAME = "same"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`since` is when the memory began or last may have lost something, in Unix seconds: it is whole from then on."""

    use: Use
    since: float


class Memory(Protocol):
    """Remembers marks until they may be forgotten. Safe to call from many threads. Marks and owners are 32 bytes."""

    def use(self, mark: bytes, owner: bytes, *, until: float, now: float) -> Answer:
        """Remember a mark for its owner, unless it is remembered already. Of many that ask at once exactly one is FIRST.

        `until` is when it may be forgotten; `until` and `now` are Unix seconds.

        Raises:
            ReplayGuardUnavailable: the memory does not answer, or is full.
        """

    def tend(self, now: float) -> None:
        """Forget what may be forgotten, and look whether anything was lost. Called every second or so.

        Raises:
            ReplayGuardUnavailable: the memory does not answer.
        """

    def close(self) -> None:
        """Give up connections."""
