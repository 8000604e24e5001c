"""Sessions with their keys, locked. Everybody locks in one order: the principal, its sessions by id, their keys by id.

Rows are locked first and read by the next statement: one that waited for a lock may show the row as it is now beside the trail
as it was when the statement began (PostgreSQL does), and the row would look put there behind our back.
"""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, select

from counterseal.core.model import KeyState
from counterseal.server.store.principal_rows import read_principal
from counterseal.server.store.records import StoredKey
from counterseal.server.store.rows import read_stored, to_micros, to_time
from counterseal.server.store.session_records import SessionRecord, SessionState, SessionView, StoredPrincipal, StoredSession
from counterseal.server.store.session_rows import read_session
from counterseal.server.store.session_trail import KEY_ROWS, PRINCIPAL_ROWS, SESSION_ROWS
from counterseal.server.store.stand_ins import is_plain, key_despite, principal_despite, session_despite
from counterseal.server.store.tables import KEYS, PRINCIPALS, SESSIONS

# How far the clocks of servers may differ: what is live by one of them is ended by all.
SKEW: Final = dt.timedelta(hours=1)
_ONE_PRINCIPAL: Final = (PRINCIPALS.c.tenant == bindparam("of_tenant")) & (PRINCIPALS.c.name == bindparam("of_name"))
_LOCK_PRINCIPAL: Final = select(PRINCIPALS.c.name).where(_ONE_PRINCIPAL).with_for_update()
_READ_PRINCIPAL: Final = PRINCIPAL_ROWS.where(_ONE_PRINCIPAL)
_AMONG: Final[BindParameter[Any]] = bindparam("ids", expanding=True)
# Keys that may be prolonged when they have expired: all but temporary credentials.
_LASTING: Final = KEYS.c.security_token_sha256.is_(None)


def read_one_principal(connection: Connection, tenant: str, name: str) -> StoredPrincipal | None:
    """Return a principal, or None. Raises SealBroken."""
    row = connection.execute(_READ_PRINCIPAL, {"of_tenant": tenant, "of_name": name}).first()
    return None if row is None else read_principal(row)


def lock_principal(connection: Connection, tenant: str, name: str, *, ending: bool = False) -> StoredPrincipal | None:
    """Return a principal, locked until the transaction ends, or None.

    Raises:
        SealBroken: the row makes no principal, and it is not `ending`, where something stands for it.
    """
    whose = {"of_tenant": tenant, "of_name": name}
    connection.execute(_LOCK_PRINCIPAL, whose).first()
    if not ending:
        return read_one_principal(connection, tenant, name)
    row = connection.execute(_READ_PRINCIPAL, whose).first()
    return None if row is None else principal_despite(row)


def lock_session(
    connection: Connection, session_id: str, now: dt.datetime | None = None, *, ending: bool = False
) -> SessionView | None:
    """Return a session with its keys, locked until the transaction ends, or None. Raises SealBroken unless it is `ending`.

    `now` leaves temporary credentials out that are over: in the life of a session there may be thousands. Where the session is
    to end, something stands for rows that cannot be read.
    """
    connection.execute(select(SESSIONS.c.session_id).where(SESSIONS.c.session_id == session_id).with_for_update()).first()
    row = connection.execute(SESSION_ROWS.where(SESSIONS.c.session_id == session_id)).first()
    if row is None:
        return None
    stored = session_despite(row) if ending else read_session(row)
    # Whose session it is decides who may end it, and nothing about the principal does.
    principal = None if ending else read_one_principal(connection, stored.record.tenant, stored.record.principal)
    keys = _lock_keys(connection, [stored], None if now is None else _LASTING | ~_over(now), ending=ending)
    return SessionView(session=stored, principal=principal, keys=keys.get(session_id, ()))


def lock_live_sessions(
    connection: Connection,
    tenant: str,
    name: str,
    principal: StoredPrincipal | None,
    now: dt.datetime | None,
    *,
    ending: bool = False,
) -> tuple[SessionView, ...]:
    """Return a principal's sessions that nobody has ended, with their keys, locked; ascending by id.

    `now` None: sessions and keys too whose `expires` has passed. Of such keys there may be thousands: whoever collects them
    would keep others from writing whenever he signs in. Where they are to be `ending`, something stands for rows that cannot be
    read, and no row is believed that says that its session is over while keys of it may verify.

    Raises:
        SealBroken: a row makes no sense, and nothing is ending.
    """
    live = SESSIONS.c.state == SessionState.ACTIVE.value
    if now is not None:
        live &= SESSIONS.c.expires > to_micros(now - SKEW)
    if ending:
        live |= _has_live_keys(now)
    wanted = select(SESSIONS.c.session_id).where(SESSIONS.c.tenant == tenant, SESSIONS.c.principal == name, live)
    found = connection.scalars(wanted.order_by(SESSIONS.c.session_id).with_for_update()).all()
    ids = [session_id for session_id in found if is_plain(session_id)] if ending else found
    if not ids:
        return ()
    rows = connection.execute(
        SESSION_ROWS.where(SESSIONS.c.session_id.in_(_AMONG)).order_by(SESSIONS.c.session_id), {"ids": ids}
    )
    sessions = [session_despite(row) if ending else read_session(row) for row in rows]
    keys = _lock_keys(connection, sessions, None if now is None else ~_expired(now), ending=ending)
    return tuple(
        SessionView(session=stored, principal=principal, keys=keys.get(stored.record.session_id, ())) for stored in sessions
    )


def _lock_keys(
    connection: Connection, sessions: Sequence[StoredSession], which: ColumnElement[bool] | None, *, ending: bool
) -> dict[str, tuple[StoredKey, ...]]:
    """Return the keys by session, each ascending by key id.

    Raises:
        RowUnreadable: none of them can be left out unseen, and nothing is ending.
    """
    of = {stored.record.session_id: stored.record for stored in sessions}
    wanted: ColumnElement[bool] = KEYS.c.session_id.in_(_AMONG)
    if which is not None:
        wanted &= which
    # By their sessions, which are locked, and not by their ids: databases take only so many parameters.
    locking = select(KEYS.c.key_id).where(wanted).order_by(KEYS.c.key_id).with_for_update()
    if not connection.execute(locking, {"ids": list(of)}).all():
        return {}
    found: dict[str, list[StoredKey]] = {}
    for row in connection.execute(KEY_ROWS.where(wanted).order_by(KEYS.c.key_id), {"ids": list(of)}):
        found.setdefault(row.session_id, []).append(_read_key(row, of[row.session_id] if ending else None))
    return {session_id: tuple(keys) for session_id, keys in found.items()}


def _read_key(row: Row[Any], ending: SessionRecord | None) -> StoredKey:
    stored = read_stored(row) if ending is None else key_despite(row, ending)
    return stored if row.newest is None else dataclasses.replace(stored, newest=to_time(row.newest))


def _expired(now: dt.datetime) -> ColumnElement[bool]:
    return KEYS.c.expires.is_not(None) & (KEYS.c.expires <= to_micros(now - SKEW))


def _over(now: dt.datetime) -> ColumnElement[bool]:
    return _expired(now) | (KEYS.c.state == KeyState.REVOKED.value)


def _has_live_keys(now: dt.datetime | None) -> ColumnElement[bool]:
    live = (KEYS.c.session_id == SESSIONS.c.session_id) & (KEYS.c.state != KeyState.REVOKED.value)
    return select(KEYS.c.key_id).where(live if now is None else live & ~_expired(now)).exists()
