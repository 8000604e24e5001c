"""What the audit trail says about changes of keys. Secrets, sealed or not, and hashes of security tokens stay out of it."""

import datetime as dt
import hashlib
from typing import Final

from counterseal.core.model import Verified
from counterseal.core.policy import NO_POLICY, KeyPolicy
from counterseal.server.store.policy_text import policy_parts
from counterseal.server.store.records import AuditEntry, IssueAction, KeyRecord

_NAMES: Final = (
    "principal",
    "description",
    "labels",
    "allowed_schemes",
    "state",
    "not_before",
    "expires",
)


def issued(record: KeyRecord, *, actor: str, request_id: str, action: IssueAction) -> AuditEntry:
    """Return the entry for a new key: all that it begins with. A public key is named by the SHA-256 of what it is."""
    detail = {name: _plain(getattr(record, name)) for name in _NAMES} | {"has_security_token": record.has_security_token}
    if record.policy != NO_POLICY:
        detail["policy"] = _plain(record.policy)
    if record.bearer:
        detail["kind"] = record.kind.value
    if record.public_key is not None:
        detail |= {
            "algorithm": record.public_key.algorithm,
            "public_key_sha256": hashlib.sha256(record.public_key.spki).hexdigest(),
        }
    return AuditEntry(
        time=record.created,
        actor=actor,
        action=action,
        key_id=record.key_id,
        tenant=record.tenant,
        request_id=request_id,
        detail=detail,
    )


def reissued(record: KeyRecord, *, actor: str, request_id: str) -> AuditEntry:
    """Return the entry for another token of a key, for a retry of the call that issued it: the one before ended."""
    return AuditEntry(
        time=record.updated,
        actor=actor,
        action="reissue",
        key_id=record.key_id,
        tenant=record.tenant,
        request_id=request_id,
        detail={"secret_version": record.secret_version},
    )


def updated(before: KeyRecord, after: KeyRecord, *, actor: str) -> AuditEntry:
    """Return the entry for a change: of each field that differs, what it was and what it is."""
    changes = {}
    for name in (*_NAMES, "policy"):
        old, new = _plain(getattr(before, name)), _plain(getattr(after, name))
        if old != new:
            changes[name] = {"from": old, "to": new}
    return AuditEntry(
        time=after.updated,
        actor=actor,
        action="update",
        key_id=after.key_id,
        tenant=after.tenant,
        detail=changes,
    )


def revoked(before: KeyRecord, after: KeyRecord, *, actor: str) -> AuditEntry:
    """Return the entry for a revocation."""
    return AuditEntry(
        time=after.updated,
        actor=actor,
        action="revoke",
        key_id=after.key_id,
        tenant=after.tenant,
        detail={"state": {"from": before.state.value, "to": after.state.value}, "revoke_reason": after.revoke_reason},
    )


def rotated(before: KeyRecord, after: KeyRecord, *, actor: str, request_id: str, imported: bool) -> AuditEntry:
    """Return the entry for a new secret: its version, where it came from, and when those before end."""
    detail: dict[str, object] = {
        "secret_version": {"from": before.secret_version, "to": after.secret_version},
        "imported": imported,
        "previous_until": _plain(after.previous.until if after.previous else after.updated),
    }
    if before.previous is not None and after.updated < before.previous.until:
        detail["ended_version"] = before.previous.version  # a third secret would have verified: the oldest ends at once
    return AuditEntry(
        time=after.updated,
        actor=actor,
        action="rotate",
        key_id=after.key_id,
        tenant=after.tenant,
        request_id=request_id,
        detail=detail,
    )


def of_master_keys(action: str, active: str, **detail: object) -> AuditEntry:
    """Return the entry for what was done to the ring of master keys; `active` is the id of the active one."""
    return AuditEntry(
        time=dt.datetime.now(dt.UTC),
        actor="operator",
        action=action,
        key_id="",
        tenant="",
        detail={"active_master_key": active} | detail,
    )


def leased(verdict: Verified, scope: str, *, actor: str, request_id: str, now: float) -> AuditEntry:
    """Return the entry for a signing key of a scope that a caller is given. `now` is in Unix seconds."""
    return AuditEntry(
        time=dt.datetime.fromtimestamp(now, dt.UTC),
        actor=actor,
        action="lease",
        key_id=verdict.key.key_id,
        tenant=verdict.key.tenant,
        request_id=request_id,
        detail={"scheme": verdict.scheme, "scope": scope, "secret_version": verdict.key.secret_version},
    )


def _plain(value: object) -> object:
    """Return a value of a record as JSON can hold it."""
    if isinstance(value, KeyPolicy):
        return policy_parts(value)
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    return getattr(value, "value", value)
