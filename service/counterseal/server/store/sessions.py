"""The table of sessions: every change of one, and of its keys, is one transaction with the audit rows and their numbers."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, update

from counterseal.server.errors import SealBroken, StoreUnavailable
from counterseal.server.store.journal import Journal
from counterseal.server.store.rows import to_micros
from counterseal.server.store.session_changes import begin_session, change_session
from counterseal.server.store.session_records import (
    PrincipalView,
    SessionChange,
    SessionPage,
    SessionQuery,
    SessionRecord,
    SessionState,
    SessionView,
    StoredSession,
)
from counterseal.server.store.session_rows import read_session
from counterseal.server.store.session_trail import SESSION_ROWS
from counterseal.server.store.session_views import lock_live_sessions, lock_principal, lock_session, read_one_principal
from counterseal.server.store.tables import SESSIONS
from counterseal.server.store.transactions import Transactions

# Given the session as it is, returns what becomes of it, sealed anew; or None to leave it. Runs inside the transaction, perhaps
# several times: what it raises rolls back.
SessionEdit = Callable[[SessionView], SessionChange | None]
# Given the principal with its live sessions, None where there is no such row, returns the new session with its first keys, and
# what becomes of others, by id. Runs as a SessionEdit does.
Beginning = Callable[[PrincipalView | None], tuple[SessionChange, tuple[tuple[str, SessionChange], ...]]]

_READ: Final = SESSION_ROWS.where(SESSIONS.c.session_id == bindparam("wanted"))
_SWAP: Final = (
    update(SESSIONS)
    .where(SESSIONS.c.session_id == bindparam("wanted"), SESSIONS.c.seal == bindparam("old"))
    .values(seal=bindparam("new"))
)
_TRIES: Final = 3


class SessionStore:
    """Sessions in a database. Thread-safe. Every method raises StoreUnavailable when the database does not answer."""

    def __init__(self, transactions: Transactions, journal: Journal) -> None:
        self._transactions = transactions
        self._journal = journal

    def read(self, session_id: str) -> StoredSession | None:
        """Return a session, or None.

        Raises:
            SealBroken: the row makes no session.
        """
        with self._transactions.reading() as connection:
            row = connection.execute(_READ, {"wanted": session_id}).first()
        return None if row is None else read_session(row)

    def list_sessions(self, query: SessionQuery) -> SessionPage:
        """Return a page of sessions in bytewise order of their ids."""
        with self._transactions.reading() as connection:
            rows = connection.execute(_wanted(query)).all()
        found, unreadable = [], []
        for row in rows[: query.page_size]:
            try:
                found.append(read_session(row))
            except SealBroken:
                unreadable.append(str(row.session_id))  # of one row: the others are listed
        more = len(rows) > query.page_size
        return SessionPage(
            sessions=tuple(found),
            unreadable=tuple(unreadable),
            next_after=rows[query.page_size - 1].session_id if more else "",
        )

    def begin(self, tenant: str, name: str, making: Beginning, *, now: dt.datetime | None = None) -> SessionRecord:
        """Add a session of a principal, with its first keys; durable when this returns. The record's etag is set here.

        `now` leaves those out of the view that have expired by themselves; None: only those that were ended. A principal that
        has no row is locked by nobody: two such beginnings at once do not see one another's session.

        Raises:
            SealBroken: a row of the principal, its live sessions or their keys makes no sense.
        """

        def work(connection: Connection) -> SessionRecord | None:
            principal = lock_principal(connection, tenant, name)
            sessions = lock_live_sessions(connection, tenant, name, principal, now)
            new, others = making(None if principal is None else PrincipalView(principal=principal, sessions=sessions))
            if principal is None:
                # Nobody adds one from here on. Who added one meanwhile may have meant that it may not sign in.
                self._journal.lock(connection)
                if read_one_principal(connection, tenant, name) is not None:
                    return None
            stored = begin_session(connection, self._journal, new)
            if (stored.record.tenant, stored.record.principal) != (tenant, name):
                raise ValueError("a session is of the principal that it was begun for")
            views = {view.session.record.session_id: view for view in sessions}
            for session_id, change in others:
                change_session(connection, self._journal, views[session_id], change)
            return _read_back(connection, stored.record.session_id)

        for _ in range(_TRIES):
            if record := self._transactions.writing(work):
                return record
        raise StoreUnavailable("the key store was changed again and again")

    def change(
        self, session_id: str, edit: SessionEdit, *, now: dt.datetime | None = None, ending: bool = False
    ) -> SessionRecord | None:
        """Change a session and its keys; durable when this returns. Returns the record as it is now, None: there is none.

        `now` leaves temporary credentials out of the view that are over; None: none of them. Where the session is to be
        `ending`, its principal is not in the view, and something stands in it for rows that cannot be read.

        Raises:
            SealBroken: the row of the session, of its principal or of one of its keys makes no sense, and nothing is ending.
        """

        def work(connection: Connection) -> SessionRecord | None:
            view = lock_session(connection, session_id, now, ending=ending)
            if view is None:
                return None
            change = edit(view)
            if change is None:
                return view.session.record
            change_session(connection, self._journal, view, change)
            if not view.session.readable:
                return view.session.record if change.session is None else change.session[0].record
            return _read_back(connection, session_id)

        return self._transactions.writing(work)

    def swap_seals(self, swaps: Sequence[tuple[str, bytes, bytes]]) -> frozenset[str]:
        """Replace seals (id, old, new) where they still are `old`; returns the ids for which they were.

        No change of the sessions: no audit rows, no new etags.
        """

        def work(connection: Connection) -> frozenset[str]:
            return frozenset(
                session_id
                for session_id, old, new in swaps
                if connection.execute(_SWAP, {"wanted": session_id, "old": old, "new": new}).rowcount == 1
            )

        return self._transactions.writing(work)


def _wanted(query: SessionQuery) -> Select[Any]:
    wanted = SESSION_ROWS.where(SESSIONS.c.session_id > query.after)
    if query.tenants is not None:
        wanted = wanted.where(SESSIONS.c.tenant.in_(sorted(query.tenants)))
    if query.principal:
        wanted = wanted.where(SESSIONS.c.principal == query.principal)
    if query.active_at is not None:
        at = to_micros(query.active_at)
        wanted = wanted.where(
            SESSIONS.c.state == SessionState.ACTIVE.value, SESSIONS.c.expires > at, SESSIONS.c.idle_until > at
        )
    return wanted.order_by(SESSIONS.c.session_id).limit(query.page_size + 1)


def _read_back(connection: Connection, session_id: str) -> SessionRecord:
    return read_session(connection.execute(_READ, {"wanted": session_id}).one()).record
