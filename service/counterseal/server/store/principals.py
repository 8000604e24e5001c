"""The table of principals: every change of one, and of its sessions and their keys, is one transaction with the audit rows."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, exc, insert, or_, select, update

from counterseal.server.errors import PrincipalExists, SealBroken
from counterseal.server.store.audit_subjects import principal_subject
from counterseal.server.store.caller_trail import newest_of
from counterseal.server.store.journal import Journal
from counterseal.server.store.principal_rows import principal_values, read_principal
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.rows import maybe_time, to_micros
from counterseal.server.store.session_changes import change_session
from counterseal.server.store.session_records import (
    PrincipalChange,
    PrincipalPage,
    PrincipalRecord,
    PrincipalView,
    StoredPrincipal,
)
from counterseal.server.store.session_trail import PRINCIPAL_ROWS
from counterseal.server.store.session_views import lock_live_sessions, lock_principal, read_one_principal
from counterseal.server.store.tables import AUDIT, PRINCIPALS
from counterseal.server.store.transactions import Transactions

# Given when a principal of that name was last changed or removed, if ever, returns one that is later. Runs inside the
# transaction, perhaps several times: what it raises rolls back.
PrincipalMaking = Callable[[dt.datetime | None], tuple[StoredPrincipal, AuditEntry]]
# Given the principal with its live sessions, returns what becomes of them, sealed anew; or None to leave them. Runs as a
# PrincipalMaking does.
PrincipalEdit = Callable[[PrincipalView], PrincipalChange | None]
# Given the principal with its live sessions, returns the entry of its removal, and how its sessions end.
PrincipalLeaving = Callable[[PrincipalView], PrincipalChange]

_NEWEST: Final = select(newest_of(bindparam("subject", type_=AUDIT.c.key_id.type)))
_ONE: Final = and_(PRINCIPALS.c.tenant == bindparam("of_tenant"), PRINCIPALS.c.name == bindparam("of_name"))
_IS_TAKEN: Final = select(PRINCIPALS.c.name).where(_ONE)
_TAKEN: Final = "the principal's name is taken in its tenant"
_CHANGE: Final = update(PRINCIPALS).where(_ONE)
_DELETE: Final = delete(PRINCIPALS).where(_ONE)
_SWAP: Final = update(PRINCIPALS).where(_ONE, PRINCIPALS.c.seal == bindparam("old")).values(seal=bindparam("new"))


class PrincipalStore:
    """Principals in a database. Thread-safe. Every method raises StoreUnavailable when the database does not answer."""

    def __init__(self, transactions: Transactions, journal: Journal) -> None:
        self._transactions = transactions
        self._journal = journal

    def read(self, tenant: str, name: str) -> StoredPrincipal | None:
        """Return a principal, or None.

        Raises:
            SealBroken: the row makes no principal.
        """
        with self._transactions.reading() as connection:
            return read_one_principal(connection, tenant, name)

    def read_page(self, tenants: frozenset[str] | None, after: tuple[str, str] | None, limit: int) -> PrincipalPage:
        """Return at most so many rows from behind `after` (tenant and name) on, in bytewise order. `tenants` None: of all."""
        wanted = PRINCIPAL_ROWS
        if tenants is not None:
            wanted = wanted.where(PRINCIPALS.c.tenant.in_(sorted(tenants)))
        if after is not None:
            tenant, name = after
            behind = and_(PRINCIPALS.c.tenant == tenant, PRINCIPALS.c.name > name)
            wanted = wanted.where(or_(PRINCIPALS.c.tenant > tenant, behind))
        wanted = wanted.order_by(PRINCIPALS.c.tenant, PRINCIPALS.c.name).limit(limit + 1)
        with self._transactions.reading() as connection:
            rows = connection.execute(wanted).all()
        found, unreadable = [], []
        for row in rows[:limit]:
            try:
                found.append(read_principal(row))
            except SealBroken:
                unreadable.append(f"{row.tenant}/{row.name}")  # of one row: the others go on to sign in
        last = rows[limit - 1] if len(rows) > limit else None
        return PrincipalPage(
            principals=tuple(found),
            unreadable=tuple(unreadable),
            next_after=None if last is None else (last.tenant, last.name),
        )

    def insert(self, tenant: str, name: str, making: PrincipalMaking) -> PrincipalRecord:
        """Add a principal; durable when this returns. The record's etag is set here.

        Raises:
            PrincipalExists: its name is taken in its tenant.
        """
        subject = {"subject": principal_subject(tenant, name)}

        def work(connection: Connection) -> PrincipalRecord:
            # Nobody creates and removes one of this name between what is read here and the entry.
            self._journal.lock(connection)
            # Asked without a lock: whoever changes a principal has its row and waits for the journal (see `KeyStore.insert`).
            if connection.execute(_IS_TAKEN, _wanted(tenant, name)).first() is not None:
                raise PrincipalExists(_TAKEN)
            newest = maybe_time(connection.execute(_NEWEST, subject).scalar_one())
            stored, entry = making(newest)
            _check(stored, entry, (tenant, name))
            _check_entry(entry, (tenant, name), newest)
            values = principal_values(stored) | {"changed": self._journal.record(connection, entry)}
            connection.execute(insert(PRINCIPALS).values(values))
            return _read_back(connection, tenant, name)

        try:
            return self._transactions.writing(work)
        except exc.IntegrityError as error:
            raise PrincipalExists(_TAKEN) from error

    def change(self, tenant: str, name: str, edit: PrincipalEdit, *, now: dt.datetime | None = None) -> PrincipalRecord | None:
        """Change a principal, its sessions and their keys; durable when this returns.

        Returns the record as it is now, None when there is no such principal. `now` leaves sessions out of the view that have
        expired by themselves; None: only those that were ended. Something stands in the view for rows of sessions and keys that
        cannot be read.

        Raises:
            SealBroken: the principal's row makes no sense.
        """

        def work(connection: Connection) -> PrincipalRecord | None:
            view = _lock(connection, tenant, name, now)
            change = edit(view) if view is not None else None
            if view is None or change is None:
                return None if view is None else view.principal.record
            if change.principal is None:
                raise ValueError("a change leaves a principal")
            _check(change.principal, change.entry, (tenant, name))
            self._apply(connection, view, change)
            return _read_back(connection, tenant, name)

        return self._transactions.writing(work)

    def delete(self, tenant: str, name: str, leaving: PrincipalLeaving, *, now: dt.datetime | None = None) -> bool:
        """Remove a principal and end its sessions; durable when this returns. Says whether there was one. `now` as in `change`.

        What `leaving` raises leaves everything as it is. Something stands in the view for rows that cannot be read.
        """

        def work(connection: Connection) -> bool:
            view = _lock(connection, tenant, name, now, leaving=True)
            if view is None:
                return False
            change = leaving(view)
            if change.principal is not None:
                raise ValueError("a removal leaves no principal")
            self._apply(connection, view, change)
            return True

        return self._transactions.writing(work)

    def swap_seals(self, swaps: Sequence[tuple[tuple[str, str], bytes, bytes]]) -> frozenset[tuple[str, str]]:
        """Replace seals ((tenant, name), old, new) where they still are `old`; returns whose they were.

        No change of the principals: no audit rows, no new etags.
        """

        def work(connection: Connection) -> frozenset[tuple[str, str]]:
            return frozenset(
                whose
                for whose, old, new in swaps
                if connection.execute(_SWAP, _wanted(*whose) | {"old": old, "new": new}).rowcount == 1
            )

        return self._transactions.writing(work)

    def _apply(self, connection: Connection, view: PrincipalView, change: PrincipalChange) -> None:
        before = view.principal
        whose = (before.record.tenant, before.record.name)
        _check_entry(change.entry, whose, max(before.record.updated, before.newest or before.record.updated))
        number = self._journal.record(connection, change.entry)
        if change.principal is None:
            connection.execute(_DELETE, _wanted(*whose))
        else:
            connection.execute(_CHANGE, principal_values(change.principal) | {"changed": number} | _wanted(*whose))
        views = {session.session.record.session_id: session for session in view.sessions}
        for session_id, of_session in sorted(change.sessions.items()):
            change_session(connection, self._journal, views[session_id], of_session)


def _lock(
    connection: Connection, tenant: str, name: str, now: dt.datetime | None, *, leaving: bool = False
) -> PrincipalView | None:
    principal = lock_principal(connection, tenant, name, ending=leaving)
    if principal is None:
        return None
    sessions = lock_live_sessions(connection, tenant, name, principal, now, ending=True)
    return PrincipalView(principal=principal, sessions=sessions)


def _wanted(tenant: str, name: str) -> dict[str, Any]:
    return {"of_tenant": tenant, "of_name": name}


def _read_back(connection: Connection, tenant: str, name: str) -> PrincipalRecord:
    found = read_one_principal(connection, tenant, name)
    if found is None:
        raise RuntimeError("a principal that was just written is not there")
    return found.record


def _check(stored: StoredPrincipal, entry: AuditEntry, whose: tuple[str, str]) -> None:
    if (stored.record.tenant, stored.record.name) != whose:
        raise ValueError("a principal keeps its tenant and its name")
    if to_micros(stored.record.updated) != to_micros(entry.time):
        raise ValueError("a principal and the audit entry of its change must bear the same time")


def _check_entry(entry: AuditEntry, whose: tuple[str, str], newest: dt.datetime | None) -> None:
    if (entry.tenant, entry.principal_name) != whose:
        raise ValueError("the audit entry of a change must name the principal and its tenant")
    if newest is not None and entry.time <= newest:
        raise ValueError("a change has to be later than the one before, or a row put back later would look like the newest")
