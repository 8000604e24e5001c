"""What PrincipalAdmin is asked to do, and what it answers. Passwords are in no repr."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from counterseal.server.store.session_records import PrincipalRecord, PrincipalState

# The paths of an update mask, and of the fields that they stand for.
MASK: Final = frozenset({"state", "description", "labels"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalDraft:
    """What to create. Limits are checked by PrincipalAdmin. An empty password is none."""

    tenant: str
    name: str
    state: PrincipalState = PrincipalState.ACTIVE
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalUpdate:
    """New values for the fields named in `mask`. `etag` empty: not compared."""

    tenant: str
    name: str
    etag: str
    mask: frozenset[str]
    state: PrincipalState | None = None
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordOrder:
    """Whose password to set. `keep_sessions`: let its sessions go on. `etag` empty: not compared."""

    tenant: str
    name: str
    password: str = field(repr=False)
    keep_sessions: bool = False
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalQuery:
    """Which principals to list. `tenants` None: of every tenant; an empty set: none. A page size of 0 means 100.

    `after`: tenant and name of the last one of the page before.
    """

    tenants: frozenset[str] | None = None
    after: tuple[str, str] | None = None
    page_size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalList:
    """One page, ascending by tenant and name. `next_after` None: this was the last."""

    records: tuple[PrincipalRecord, ...]
    next_after: tuple[str, str] | None


def drafted(draft: PrincipalDraft, now: dt.datetime) -> PrincipalRecord:
    """Return the record of a new principal."""
    return PrincipalRecord(
        tenant=draft.tenant,
        name=draft.name,
        state=draft.state,
        description=draft.description,
        labels=draft.labels,
        created=now,
        updated=now,
        password_set=now if draft.password else None,
    )
