"""What the audit trail says about changes of principals. Passwords and their hashes stay out of it."""

import datetime as dt
from typing import Final

from counterseal.server.store.records import AuditEntry
from counterseal.server.store.session_records import PrincipalRecord

_NAMES: Final = ("state", "description", "labels")


def created(record: PrincipalRecord, *, actor: str) -> AuditEntry:
    """Return the entry for a new principal: all that it begins with."""
    detail = {name: _plain(getattr(record, name)) for name in _NAMES} | {"has_password": record.password_set is not None}
    return _entry("principal_create", record.tenant, record.name, detail, actor=actor, time=record.created)


def updated(before: PrincipalRecord, after: PrincipalRecord, *, ended: int, actor: str) -> AuditEntry:
    """Return the entry for a change: of each field that differs, what it was and what it is; and how many sessions ended."""
    detail: dict[str, object] = {}
    for name in _NAMES:
        old, new = _plain(getattr(before, name)), _plain(getattr(after, name))
        if old != new:
            detail[name] = {"from": old, "to": new}
    return _entry("principal_update", after.tenant, after.name, detail | _ended(ended), actor=actor, time=after.updated)


def password_set(before: PrincipalRecord, after: PrincipalRecord, *, ended: int, actor: str) -> AuditEntry:
    """Return the entry for a new password, or the first: whether there was one before, and how many sessions ended."""
    detail: dict[str, object] = {"had_password": before.password_set is not None} | _ended(ended)
    return _entry("principal_password", after.tenant, after.name, detail, actor=actor, time=after.updated)


def deleted(tenant: str, name: str, *, ended: int, actor: str, time: dt.datetime) -> AuditEntry:
    """Return the entry for a removal."""
    return _entry("principal_delete", tenant, name, _ended(ended), actor=actor, time=time)


def _ended(count: int) -> dict[str, object]:
    return {"sessions_ended": count}


def _entry(action: str, tenant: str, name: str, detail: dict[str, object], *, actor: str, time: dt.datetime) -> AuditEntry:
    return AuditEntry(time=time, actor=actor, action=action, key_id="", tenant=tenant, detail=detail, principal_name=name)


def _plain(value: object) -> object:
    """Return a value of a record as JSON can hold it."""
    return dict(value) if isinstance(value, dict) else getattr(value, "value", value)
