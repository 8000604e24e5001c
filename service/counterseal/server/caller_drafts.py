"""What CallerAdmin is asked to do, and what it answers."""

from dataclasses import dataclass, field
from typing import Final

from counterseal.server.store.caller_records import NO_LIMITS, CallerLimits, CallerRecord, CallerState, Role

# The paths of an update mask, and of the fields that they stand for.
MASK: Final = frozenset({"role", "state", "description", "san", "limits"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerDraft:
    """What to create. Limits are checked by CallerAdmin."""

    name: str
    role: Role
    state: CallerState = CallerState.ACTIVE
    description: str = ""
    san: str = ""
    limits: CallerLimits = NO_LIMITS
    bearer_token: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerChange:
    """New values for the fields named in `mask`. `etag` empty: not compared."""

    name: str
    etag: str
    mask: frozenset[str]
    role: Role | None = None
    state: CallerState | None = None
    description: str = ""
    san: str = ""
    limits: CallerLimits = NO_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedCaller:
    """A caller with its new bearer token, which is empty where there is none."""

    record: CallerRecord
    bearer_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerPage:
    """One page, ascending by name. `next_after` empty: this was the last."""

    records: tuple[CallerRecord, ...]
    next_after: str
