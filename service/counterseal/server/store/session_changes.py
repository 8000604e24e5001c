"""What becomes of a session and its keys, written down: rows, numbers and audit entries, in a transaction that is under way."""

import datetime as dt
from typing import Final

from sqlalchemy import Connection, bindparam, insert, update

from counterseal.server.store.journal import Journal
from counterseal.server.store.records import AuditEntry, StoredKey
from counterseal.server.store.rows import stored_values, to_micros
from counterseal.server.store.session_records import SessionChange, SessionView, StoredSession
from counterseal.server.store.session_rows import session_values
from counterseal.server.store.stand_ins import end_values, revocation_values
from counterseal.server.store.tables import KEYS, SESSIONS

_ADD_SESSION: Final = insert(SESSIONS)
_CHANGE_SESSION: Final = update(SESSIONS).where(SESSIONS.c.session_id == bindparam("id"))
_ADD_KEY: Final = insert(KEYS)
_CHANGE_KEY: Final = update(KEYS).where(KEYS.c.key_id == bindparam("id"))


def begin_session(connection: Connection, journal: Journal, change: SessionChange) -> StoredSession:
    """Add a session with its first keys; returns it as it was given. Raises ValueError: this begins none."""
    if change.session is None or change.changed:
        raise ValueError("a session begins with a row of its own, and with new keys alone")
    stored, entry = change.session
    _check(stored, entry)
    connection.execute(_ADD_SESSION, session_values(stored) | {"changed": journal.record(connection, entry)})
    _add_keys(connection, journal, stored.record.session_id, change)
    return stored


def change_session(connection: Connection, journal: Journal, view: SessionView, change: SessionChange) -> None:
    """Change a session that is locked, and its keys. Raises ValueError: the change is none of this session."""
    before = view.session
    if change.session is not None:
        stored, entry = change.session
        _check(stored, entry)
        _check_same(before, stored)
        _check_later(stored.record.updated, before.next_update(stored.record.updated))
        values = session_values(stored) if stored.readable else end_values(stored.record)
        values |= {"changed": journal.record(connection, entry), "id": stored.record.session_id}
        connection.execute(_CHANGE_SESSION, values)
    _add_keys(connection, journal, before.record.session_id, change)
    keys = {key.record.key_id: key for key in view.keys}
    for after, entry in change.changed:
        key_id = after.record.key_id
        if key_id not in keys:
            raise ValueError("a session changes keys of its own alone")
        _check_key(after, entry, before.record.session_id)
        _check_later(after.record.updated, keys[key_id].next_update(after.record.updated))
        values = stored_values(after) if after.readable else revocation_values(after.record)
        values |= {"changed": journal.record(connection, entry), "id": key_id}
        connection.execute(_CHANGE_KEY, values)


def _add_keys(connection: Connection, journal: Journal, session_id: str, change: SessionChange) -> None:
    for stored, entry in change.added:
        _check_key(stored, entry, session_id)
        connection.execute(_ADD_KEY, stored_values(stored) | {"changed": journal.record(connection, entry)})


def _check(stored: StoredSession, entry: AuditEntry) -> None:
    if entry.session_id != stored.record.session_id or entry.tenant != stored.record.tenant:
        raise ValueError("the audit entry of a change must name the session and its tenant")
    if to_micros(stored.record.updated) != to_micros(entry.time):
        raise ValueError("a session and the audit entry of its change must bear the same time")


def _check_same(before: StoredSession, after: StoredSession) -> None:
    names = ("session_id", "tenant", "principal")
    if any(getattr(before.record, name) != getattr(after.record, name) for name in names):
        raise ValueError("a session stays whose it is")


def _check_key(stored: StoredKey, entry: AuditEntry, session_id: str) -> None:
    if stored.record.session_id != session_id or entry.key_id != stored.record.key_id:
        raise ValueError("a key of a session must name it, and its audit entry the key")
    if to_micros(stored.record.updated) != to_micros(entry.time):
        raise ValueError("a key and the audit entry of its change must bear the same time")


def _check_later(updated: dt.datetime, least: dt.datetime) -> None:
    if updated < least:
        raise ValueError("a change has to move `updated` forward, or a row put back later would look like the newest")
