"""The table of callers: every statement that is run on it. A change, its audit row and its number are one transaction."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, bindparam, delete, exc, func, insert, select, update

from counterseal.server.errors import CallerExists, SealBroken
from counterseal.server.store.caller_records import (
    CallerLimits,
    CallerMark,
    CallerRecord,
    CallerRows,
    CallerState,
    Role,
    StoredCaller,
)
from counterseal.server.store.journal import Journal
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.rows import etag_of, to_micros, to_time
from counterseal.server.store.tables import CALLERS
from counterseal.server.store.transactions import Transactions

T = TypeVar("T")
# Given the caller as it is, returns it as it shall be, sealed anew, together with the audit entry; or None to leave it. Runs
# inside the transaction, perhaps several times: what it raises rolls back.
Edit = Callable[[StoredCaller], tuple[StoredCaller, AuditEntry] | None]

_READ: Final = select(CALLERS).where(CALLERS.c.name == bindparam("wanted"))
_SWAP: Final = (
    update(CALLERS)
    .where(CALLERS.c.name == bindparam("wanted"), CALLERS.c.seal == bindparam("old"))
    .values(seal=bindparam("new"))
)
_MARK: Final = select(func.count(), func.max(CALLERS.c.changed)).select_from(CALLERS)
_SETS: Final = ("tenants", "schemes", "regions", "services")
_NUMBERS: Final = ("calls_per_second", "burst", "concurrent_calls")
_LIMITS: Final = frozenset({*_SETS, *_NUMBERS, "string_to_sign"})
_UNREADABLE: Final = "a stored caller makes no sense to this release"


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
            return _rows(connection.execute(select(CALLERS).order_by(CALLERS.c.name)))

    def read_page(self, after: str, limit: int) -> CallerRows:
        """Return at most so many rows from behind the name `after` on, in bytewise order of the names."""
        query = select(CALLERS).where(CALLERS.c.name > after).order_by(CALLERS.c.name).limit(limit + 1)
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
            row = connection.execute(_READ, {"wanted": name}).first()
        return None if row is None else _read(row)

    def insert(self, stored: StoredCaller, entry: AuditEntry) -> CallerRecord:
        """Add a caller; durable when this returns. The record's etag is set here.

        Raises:
            CallerExists: its name, or what it is recognised by, is taken.
        """

        def work(connection: Connection) -> CallerRecord:
            values = caller_values(stored) | {"changed": self._journal.record(connection, entry)}
            connection.execute(insert(CALLERS).values(values))
            return _read_back(connection, stored.record.name)

        return self._unless_taken(work)

    def change(self, name: str, edit: Edit) -> CallerRecord | None:
        """Change a caller; durable when this returns. Returns the record as it is now, None when there is no such caller.

        Raises:
            CallerExists: what it is to be recognised by is taken.
            SealBroken: the row makes no caller.
        """

        def work(connection: Connection) -> CallerRecord | None:
            row = connection.execute(_READ.with_for_update(), {"wanted": name}).first()
            if row is None:
                return None
            before = _read(row)
            edited = edit(before)
            if edited is None:
                return before.record
            after, entry = edited
            values = caller_values(after) | {"changed": self._journal.record(connection, entry)}
            connection.execute(update(CALLERS).where(CALLERS.c.name == name).values(values))
            return _read_back(connection, name)

        return self._unless_taken(work)

    def delete(self, name: str, leaving: Callable[[str], AuditEntry]) -> bool:
        """Remove a row, also one that makes no caller; durable when this returns. Says whether there was one.

        `leaving` is given the etag and returns the audit entry; what it raises leaves the row where it is.
        """

        def work(connection: Connection) -> bool:
            row = connection.execute(_READ.with_for_update(), {"wanted": name}).first()
            if row is None:
                return False
            self._journal.record(connection, leaving(etag_of(row.changed)))
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
            raise CallerExists("the caller's name, or what it is recognised by, is taken") from error


def caller_values(stored: StoredCaller) -> dict[str, Any]:
    """Return the columns of a caller, all but its place in the change sequence."""
    record, limits = stored.record, stored.record.limits
    kept = {name: sorted(getattr(limits, name)) for name in _SETS} | {name: getattr(limits, name) for name in _NUMBERS}
    return {
        "name": record.name,
        "role": record.role.value,
        "state": record.state.value,
        "description": record.description,
        "token_sha256": stored.token_sha256,
        "san": record.san or None,
        "limits": json.dumps(kept | {"string_to_sign": limits.string_to_sign}, sort_keys=True, separators=(",", ":")),
        "created": to_micros(record.created),
        "updated": to_micros(record.updated),
        "seal": stored.seal,
    }


def _rows(rows: Iterable[Row[Any]]) -> CallerRows:
    callers, unreadable = [], []
    for row in rows:
        try:
            callers.append(_read(row))
        except SealBroken:
            unreadable.append(str(row.name))  # of one row: the others go on to call
    return CallerRows(callers=tuple(callers), unreadable=tuple(unreadable))


def _read_back(connection: Connection, name: str) -> CallerRecord:
    return _read(connection.execute(_READ, {"wanted": name}).one()).record


def _read(row: Row[Any]) -> StoredCaller:
    try:
        record = CallerRecord(
            name=row.name,
            role=Role(row.role),
            state=CallerState(row.state),
            description=row.description,
            san=row.san or "",
            has_bearer_token=row.token_sha256 is not None,
            limits=_read_limits(row.limits),
            created=to_time(row.created),
            updated=to_time(row.updated),
            etag=etag_of(row.changed),
        )
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise SealBroken(_UNREADABLE) from None
    return StoredCaller(record=record, token_sha256=row.token_sha256, seal=row.seal)


def _read_limits(text: str) -> CallerLimits:
    """Read all of it or nothing: a limit of a later release that is passed over would be no limit."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.keys() != _LIMITS:
        raise ValueError("other limits than those known")
    sets = {name: found[name] for name in _SETS}
    if not all(isinstance(items, list) and all(isinstance(item, str) for item in items) for items in sets.values()):
        raise ValueError("a limit is no list of names")
    numbers = {name: found[name] for name in _NUMBERS}
    if not all(type(number) is int and number >= 0 for number in numbers.values()):
        raise ValueError("a limit is no number")
    if type(found["string_to_sign"]) is not bool:
        raise ValueError("a permission is neither given nor not")
    return CallerLimits(
        tenants=frozenset(sets["tenants"]),
        schemes=frozenset(sets["schemes"]),
        regions=frozenset(sets["regions"]),
        services=frozenset(sets["services"]),
        string_to_sign=found["string_to_sign"],
        calls_per_second=numbers["calls_per_second"],
        burst=numbers["burst"],
        concurrent_calls=numbers["concurrent_calls"],
    )
