"""Principals and sessions for tests."""

import dataclasses
import datetime as dt
from typing import Any

from counterseal.core.model import KeyState
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.principal_seal import open_principal, seal_principal
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.keys.session_seal import open_session, seal_session
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.principals import PrincipalStore
from counterseal.server.store.records import AuditEntry, StoredKey
from counterseal.server.store.session_records import (
    PrincipalChange,
    PrincipalRecord,
    PrincipalState,
    PrincipalView,
    RefreshHashes,
    SessionChange,
    SessionRecord,
    SessionState,
    SessionView,
    StoredPrincipal,
    StoredSession,
)
from counterseal.server.store.sessions import SessionStore
from counterseal.server.store.times import later
from tests.store import samples
from tests.store.samples import NOON

CIPHER = SecretCipher(MasterKeys.generate())
PASSWORD_HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"
HASHES = RefreshHashes(family=b"f" * 32, current=b"c" * 32)
HOUR = dt.timedelta(hours=1)


def principal_store(store: KeyStore) -> PrincipalStore:
    return PrincipalStore(store.transactions, store.journal)


def session_store(store: KeyStore) -> SessionStore:
    return SessionStore(store.transactions, store.journal)


def principal(name: str = "ada", tenant: str = "acme", **changes: Any) -> StoredPrincipal:
    values: dict[str, Any] = {
        "tenant": tenant,
        "name": name,
        "state": PrincipalState.ACTIVE,
        "description": "",
        "labels": {},
        "created": NOON,
        "updated": NOON,
        "password_set": NOON,
    }
    return StoredPrincipal(record=PrincipalRecord(**(values | changes)))


def sealed(stored: StoredPrincipal, password_hash: str = PASSWORD_HASH, cipher: SecretCipher = CIPHER) -> StoredPrincipal:
    return seal_principal(stored, password_hash if stored.record.password_set else "", cipher)


def principal_entry(record: PrincipalRecord, action: str, time: dt.datetime, **detail: object) -> AuditEntry:
    return AuditEntry(
        time=time,
        actor="tester",
        action=action,
        key_id="",
        tenant=record.tenant,
        detail=detail,
        principal_name=record.name,
    )


def add_principal(principals: PrincipalStore, stored: StoredPrincipal, cipher: SecretCipher = CIPHER) -> PrincipalRecord:
    """Insert a principal, as new as it has to be, sealed."""

    def making(newest: dt.datetime | None) -> tuple[StoredPrincipal, AuditEntry]:
        record = dataclasses.replace(stored.record, updated=later(stored.record.updated, newest))
        made = sealed(dataclasses.replace(stored, record=record), cipher=cipher)
        return made, principal_entry(record, "principal_create", record.updated)

    return principals.insert(stored.record.tenant, stored.record.name, making)


def changed(view: PrincipalView, **changes: Any) -> PrincipalChange:
    """Return a change of the principal alone, which is sealed anew."""
    before = view.principal
    held = open_principal(before, CIPHER)
    record = dataclasses.replace(before.record, updated=before.next_update(NOON), **changes)
    after = seal_principal(dataclasses.replace(before, record=record), held, CIPHER)
    return PrincipalChange(principal=after, entry=principal_entry(record, "principal_update", record.updated))


def disabling(view: PrincipalView) -> PrincipalChange:
    """Return what disables a principal and ends its sessions."""
    change = changed(view, state=PrincipalState.DISABLED)
    ends = {session.session.record.session_id: ending(session, "disabled") for session in view.sessions}
    return dataclasses.replace(change, sessions=ends)


def removing(view: PrincipalView) -> PrincipalChange:
    """Return what removes a principal and ends its sessions."""
    entry = principal_entry(view.principal.record, "principal_delete", view.principal.next_update(NOON))
    ends = {session.session.record.session_id: ending(session, "removed") for session in view.sessions}
    return PrincipalChange(entry=entry, sessions=ends)


