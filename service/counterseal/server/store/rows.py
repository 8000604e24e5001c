"""Between rows and records. Times are whole microseconds since the Unix epoch in the database."""

import datetime as dt
import json
from typing import Any, Final

from sqlalchemy import Row

from counterseal.core.model import KeyKind, KeyState, PublicKey
from counterseal.server.store.audit_subjects import (
    caller_in,
    caller_subject,
    principal_in,
    principal_subject,
    session_in,
    session_subject,
    shown_key_id,
)
from counterseal.server.store.policy_text import policy_text, read_policy_text
from counterseal.server.store.readable import alarming, read_text_map, read_text_set
from counterseal.server.store.records import AuditEntry, IssueMark, KeyRecord, PreviousSecret, StoredKey

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def to_micros(time: dt.datetime) -> int:
    """Return whole microseconds since the Unix epoch. The time must be timezone-aware."""
    return (time - _EPOCH) // _MICROSECOND


def to_time(micros: int) -> dt.datetime:
    """Return the time, timezone-aware in UTC."""
    return _EPOCH + micros * _MICROSECOND


def maybe_micros(time: dt.datetime | None) -> int | None:
    """Return `to_micros` of a time, None of none."""
    return None if time is None else to_micros(time)


def maybe_time(micros: int | None) -> dt.datetime | None:
    """Return `to_time` of a number, None of none."""
    return None if micros is None else to_time(micros)


def compact_json(value: object) -> str:
    """Return JSON as it is stored: the same text for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def etag_of(changed: int) -> str:
    """Return the etag that stands for a value of the change sequence."""
    return f"{changed:x}"


def record_values(record: KeyRecord) -> dict[str, Any]:
    """Return the columns of a record; neither the secret nor the place in the change sequence."""
    return {
        "key_id": record.key_id,
        "tenant": record.tenant,
        "principal": record.principal,
        "description": record.description,
        "labels": compact_json(dict(record.labels)),
        "allowed_schemes": compact_json(sorted(record.allowed_schemes)),
        "state": record.state.value,
        "not_before": maybe_micros(record.not_before),
        "expires": maybe_micros(record.expires),
        "created": to_micros(record.created),
        "updated": to_micros(record.updated),
        "revoked": maybe_micros(record.revoked),
        "revoke_reason": record.revoke_reason,
        "algorithm": "" if record.public_key is None else record.public_key.algorithm,
        "public_key": None if record.public_key is None else record.public_key.spki,
        "secret_created": maybe_micros(record.secret_created),
        "previous_version": None if record.previous is None else record.previous.version,
        "previous_until": None if record.previous is None else to_micros(record.previous.until),
        "policy": policy_text(record.policy),
        "kind": record.kind.value if record.bearer else None,
        "session_id": record.session_id or None,
    }


def stored_values(stored: StoredKey) -> dict[str, Any]:
    """Return the columns of a key, all but its place in the change sequence."""
    mark = stored.mark
    return record_values(stored.record) | {
        "secret_version": stored.secret_version,
        "sealed_secret": stored.sealed_secret,
        "security_token_sha256": stored.security_token_sha256,
        "issue_actor": mark.actor if mark else None,
        "issue_request_id": mark.request_id if mark else None,
        "issue_fingerprint": mark.fingerprint if mark else None,
    }


def audit_values(entry: AuditEntry) -> dict[str, Any]:
    """Return the columns of an audit entry. Its detail names the principal or the session that it is about."""
    subject, named = _subject(entry)
    return {
        "time": to_micros(entry.time),
        "actor": entry.actor,
        "action": entry.action,
        "key_id": subject,
        "tenant": entry.tenant,
        "request_id": entry.request_id,
        "detail": compact_json(dict(entry.detail) | named),
    }


def _subject(entry: AuditEntry) -> tuple[str, dict[str, str]]:
    if entry.caller:
        return caller_subject(entry.caller), {}
    if entry.session_id:
        return session_subject(entry.session_id), {"session_id": entry.session_id}
    if entry.principal_name:
        return principal_subject(entry.tenant, entry.principal_name), {"principal": entry.principal_name}
    return entry.key_id, {}


def _read_record(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        key_id=row.key_id,
        tenant=row.tenant,
        principal=row.principal,
        description=row.description,
        labels=read_text_map(row.labels),
        allowed_schemes=read_text_set(row.allowed_schemes),
        state=KeyState(row.state),
        not_before=maybe_time(row.not_before),
        expires=maybe_time(row.expires),
        created=to_time(row.created),
        updated=to_time(row.updated),
        revoked=maybe_time(row.revoked),
        revoke_reason=row.revoke_reason,
        etag=etag_of(row.changed),
        has_security_token=row.security_token_sha256 is not None,
        public_key=_read_public_key(row),
        policy=read_policy_text(row.policy),
        secret_created=maybe_time(row.secret_created),
        previous=_read_previous(row),
        secret_version=row.secret_version,
        bearer=_read_bearer(row),
        session_id=row.session_id or "",
    )


def _read_bearer(row: Row[Any]) -> bool:
    if row.kind is None:
        return False
    if KeyKind(row.kind) is not KeyKind.BEARER or row.public_key is not None or row.algorithm:
        raise ValueError("a key of two kinds")
    return True


def _read_public_key(row: Row[Any]) -> PublicKey | None:
    # Either column alone makes a public key of the row, one that does not open: no kind is made into the other by halves.
    if row.public_key is None and row.algorithm == "":
        return None
    return PublicKey(algorithm=row.algorithm, spki=row.public_key or b"")


def _read_previous(row: Row[Any]) -> PreviousSecret | None:
    if row.previous_version is None and row.previous_until is None:
        return None
    if row.previous_version is None or row.previous_until is None:
        raise ValueError("half of a secret before")
    return PreviousSecret(version=row.previous_version, until=to_time(row.previous_until))


@alarming
def read_record(row: Row[Any]) -> KeyRecord:
    """Return the record in a row of `keys`. Raises RowUnreadable."""
    return _read_record(row)


@alarming
def read_stored(row: Row[Any]) -> StoredKey:
    """Return the record and the sealed secret in a row of `keys`. Raises RowUnreadable."""
    return StoredKey(
        record=_read_record(row),
        secret_version=row.secret_version,
        sealed_secret=row.sealed_secret,
        security_token_sha256=row.security_token_sha256,
        mark=_read_mark(row),
    )


def _read_mark(row: Row[Any]) -> IssueMark | None:
    if row.issue_actor is None:
        return None
    return IssueMark(actor=row.issue_actor, request_id=row.issue_request_id, fingerprint=row.issue_fingerprint)


def read_audit(row: Row[Any]) -> AuditEntry:
    """Return the entry in a row of `audit`."""
    return AuditEntry(
        time=to_time(row.time),
        actor=row.actor,
        action=row.action,
        key_id=shown_key_id(row.key_id),
        tenant=row.tenant,
        request_id=row.request_id,
        detail=json.loads(row.detail),
        caller=caller_in(row.key_id),
        principal_name=principal_in(row.key_id),
        session_id=session_in(row.key_id),
    )
