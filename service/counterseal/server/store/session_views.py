"""Sessions with their keys, locked. Everybody locks in one order: the principal, its sessions by id, their keys by id.

Rows are locked first and read by the next statement: one that waited for a lock may show the row as it is now beside the trail
as it was when the statement began (PostgreSQL does), and the row would look put there behind our back.
"""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, select

from counterseal.server.store.principal_rows import read_principal
from counterseal.server.store.records import StoredKey
from counterseal.server.store.rows import read_stored, to_micros, to_time
from counterseal.server.store.session_records import SessionState, SessionView, StoredPrincipal
from counterseal.server.store.session_rows import read_session
from counterseal.server.store.session_trail import KEY_ROWS, PRINCIPAL_ROWS, SESSION_ROWS
from counterseal.server.store.tables import KEYS, PRINCIPALS, SESSIONS

# How far the clocks of servers may differ: what is live by one of them is ended by all.
SKEW: Final = dt.timedelta(hours=1)
_ONE_PRINCIPAL: Final = (PRINCIPALS.c.tenant == bindparam("of_tenant")) & (PRINCIPALS.c.name == bindparam("of_name"))
_LOCK_PRINCIPAL: Final = select(PRINCIPALS.c.name).where(_ONE_PRINCIPAL).with_for_update()
_READ_PRINCIPAL: Final = PRINCIPAL_ROWS.where(_ONE_PRINCIPAL)
_AMONG: Final[BindParameter[Any]] = bindparam("ids", expanding=True)


def read_one_principal(connection: Connection, tenant: str, name: str) -> StoredPrincipal | None:
    """Return a principal, or None. Raises SealBroken."""
    row = connection.execute(_READ_PRINCIPAL, {"of_tenant": tenant, "of_name": name}).first()
    return None if row is None else read_principal(row)


def lock_principal(connection: Connection, tenant: str, name: str) -> StoredPrincipal | None:
    """Return a principal, locked until the transaction ends, or None. Raises SealBroken."""
    connection.execute(_LOCK_PRINCIPAL, {"of_tenant": tenant, "of_name": name}).first()
    return read_one_principal(connection, tenant, name)


def lock_session(connection: Connection, session_id: str) -> SessionView | None:
    """Return a session with its keys, locked until the transaction ends, or None. Raises SealBroken."""
    connection.execute(select(SESSIONS.c.session_id).where(SESSIONS.c.session_id == session_id).with_for_update()).first()
    row = connection.execute(SESSION_ROWS.where(SESSIONS.c.session_id == session_id)).first()
    if row is None:
        return None
    stored = read_session(row)
    principal = read_one_principal(connection, stored.record.tenant, stored.record.principal)
    keys = _lock_keys(connection, [session_id], None)
    return SessionView(session=stored, principal=principal, keys=keys.get(session_id, ()))


def lock_live_sessions(
    connection: Connection, tenant: str, name: str, principal: StoredPrincipal | None, now: dt.datetime | None
) -> tuple[SessionView, ...]:
    """Return a principal's sessions that nobody has ended, with their keys, locked; ascending by id. Raises SealBroken.

    `now` None: sessions and keys too whose `expires` has passed. Of such keys there may be thousands: whoever collects them
    would keep others from writing whenever he signs in.
    """
    wanted = select(SESSIONS.c.session_id).where(
        SESSIONS.c.tenant == tenant, SESSIONS.c.principal == name, SESSIONS.c.state == SessionState.ACTIVE.value
    )
    if now is not None:
        wanted = wanted.where(SESSIONS.c.expires > to_micros(now - SKEW))
    ids = connection.scalars(wanted.order_by(SESSIONS.c.session_id).with_for_update()).all()
    if not ids:
        return ()
    rows = connection.execute(
        SESSION_ROWS.where(SESSIONS.c.session_id.in_(_AMONG)).order_by(SESSIONS.c.session_id), {"ids": ids}
    )
    sessions = [read_session(row) for row in rows]
    keys = _lock_keys(connection, ids, now)
    return tuple(
        SessionView(session=stored, principal=principal, keys=keys.get(stored.record.session_id, ())) for stored in sessions
    )


def _lock_keys(connection: Connection, session_ids: Sequence[str], now: dt.datetime | None) -> dict[str, tuple[StoredKey, ...]]:
    """Return the keys by session, each ascending by key id. Raises RowUnreadable: none of them can be left out unseen."""
    wanted: ColumnElement[bool] = KEYS.c.session_id.in_(_AMONG)
    if now is not None:
        wanted &= KEYS.c.expires.is_(None) | (KEYS.c.expires > to_micros(now - SKEW))
    # By their sessions, which are locked, and not by their ids: databases take only so many parameters.
    locking = select(KEYS.c.key_id).where(wanted).order_by(KEYS.c.key_id).with_for_update()
    if not connection.execute(locking, {"ids": session_ids}).all():
        return {}
    found: dict[str, tuple[StoredKey, ...]] = {}
    for row in connection.execute(KEY_ROWS.where(wanted).order_by(KEYS.c.key_id), {"ids": session_ids}):
        found[row.session_id] = (*found.get(row.session_id, ()), _read_key(row))
    return found


def _read_key(row: Row[Any]) -> StoredKey:
    stored = read_stored(row)
    return stored if row.newest is None else dataclasses.replace(stored, newest=to_time(row.newest))
