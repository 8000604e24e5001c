"""Callers for tests."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any

from counterseal.server.callers.bearer import bearer_sha256
from counterseal.server.keys.caller_seal import seal_caller
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.store.caller_records import CallerLimits, CallerRecord, CallerState, Role, StoredCaller
from counterseal.server.store.callers import CallerStore
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.times import later
from tests.store.samples import NOON

FULL = CallerLimits(
    tenants=frozenset({"acme", "b"}),
    schemes=frozenset({"aws-sigv4"}),
    regions=frozenset({"eu-1"}),
    services=frozenset({"s3"}),
    string_to_sign=True,
    calls_per_second=7,
    burst=9,
    concurrent_calls=3,
)


def caller_store(store: KeyStore) -> CallerStore:
    return CallerStore(store.transactions, store.journal)


def caller(name: str = "edge", *, bearer: str | None = None, seal: bytes = b"seal", **changes: Any) -> StoredCaller:
    values: dict[str, Any] = {
        "name": name,
        "role": Role.GATEWAY,
        "state": CallerState.ACTIVE,
        "description": "",
        "san": "" if bearer is not None else f"spiffe://mesh/{name}",
        "has_bearer_token": bearer is not None,
        "limits": CallerLimits(),
        "created": NOON,
        "updated": NOON,
    }
    record = CallerRecord(**(values | changes))
    return StoredCaller(record=record, token_sha256=None if bearer is None else bearer_sha256(bearer), seal=seal)


def sealed(cipher: SecretCipher, name: str = "edge", *, bearer: str | None = None, **changes: Any) -> StoredCaller:
    return seal_caller(caller(name, bearer=bearer, **changes), cipher)


def caller_entry(name: str = "edge", action: str = "caller_create", time: dt.datetime = NOON) -> AuditEntry:
    detail = {"caller": name}
    return AuditEntry(time=time, actor="tester", action=action, key_id="", tenant="", detail=detail, caller=name)


def add(callers: CallerStore, stored: StoredCaller, cipher: SecretCipher | None = None) -> CallerRecord:
    """Insert a caller, as new as it has to be, sealed by that cipher if there is one."""

    def making(newest: dt.datetime | None) -> tuple[StoredCaller, AuditEntry]:
        record = dataclasses.replace(stored.record, updated=later(stored.record.updated, newest))
        made = dataclasses.replace(stored, record=record)
        return seal_caller(made, cipher) if cipher else made, caller_entry(record.name, time=record.updated)

    return callers.insert(stored.record.name, making)


def leaving(name: str) -> Callable[[str, dt.datetime | None], AuditEntry]:
    """Return what a removal is told to write down."""
    return lambda _, newest: caller_entry(name, "caller_delete", later(NOON, newest))


def changed(before: StoredCaller, **changes: Any) -> tuple[StoredCaller, AuditEntry]:
    record = dataclasses.replace(before.record, **({"updated": before.next_update(NOON)} | changes))
    return dataclasses.replace(before, record=record), caller_entry(record.name, "caller_update", record.updated)
