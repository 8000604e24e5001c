"""What the audit trail says about changes of callers. Bearer tokens and their hashes stay out of it."""

import dataclasses
import datetime as dt

from counterseal.server.store.caller_records import CallerRecord
from counterseal.server.store.records import AuditEntry

_NAMES = ("role", "state", "description", "san", "has_bearer_token", "limits")


def created(record: CallerRecord, *, actor: str) -> AuditEntry:
    """Return the entry for a new caller: all that it begins with."""
    detail = {name: _plain(getattr(record, name)) for name in _NAMES}
    return _entry("caller_create", record.name, detail, actor=actor, time=record.created)


def updated(before: CallerRecord, after: CallerRecord, *, actor: str) -> AuditEntry:
    """Return the entry for a change: of each field that differs, what it was and what it is."""
    return _entry("caller_update", after.name, _changes(before, after), actor=actor, time=after.updated)


def rotated(before: CallerRecord, after: CallerRecord, *, actor: str) -> AuditEntry:
    """Return the entry for a new bearer token."""
    return _entry("caller_rotate", after.name, _changes(before, after), actor=actor, time=after.updated)


def deleted(name: str, *, actor: str, time: dt.datetime) -> AuditEntry:
    """Return the entry for a removal."""
    return _entry("caller_delete", name, {}, actor=actor, time=time)


def _entry(action: str, name: str, detail: dict[str, object], *, actor: str, time: dt.datetime) -> AuditEntry:
    whole = {"caller": name} | detail
    return AuditEntry(time=time, actor=actor, action=action, key_id="", tenant="", detail=whole, caller=name)


def _changes(before: CallerRecord, after: CallerRecord) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in _NAMES:
        old, new = _plain(getattr(before, name)), _plain(getattr(after, name))
        if old != new:
            found[name] = {"from": old, "to": new}
    return found


def _plain(value: object) -> object:
    """Return a value of a record as JSON can hold it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    return getattr(value, "value", value)
