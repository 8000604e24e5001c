"""Principals and sessions beside the audit trail: each one's newest change, and what the trail knows that is not there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Table, func, literal, select, tuple_
from sqlalchemy.orm import aliased

from counterseal.server.store.audit_subjects import (
    PRINCIPAL_SUBJECTS,
    PRINCIPAL_SUBJECTS_END,
    SESSION_SUBJECTS,
    SESSION_SUBJECTS_END,
)
from counterseal.server.store.caller_trail import newest_of
from counterseal.server.store.tables import AUDIT, KEYS, PRINCIPALS, SESSIONS
from counterseal.server.store.transactions import Transactions

_PAGE: Final = 1000
_REMOVAL: Final = "principal_delete"
_SUBJECT: Final = AUDIT.c.key_id.type


def _text(value: str) -> ColumnElement[Any]:
    return literal(value, _SUBJECT)


# What `principal_subject` and `session_subject` make of a row.
OF_PRINCIPAL: Final = _text(PRINCIPAL_SUBJECTS).concat(PRINCIPALS.c.tenant).concat(_text("/")).concat(PRINCIPALS.c.name)
OF_SESSION: Final = _text(SESSION_SUBJECTS).concat(SESSIONS.c.session_id)


# Each row with the trail of the same moment, in one statement.
PRINCIPAL_ROWS: Final[Select[Any]] = select(PRINCIPALS, newest_of(OF_PRINCIPAL).label("newest"))
SESSION_ROWS: Final[Select[Any]] = select(SESSIONS, newest_of(OF_SESSION).label("newest"))
KEY_ROWS: Final[Select[Any]] = select(KEYS, newest_of(KEYS.c.key_id).label("newest"))


def _last_of(subject: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the number of the newest change of what a row is about."""
    changes = (AUDIT.c.key_id == subject) & AUDIT.c.revision.is_not(None)
    return select(func.max(AUDIT.c.seq)).where(changes).scalar_subquery()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBesideTrail:
    """A row with the time of its newest change as `newest`, and that change's number; None when the trail holds none."""

    row: Row[Any]
    last: int | None


class SessionTrail:
    """What `audit verify` compares. Every method raises StoreUnavailable when the database does not answer."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def principals(self) -> Iterator[RowBesideTrail]:
        """Go through the principals by tenant and name, each with the trail as it is at the same moment."""
        return self._rows(PRINCIPAL_ROWS.add_columns(_last_of(OF_PRINCIPAL).label("last")), PRINCIPALS)

    def sessions(self) -> Iterator[RowBesideTrail]:
        """Go through the sessions by id, each with the trail as it is at the same moment."""
        return self._rows(SESSION_ROWS.add_columns(_last_of(OF_SESSION).label("last")), SESSIONS)

    def gone_principals(self) -> Iterator[str]:
        """Go through the subjects of principals that the trail knows, does not say were removed, and that are not there."""
        # A principal's tenant is its entries' too.
        start = func.length(AUDIT.c.tenant) + len(PRINCIPAL_SUBJECTS) + 2
        name = func.substr(AUDIT.c.key_id, start, type_=PRINCIPALS.c.name.type)
        there = select(PRINCIPALS.c.name).where(PRINCIPALS.c.tenant == AUDIT.c.tenant, PRINCIPALS.c.name == name)
        among = AUDIT.c.key_id.between(PRINCIPAL_SUBJECTS, PRINCIPAL_SUBJECTS_END)
        return self._gone(among & ~there.exists())

    def gone_sessions(self) -> Iterator[str]:
        """Go through the subjects of sessions that the trail knows, and that are not there."""
        session_id = func.substr(AUDIT.c.key_id, len(SESSION_SUBJECTS) + 1, type_=SESSIONS.c.session_id.type)
        there = select(SESSIONS.c.session_id).where(SESSIONS.c.session_id == session_id)
        return self._gone(AUDIT.c.key_id.between(SESSION_SUBJECTS, SESSION_SUBJECTS_END) & ~there.exists())

    def _rows(self, query: Select[Any], table: Table) -> Iterator[RowBesideTrail]:
        keys = list(table.primary_key.columns)
        page = query.order_by(*keys).limit(_PAGE)
        found: list[Row[Any]] = []
        while True:
            behind = page.where(tuple_(*keys) > tuple(getattr(found[-1], key.name) for key in keys)) if found else page
            with self._transactions.reading() as connection:
                found = list(connection.execute(behind))
            yield from (RowBesideTrail(row=row, last=row.last) for row in found)
            if not found:
                return

    def _gone(self, missing: ColumnElement[bool]) -> Iterator[str]:
        last = func.max(AUDIT.c.seq).label("last")
        trail = select(AUDIT.c.key_id, last).where(AUDIT.c.revision.is_not(None), missing).group_by(AUDIT.c.key_id).subquery()
        own = aliased(AUDIT, name="own")
        newest = select(own.c.key_id).select_from(own).join(trail, own.c.seq == trail.c.last).where(own.c.action != _REMOVAL)
        with self._transactions.reading() as connection:
            found = connection.scalars(newest.order_by(own.c.key_id)).all()
        yield from found
