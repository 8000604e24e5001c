"""Callers beside the audit trail: the time of each one's newest change, and what the trail knows that is not there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, ScalarSelect, Subquery, func, select
from sqlalchemy.orm import aliased

from counterseal.server.store.audit_subjects import CALLER_SUBJECTS, CALLER_SUBJECTS_END, caller_in
from counterseal.server.store.tables import AUDIT, CALLERS
from counterseal.server.store.transactions import Transactions

_REMOVAL: Final = "caller_delete"


def newest_of(subject: Any) -> ScalarSelect[Any]:
    """Return the time of a caller's newest change, a removal included, from an index. `subject` as in the column."""
    return select(func.max(AUDIT.c.revision)).where(AUDIT.c.key_id == subject).scalar_subquery()


def newest_of_all() -> Subquery:
    """Return the name of each caller that ever was, the time (`newest`) and the number (`last`) of its newest change."""
    name = func.substr(AUDIT.c.key_id, len(CALLER_SUBJECTS) + 1, type_=CALLERS.c.name.type).label("name")
    newest, last = func.max(AUDIT.c.revision).label("newest"), func.max(AUDIT.c.seq).label("last")
    return select(name, newest, last).where(_OF_CALLERS).group_by(AUDIT.c.key_id).subquery("trail")


_OF_CALLERS: Final = (AUDIT.c.key_id >= CALLER_SUBJECTS) & (AUDIT.c.key_id < CALLER_SUBJECTS_END)
_TRAIL: Final = newest_of_all()
# One statement, so that rows and trail are of one moment.
ROWS: Final = select(CALLERS, _TRAIL.c.newest, _TRAIL.c.last).select_from(
    CALLERS.outerjoin(_TRAIL, CALLERS.c.name == _TRAIL.c.name)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerBesideTrail:
    """A caller's row, and the number of its newest change in the trail, None when the trail holds none."""

    row: Row[Any]
    last: int | None

    @property
    def name(self) -> str:
        """The caller's name."""
        return str(self.row.name)


class CallerTrail:
    """What `audit verify` compares. Every method raises StoreUnavailable when the database does not answer."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def rows(self) -> Iterator[CallerBesideTrail]:
        """Go through the rows in bytewise order of the names, each with the trail as it is at the same moment."""
        with self._transactions.reading() as connection:
            rows = connection.execute(ROWS.order_by(CALLERS.c.name)).all()
        yield from (CallerBesideTrail(row=row, last=row.last) for row in rows)

    def gone(self) -> tuple[str, ...]:
        """Return the names of callers that the trail knows, that it does not say were removed, and that are not there."""
        trail, own = newest_of_all(), aliased(AUDIT, name="own")
        gone = ~select(CALLERS.c.name).where(CALLERS.c.name == trail.c.name).exists()
        newest = select(own.c.key_id).select_from(own).join(trail, own.c.seq == trail.c.last)
        with self._transactions.reading() as connection:
            found = connection.scalars(newest.where(own.c.action != _REMOVAL, gone).order_by(own.c.key_id)).all()
        return tuple(caller_in(subject) for subject in found)
