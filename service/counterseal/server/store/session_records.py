"""Principals and their sessions as they are stored and administered. Passwords and refresh tokens appear only as hashes."""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from counterseal.server.store.records import AuditEntry, StoredKey
from counterseal.server.store.times import later


class PrincipalState(enum.Enum):
    """Whether a principal may sign in, and its sessions go on."""

    ACTIVE = "active"
    DISABLED = "disabled"


class SessionState(enum.Enum):
    """Whether a session was ended. One that has expired says so by its times."""

    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalRecord:
    """A principal as administrators see it. Times are timezone-aware UTC; `etag` is the store's to set.

    `labels` go to the keys of its sessions. `password_set` None: it has no password.
    """

    tenant: str
    name: str
    state: PrincipalState
    description: str
    labels: Mapping[str, str]
    created: dt.datetime
    updated: dt.datetime
    password_set: dt.datetime | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrincipal:
    """A principal as read from the database. The seal vouches for all of it but the etag, and holds the password's hash."""

    record: PrincipalRecord
    seal: bytes = field(default=b"", repr=False)
    # When it was last changed or removed as the audit trail knows it; None where it knows nothing.
    newest: dt.datetime | None = None

    def next_update(self, now: dt.datetime) -> dt.datetime:
        """Return the time of a change at `now`: later than that of any change before, however the clocks of servers differ."""
        return later(now, self.record.updated, self.newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session as it is listed. Times are timezone-aware UTC.

    It is over at `expires`, at `idle_until` unless it was refreshed before, and once it was ended.
    """

    session_id: str
    tenant: str
    principal: str
    state: SessionState
    # `password`, or `oidc:` and the issuer.
    method: str
    # What the caller told of the client, e.g. `source_address` and `user_agent`.
    client: Mapping[str, str]
    created: dt.datetime
    updated: dt.datetime
    refreshed: dt.datetime
    expires: dt.datetime
    idle_until: dt.datetime
    ended: dt.datetime | None = None
    end_reason: str = ""
    etag: str = ""

    def is_over(self, now: dt.datetime) -> bool:
        """Say whether the session has ended or expired."""
        return self.state is not SessionState.ACTIVE or now >= min(self.expires, self.idle_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often something was done since a time."""

    since: dt.datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshHashes:
    """What is kept of a session's refresh tokens: SHA-256 alone; and how often they were used of late.

    Every token of a session has two random parts: one that stays (`family`), and one that is new each time. Whoever presents
    the family with another rest has a token that was used before: somebody has a copy. `previous` and `request_id` let a client
    whose answer got lost ask again.
    """

    family: bytes = field(repr=False)
    current: bytes = field(repr=False)
    previous: bytes | None = field(default=None, repr=False)
    # SHA-256 of the request id that the current token was given out under; None: without one.
    request_id: bytes | None = field(default=None, repr=False)
    # None: the session was not refreshed yet, or by a release that did not count.
    refreshes: Tally | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session as read from the database. The seal vouches for all of it but the etag, and holds `RefreshHashes`."""

    record: SessionRecord
    seal: bytes = field(default=b"", repr=False)
    newest: dt.datetime | None = None
    # False: this stands for a row that makes no session. See `stand_ins.py`.
    readable: bool = True

    def next_update(self, now: dt.datetime) -> dt.datetime:
        """Return the time of a change at `now`: later than that of any change before, however the clocks of servers differ."""
        return later(now, self.record.updated, self.newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session with its principal and all of its keys. Session and keys are locked until the transaction ends.

    The principal is as it was once the session was locked: whoever disables it ends the session, and so waits for the lock.
    `principal` None: there is none, or it was removed.
    """

    session: StoredSession
    principal: StoredPrincipal | None
    keys: tuple[StoredKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """What becomes of a session and its keys, with an audit entry for each. `session` None: its row stays as it is."""

    session: tuple[StoredSession, AuditEntry] | None = None
    added: tuple[tuple[StoredKey, AuditEntry], ...] = ()
    changed: tuple[tuple[StoredKey, AuditEntry], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalView:
    """A principal with its live sessions and their keys, all of them locked until the transaction ends.

    Live are those that nobody has ended and whose `expires` has not passed; ascending by id. Also those of which a row only
    says so, and that have keys which may verify.
    """

    principal: StoredPrincipal
    sessions: tuple[SessionView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalChange:
    """What becomes of a principal and its sessions, with an audit entry for each. `principal` None: it is removed."""

    entry: AuditEntry
    principal: StoredPrincipal | None = None
    # By id of the session. Those that are not named stay as they are.
    sessions: Mapping[str, SessionChange] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalPage:
    """One page, ascending by tenant and name. `unreadable` are names of rows that make no principal."""

    principals: tuple[StoredPrincipal, ...]
    unreadable: tuple[str, ...] = ()
    # `tenant` and `name` of the last row when there are more behind it, else None.
    next_after: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """Which sessions to list, ascending by id. `tenants` None: of every tenant. `active_at` None: also those that are over."""

    tenants: frozenset[str] | None = None
    principal: str = ""
    active_at: dt.datetime | None = None
    after: str = ""
    page_size: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """One page. `next_after` empty: this was the last."""

    sessions: tuple[StoredSession, ...]
    unreadable: tuple[str, ...] = ()
    next_after: str = ""