def session(session_id: str, name: str = "ada", tenant: str = "acme", **changes: Any) -> StoredSession:
    values: dict[str, Any] = {
        "session_id": session_id,
        "tenant": tenant,
        "principal": name,
        "state": SessionState.ACTIVE,
        "method": "password",
        "client": {},
        "created": NOON,
        "updated": NOON,
        "refreshed": NOON,
        "expires": NOON + 8 * HOUR,
        "idle_until": NOON + HOUR,
    }
    return StoredSession(record=SessionRecord(**(values | changes)))


def session_entry(record: SessionRecord, action: str, **detail: object) -> AuditEntry:
    return AuditEntry(
        time=record.updated,
        actor="tester",
        action=action,
        key_id="",
        tenant=record.tenant,
        detail=detail,
        session_id=record.session_id,
    )


def session_key(session_id: str, key_id: str, tenant: str = "acme", **changes: Any) -> tuple[StoredKey, AuditEntry]:
    """Return a key of a session, sealed, with the entry of its issue."""
    made = samples.stored(key_id, session_id=session_id, tenant=tenant, **changes)
    entry = dataclasses.replace(samples.entry(key_id), time=made.record.updated, tenant=tenant)
    return seal_key(b"cssk_" + b"s" * 40, made, CIPHER), entry


def beginning(stored: StoredSession, *key_ids: str, cipher: SecretCipher = CIPHER) -> SessionChange:
    record = stored.record
    keys = tuple(session_key(record.session_id, key_id, record.tenant) for key_id in key_ids)
    return SessionChange(
        session=(seal_session(stored, HASHES, cipher), session_entry(record, "session_begin")),
        added=keys,
    )


def begin(sessions: SessionStore, session_id: str, *key_ids: str, name: str = "ada", **changes: Any) -> SessionRecord:
    """Begin a session with keys of these ids."""
    change = beginning(session(session_id, name, **changes), *key_ids)
    return sessions.begin("acme", name, lambda _: (change, ()))


def adding(view: SessionView, *key_ids: str) -> SessionChange:
    """Return what adds keys to a session that has not ended; raises RuntimeError to one that has."""
    record = view.session.record
    if record.state is SessionState.ENDED:
        raise RuntimeError("ended")
    return SessionChange(added=tuple(session_key(record.session_id, key_id, record.tenant) for key_id in key_ids))


def refreshing(view: SessionView, hashes: RefreshHashes) -> SessionChange:
    """Return what puts other hashes into the seal of a session."""
    open_session(view.session, CIPHER)
    return SessionChange(session=_moved(view.session, "session_refresh", hashes))


def ending(view: SessionView, reason: str = "signed out") -> SessionChange:
    """Return what ends a session and revokes its keys."""
    open_session(view.session, CIPHER)
    now = view.session.next_update(NOON)
    ended = _moved(view.session, "session_end", HASHES, state=SessionState.ENDED, ended=now, end_reason=reason)
    return SessionChange(session=ended, changed=tuple(_revoked(key, reason) for key in view.keys))


def _moved(before: StoredSession, action: str, hashes: RefreshHashes, **changes: Any) -> tuple[StoredSession, AuditEntry]:
    record = dataclasses.replace(before.record, updated=before.next_update(NOON), **changes)
    after = seal_session(dataclasses.replace(before, record=record), hashes, CIPHER)
    return after, session_entry(record, action)


def _revoked(before: StoredKey, reason: str) -> tuple[StoredKey, AuditEntry]:
    now = before.next_update(NOON)
    changes: dict[str, Any] = {"state": KeyState.REVOKED, "revoked": now, "revoke_reason": reason}
    after, entry = samples.moved(before, **changes)
    entry = dataclasses.replace(entry, action="revoke", tenant=before.record.tenant)
    return seal_key(open_secret(before, CIPHER), after, CIPHER), entry
