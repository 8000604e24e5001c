"""What the audit trail says about sessions and their keys. Tokens, and hashes of them, stay out of it."""

import dataclasses
import datetime as dt

from counterseal.server import audit
from counterseal.server.store.records import AuditEntry, IssueAction, KeyRecord
from counterseal.server.store.session_records import SessionRecord


def begun(record: SessionRecord, *, actor: str) -> AuditEntry:
    """Return the entry for a new session."""
    detail: dict[str, object] = {"method": record.method, "client": dict(record.client), "expires": record.expires.isoformat()}
    return _entry("session_begin", record, detail, actor=actor)


def refreshed(before: SessionRecord, after: SessionRecord, *, actor: str, request_id: str, again: bool) -> AuditEntry:
    """Return the entry for a prolonged session. `again`: the answer before got lost."""
    detail: dict[str, object] = {"idle_until": {"from": before.idle_until.isoformat(), "to": after.idle_until.isoformat()}}
    if again:
        detail["again"] = True
    return _entry("session_refresh", after, detail, actor=actor, request_id=request_id)


def ended(record: SessionRecord, *, actor: str, broken: bool) -> AuditEntry:
    """Return the entry for the end of a session. `broken`: its row was not what was sealed."""
    detail: dict[str, object] = {"reason": record.end_reason}
    return _entry("session_end", record, detail | ({"broken": True} if broken else {}), actor=actor)


def key_made(record: KeyRecord, *, actor: str, action: IssueAction) -> AuditEntry:
    """Return the entry for a new key of a session."""
    return _of_session(audit.issued(record, actor=actor, request_id="", action=action), record)


def key_prolonged(before: KeyRecord, after: KeyRecord, *, actor: str) -> AuditEntry:
    """Return the entry for another end of a key."""
    return _of_session(audit.updated(before, after, actor=actor), after)


def token_replaced(before: KeyRecord, after: KeyRecord, *, actor: str) -> AuditEntry:
    """Return the entry for another bearer token of a session, or for none in the place of one."""
    entry = audit.rotated(before, after, actor=actor, request_id="", imported=False)
    ends = {"from": _text(before.expires), "to": _text(after.expires)}
    return _of_session(dataclasses.replace(entry, detail={**entry.detail, "expires": ends}), after)


def key_revoked(before: KeyRecord, after: KeyRecord, *, actor: str) -> AuditEntry:
    """Return the entry for a key that ends with its session."""
    return _of_session(audit.revoked(before, after, actor=actor), after)


def _of_session(entry: AuditEntry, record: KeyRecord) -> AuditEntry:
    return dataclasses.replace(entry, detail={**entry.detail, "session_id": record.session_id})


def _text(time: dt.datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _entry(action: str, record: SessionRecord, detail: dict[str, object], *, actor: str, request_id: str = "") -> AuditEntry:
    return AuditEntry(
        time=record.updated,
        actor=actor,
        action=action,
        key_id="",
        tenant=record.tenant,
        request_id=request_id,
        detail={"session_id": record.session_id, "principal": record.principal} | detail,
        session_id=record.session_id,
    )
