"""What no caller in the store may be called or recognised by: the configuration gives it to others."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from counterseal.server.settings import RESERVED_NAMES, CallerSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Names, and subject alternative names of certificates. Bearer tokens are generated, and collide with nothing."""

    names: frozenset[str] = RESERVED_NAMES
    sans: frozenset[str] = frozenset()

    @classmethod
    def by(cls, configured: Iterable[CallerSetting]) -> Self:
        """Return what is reserved by these callers and by the service itself."""
        known = tuple(configured)
        return cls(
            names=RESERVED_NAMES | {caller.name for caller in known},
            sans=frozenset(caller.san for caller in known if caller.san is not None),
        )
