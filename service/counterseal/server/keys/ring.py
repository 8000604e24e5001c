"""The one interface through which verification reaches keys. Cache and single flight are KeyRings around a KeyRing."""

import math
from dataclasses import dataclass
from typing import Final, Protocol

from counterseal.core.model import Derive, Key

# A key that changes while it is being used is looked up again, so many times in all.
LOOKS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedKey:
    """A key ready for use, and the derivation that remembers what it derived from this very key.

    Whoever drops an OpenedKey drops its derived signing keys with it.
    """

    key: Key
    derive: Derive
    # When the reading of the store began that this comes from, in seconds of the ring's clock. Unknown: too long ago.
    as_of: float = -math.inf


class KeyRing(Protocol):
    """Finds keys by id."""

    def find(self, key_id: str) -> OpenedKey | None:
        """Return the key, whatever its state, or None when there is none.

        Raises:
            StoreUnavailable: nobody knows; never answered with None.
            SealBroken: the stored secret does not open.
        """

    def evict(self, key_id: str) -> None:
        """Forget the key, present or absent: the next `find` that starts after this returns sees the store as it is then."""

    def evict_all(self) -> None:
        """Forget every key, as `evict` does: changes may have been missed, and nobody knows of which keys."""

    def holds(self, opened: OpenedKey) -> bool:
        """Say whether what `find` returned may still be relied on: it lacks no change older than the revocation bound.

        Asked last, when a request is about to be answered as verified: however long the way there took, paused or not.
        """
