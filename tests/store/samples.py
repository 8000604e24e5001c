"""Records for tests."""

import dataclasses
import datetime as dt
from typing import Any

from counterseal.core.model import KeyState
from counterseal.server.store import engine
from counterseal.server.store.audit_chain import AuditKey
from counterseal.server.store.records import AuditEntry, IssueMark, KeyRecord, StoredKey

NOON = dt.datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
AUDIT_KEY = AuditKey(key=b"tests alone have this audit key.")


def record(key_id: str = "key-1", **changes: Any) -> KeyRecord:
    values: dict[str, Any] = {
        "key_id": key_id,
        "tenant": "default",
        "principal": "",
        "description": "",
        "labels": {},
        "allowed_schemes": frozenset({"aws-sigv4"}),
        "state": KeyState.ACTIVE,
        "not_before": None,
        "expires": None,
        "created": NOON,
        "updated": NOON,
        "revoked": None,
        "revoke_reason": "",
        "etag": "",
        "has_security_token": False,
    }
    return KeyRecord(**(values | changes))


def stored(
    key_id: str = "key-1",
    *,
    sealed: bytes = b"sealed",
    token: bytes | None = None,
    mark: IssueMark | None = None,
    **changes: Any,
) -> StoredKey:
    return StoredKey(
        record=record(key_id, **changes), secret_version=1, sealed_secret=sealed, security_token_sha256=token, mark=mark
    )


def entry(key_id: str = "key-1", action: str = "issue", **detail: object) -> AuditEntry:
    return AuditEntry(time=NOON, actor="tester", action=action, key_id=key_id, tenant="default", request_id="r", detail=detail)


def moved(before: StoredKey, *, sealed: bytes | None = None, **changes: Any) -> tuple[StoredKey, AuditEntry]:
    """Return the key after a change, and the change's audit entry, a microsecond later."""
    now = before.next_update(NOON)
    record = dataclasses.replace(before.record, updated=now, **changes)
    after = dataclasses.replace(before, record=record, sealed_secret=before.sealed_secret if sealed is None else sealed)
    return after, dataclasses.replace(entry(before.record.key_id, "update"), time=now)


def open_store(url: str, *, timeout: float, pool: int = 16, listen: bool = True) -> engine.KeyStore:
    """Open a store that can be changed: its journal has a key."""
    store = engine.open_store(url, timeout=timeout, pool=pool, listen=listen)
    store.journal.arm(AUDIT_KEY)
    return store
