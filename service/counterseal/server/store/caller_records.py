"""Callers as they are stored and administered. Bearer tokens appear here only as their SHA-256."""

import datetime as dt
import enum
from dataclasses import dataclass, field
from typing import Final

from counterseal.server.store.times import later


class Role(enum.Enum):
    """What a caller is there for."""

    ADMIN = "admin"
    AUDITOR = "auditor"
    GATEWAY = "gateway"
    # A gateway that may be given signing keys of scopes.
    LEASE = "lease"
    # The front of a web application: verifies, and signs people in and out.
    SESSIONS = "sessions"


class CallerState(enum.Enum):
    """Whether a caller may call."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLimits:
    """How far a caller may go. An empty set and a 0 are no limit; `burst` 0 means as many as `calls_per_second`."""

    tenants: frozenset[str] = frozenset()
    schemes: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    string_to_sign: bool = False
    calls_per_second: int = 0
    burst: int = 0
    concurrent_calls: int = 0


NO_LIMITS: Final = CallerLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRecord:
    """A caller as administrators see it. Times are timezone-aware UTC. `san` is empty for none, `etag` the store's to set."""

    name: str
    role: Role
    state: CallerState
    description: str
    san: str
    has_bearer_token: bool
    limits: CallerLimits
    created: dt.datetime
    updated: dt.datetime
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCaller:
    """A caller as read from the database. The seal vouches for all of it but the etag, which is the database's."""

    record: CallerRecord
    token_sha256: bytes | None = field(repr=False)
    seal: bytes = field(default=b"", repr=False)
    # When a caller of this name was last changed or removed as the audit trail knows it; None where it knows nothing.
    newest: dt.datetime | None = None

    def next_update(self, now: dt.datetime) -> dt.datetime:
        """Return the time of a change at `now`: later than that of any change before, however the clocks of servers differ."""
        return later(now, self.record.updated, self.newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRows:
    """Rows of the table. `unreadable` are the names of those that make no caller of this release."""

    callers: tuple[StoredCaller, ...]
    unreadable: tuple[str, ...]
    # The name of the last row when there are more behind it, else empty.
    next_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerMark:
    """What tells two states of the table apart: how many rows there are, and the newest number of a change among them.

    Every change takes a number above all before it. So where the newest is the same, nothing was added or changed since that
    is still there, and what there is can only have become less: then the count differs.
    """

    count: int
    newest: int
