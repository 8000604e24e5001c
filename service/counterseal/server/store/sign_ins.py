"""Attempts to sign in, counted for all servers together: by a digest of whom they were for, or of where they came from."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Insert, bindparam, case, delete, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite

from counterseal.server.store.rows import to_micros, to_time
from counterseal.server.store.tables import SIGN_INS
from counterseal.server.store.transactions import Transactions

# A count whose end has passed begins anew.
_OVER: Final = SIGN_INS.c.until <= bindparam("now")
_ROW: Final[Mapping[str, Any]] = {"subject": bindparam("of"), "failures": 1, "until": bindparam("end")}
# MySQL takes the assignments one by one: the count, which asks for the end, comes first.
_ONE_MORE: Final[list[tuple[str, Any]]] = [
    ("failures", case((_OVER, 1), else_=SIGN_INS.c.failures + 1)),
    ("until", case((_OVER, bindparam("end")), else_=SIGN_INS.c.until)),
]
_READ: Final = select(SIGN_INS).where(SIGN_INS.c.subject.in_(bindparam("subjects", expanding=True)))
_LESS: Final = (
    update(SIGN_INS)
    .where(SIGN_INS.c.subject == bindparam("of"), SIGN_INS.c.failures > 0)
    .values(failures=SIGN_INS.c.failures - 1)
)
_FORGET: Final = delete(SIGN_INS).where(SIGN_INS.c.subject == bindparam("of"))


class _TooManyError(Exception):
    """Some count is at its limit: nothing is counted. Rolls the transaction back."""

    def __init__(self, until: dt.datetime) -> None:
        super().__init__()
        self.until = until


class SignInCounts:
    """Counts of attempts. Thread-safe. Every method raises StoreUnavailable when the database does not answer."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def count(
        self, subjects: Sequence[tuple[bytes, int]], now: dt.datetime, until: dt.datetime
    ) -> tuple[int, ...] | dt.datetime:
        """Add one to the count of each subject (digest of 32 bytes, limit), and return the counts in the same order.

        A count that begins now is forgotten at `until`. When one of them is at its limit already, none is added to, and the
        answer is when that one is forgotten: the latest of several.
        """
        limits = dict(subjects)
        if (full := self._full(limits, now)) is not None:
            return full  # without waiting for anybody: whoever guesses on costs no write

        def work(connection: Connection) -> tuple[int, ...]:
            # In one order, so that nobody waits for somebody who waits for them.
            for digest in sorted(limits):
                values = {"of": digest, "now": to_micros(now), "end": to_micros(until)}
                connection.execute(_UPSERTS[connection.dialect.name], values)
            rows = {bytes(row.subject): row for row in connection.execute(_READ, {"subjects": list(limits)})}
            ends = [rows[digest].until for digest, limit in subjects if rows[digest].failures > limit]
            if ends:
                raise _TooManyError(to_time(max(ends)))
            return tuple(rows[digest].failures for digest, _ in subjects)

        try:
            return self._transactions.writing(work)
        except _TooManyError as error:
            return error.until

    def take_back(self, clear: Sequence[bytes], decrement: Sequence[bytes]) -> None:
        """Forget the counts of `clear`, and take one off each of `decrement`. What is not counted stays so."""
        what: dict[bytes, Any] = dict.fromkeys(decrement, _LESS) | dict.fromkeys(clear, _FORGET)

        def work(connection: Connection) -> None:
            for digest in sorted(what):
                connection.execute(what[digest], {"of": digest})

        self._transactions.writing(work)

    def purge(self, now: dt.datetime, limit: int = 1000) -> int:
        """Delete at most `limit` counts whose end has passed; returns how many."""
        over = SIGN_INS.c.until <= to_micros(now)
        query = select(SIGN_INS.c.subject).where(over).order_by(SIGN_INS.c.until).limit(limit)
        with self._transactions.reading() as connection:
            found = sorted(connection.scalars(query))
        if not found:
            return 0
        # One that began anew meanwhile is not over.
        gone = delete(SIGN_INS).where(SIGN_INS.c.subject.in_(found), over)
        return self._transactions.writing(lambda connection: connection.execute(gone).rowcount)

    def _full(self, limits: Mapping[bytes, int], now: dt.datetime) -> dt.datetime | None:
        with self._transactions.reading() as connection:
            rows = connection.execute(_READ, {"subjects": list(limits)}).all()
        at = to_micros(now)
        ends = [row.until for row in rows if row.until > at and row.failures >= limits[bytes(row.subject)]]
        return to_time(max(ends)) if ends else None


def _standard(insert: Any) -> Insert:
    made: Insert = insert.values(_ROW).on_conflict_do_update(index_elements=[SIGN_INS.c.subject], set_=dict(_ONE_MORE))
    return made


_MAKERS: Final[Mapping[str, Callable[[], Insert]]] = {
    "sqlite": lambda: _standard(sqlite.insert(SIGN_INS)),
    "postgresql": lambda: _standard(postgresql.insert(SIGN_INS)),
    "mysql": lambda: mysql.insert(SIGN_INS).values(_ROW).on_duplicate_key_update(_ONE_MORE),
    "mariadb": lambda: mysql.insert(SIGN_INS).values(_ROW).on_duplicate_key_update(_ONE_MORE),
}
# SQL has no common word for it. `mariadb` is SQLAlchemy's name of the same dialect.
_UPSERTS: Final = {name: make() for name, make in _MAKERS.items()}
