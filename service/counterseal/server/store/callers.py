"""The table of callers: every statement that is run on it. A change, its audit row and its number are one transaction."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, bindparam, delete, exc, func, insert, select, update

from counterseal.server.errors import CallerExists, SealBroken
from counterseal.server.store.audit_subjects import caller_subject
from counterseal.server.store.caller_records import CallerMark, CallerRecord, CallerRows, StoredCaller
from counterseal.server.store.caller_rows import caller_values, read_caller
from counterseal.server.store.caller_trail import ROWS, newest_of
from counterseal.server.store.journal import Journal
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.rows import etag_of, to_micros, to_time
from counterseal.server.store.tables import AUDIT, CALLERS
from counterseal.server.store.transactions import Transactions

T = TypeVar("T")
# Given the caller as it is, returns it as it shall be, sealed anew, together with the audit entry; or None to leave it. Runs
# inside the transaction, perhaps several times: what it raises rolls back.
Edit = Callable[[StoredCaller], tuple[StoredCaller, AuditEntry] | None]
# Given when a caller of that name was last changed or removed, if ever, returns one that is later. Runs as an Edit does.
Making = Callable[[dt.datetime | None], tuple[StoredCaller, AuditEntry]]
# Given the etag and the time of the newest change, if the trail knows one, returns a later entry. Runs as an Edit does.
Leaving = Callable[[str, dt.datetime | None], AuditEntry]

_NEWEST: Final = newest_of(bindparam("subject", type_=AUDIT.c.key_id.type))
_READ: Final = select(CALLERS, _NEWEST.label("newest")).where(CALLERS.c.name == bindparam("wanted"))
_IS_TAKEN: Final = select(CALLERS.c.name).where(CALLERS.c.name == bindparam("wanted"))
_LOCK: Final = _IS_TAKEN.with_for_update()
_TAKEN: Final = "the caller's name, or what it is recognised by, is taken"
_SWAP: Final = (
    update(CALLERS)
    .where(CALLERS.c.name == bindparam("wanted"), CALLERS.c.seal == bindparam("old"))
    .values(seal=bindparam("new"))
)
_MARK: Final = select(func.count(), func.max(CALLERS.c.changed)).select_from(CALLERS)


class CallerStore:
    """Callers in a database. Thread-safe. Every method raises StoreUnavailable when the database does not answer."""

    def __init__(self, transactions: Transactions, journal: Journal) -> None:
        self._transactions = transactions
        self._journal = journal

    def mark(self) -> CallerMark:
        """Return what tells the present state of the table from any other."""
        with self._transactions.reading() as connection:
            count, newest = connection.execute(_MARK).one()
        return CallerMark(count=int(count), newest=int(newest or 0))

    def read_all(self) -> CallerRows:
        """Return every row, in bytewise order of the names."""
        with self._transactions.reading() as connection:
            return _rows(connection.execute(ROWS.order_by(CALLERS.c.name)))

    def read_page(self, after: str, limit: int) -> CallerRows:
        """Return at most so many rows from behind the name `after` on, in bytewise order of the names."""
        query = ROWS.where(CALLERS.c.name > after).order_by(CALLERS.c.name).limit(limit + 1)
        with self._transactions.reading() as connection:
            rows = connection.execute(query).all()
        page = _rows(rows[:limit])
        return CallerRows(
            callers=page.callers,
            unreadable=page.unreadable,
            next_after=rows[limit - 1].name if len(rows) > limit else "",
        )

    def read(self, name: str) -> StoredCaller | None:
        """Return one caller, or None.

        Raises:
            SealBroken: the row makes no caller.
        """
        with self._transactions.reading() as connection:
            row = connection.execute(_READ, _wanted(name)).first()
        return None if row is None else read_caller(row)

    def insert(self, name: str, making: Making) -> CallerRecord:
        """Add a caller; durable when this returns. The record's etag is set here.

        Raises:
            CallerExists: its name, or what it is recognised by, is taken.
        """

        def work(connection: Connection) -> CallerRecord:
            # Nobody creates and removes one of this name between what is read here and the entry.
            self._journal.lock(connection)
            # Asked without a lock: whoever changes a caller has its row and waits for the journal (see `KeyStore.insert`).
            if connection.execute(_IS_TAKEN, {"wanted": name}).first() is not None:
                raise CallerExists(_TAKEN)
            newest = _newest(connection, name)
            stored, entry = making(newest)
            _check_times(stored, entry, newest)
            values = caller_values(stored) | {"changed": self._journal.record(connection, entry)}
            connection.execute(insert(CALLERS).values(values))
            return _read_back(connection, name)

        return self._unless_taken(work)

    def change(self, name: str, edit: Edit) -> CallerRecord | None:
        """Change a caller; durable when this returns. Returns the record as it is now, None when there is no such caller.

        Raises:
            CallerExists: what it is to be recognised by is taken.
            SealBroken: the row makes no caller.
        """

        def work(connection: Connection) -> CallerRecord | None:
            row = _lock(connection, name)
            if row is None:
                return None
            before = read_caller(row)
            edited = edit(before)
            if edited is None:
                return before.record
            after, entry = edited
            _check_times(after, entry, max(before.record.updated, before.newest or before.record.updated))
            values = caller_values(after) | {"changed": self._journal.record(connection, entry)}
            connection.execute(update(CALLERS).where(CALLERS.c.name == name).values(values))
            return _read_back(connection, name)

        return self._unless_taken(work)

    def delete(self, name: str, leaving: Leaving) -> bool:
        """Remove a row, also one that makes no caller; durable when this returns. Says whether there was one.

        What `leaving` raises leaves the row where it is.
        """

        def work(connection: Connection) -> bool:
            row = _lock(connection, name)
            if row is None:
                return False
            newest = _time(row.newest)
            entry = leaving(etag_of(row.changed), newest)
            _check_entry(name, entry, newest)
            self._journal.record(connection, entry)
            connection.execute(delete(CALLERS).where(CALLERS.c.name == name))
            return True

        return self._transactions.writing(work)

    def swap_seals(self, swaps: Sequence[tuple[str, bytes, bytes]]) -> frozenset[str]:
        """Replace seals (name, old, new) where they still are `old`; returns the names for which they were.

        No change of the callers: no audit rows, no new etags.
        """

        def work(connection: Connection) -> frozenset[str]:
            return frozenset(
                name
                for name, old, new in swaps
                if connection.execute(_SWAP, {"wanted": name, "old": old, "new": new}).rowcount == 1
            )

        return self._transactions.writing(work)

    def _unless_taken(self, work: Callable[[Connection], T]) -> T:
        try:
            return self._transactions.writing(work)
        except exc.IntegrityError as error:
            raise CallerExists(_TAKEN) from error


def _rows(rows: Iterable[Row[Any]]) -> CallerRows:
    callers, unreadable = [], []
    for row in rows:
        try:
            callers.append(read_caller(row))
        except SealBroken:
            unreadable.append(str(row.name))  # of one row: the others go on to call
    return CallerRows(callers=tuple(callers), unreadable=tuple(unreadable))


def _lock(connection: Connection, name: str) -> Row[Any] | None:
    """Return a caller's row, locked until the transaction ends.

    It is read by a statement of its own: one that waited for the lock shows the row as it is then, beside the trail as it was
    when the statement began, and the row would look as if entries were gone.
    """
    connection.execute(_LOCK, {"wanted": name}).first()
    return connection.execute(_READ, _wanted(name)).first()


def _read_back(connection: Connection, name: str) -> CallerRecord:
    return read_caller(connection.execute(_READ, _wanted(name)).one()).record


def _wanted(name: str) -> dict[str, str]:
    return {"wanted": name, "subject": caller_subject(name)}


def _newest(connection: Connection, name: str) -> dt.datetime | None:
    return _time(connection.execute(select(_NEWEST), {"subject": caller_subject(name)}).scalar_one())


def _time(revision: int | None) -> dt.datetime | None:
    return None if revision is None else to_time(revision)


def _check_times(stored: StoredCaller, entry: AuditEntry, newest: dt.datetime | None) -> None:
    if to_micros(stored.record.updated) != to_micros(entry.time):
        raise ValueError("a caller and the audit entry of its change must bear the same time")
    _check_entry(stored.record.name, entry, newest)


def _check_entry(name: str, entry: AuditEntry, newest: dt.datetime | None) -> None:
    if entry.caller != name:
        raise ValueError("the audit entry of a change must name the caller")
    if newest is not None and entry.time <= newest:
        raise ValueError("a change has to be later than the one before, or a row put back later would look like the newest")
