"""Reading what has changed: the statements of the change feed, on a connection of their own."""

import enum
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, Table, bindparam, exc, select

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.database import Database, Watch
from counterseal.server.store.outage import outages
from counterseal.server.store.tables import AUDIT, CALLERS, CHANGE_SEQUENCE, KEYS

_PAGE: Final = 1000
# Beyond so many changes between two readings, forgetting everything costs less than naming them.
_MOST: Final = 20_000
# What the audit chain's newest hash was at the number that was read last, by the history that this server has.
_THEN: Final = (
    select(AUDIT.c.hash).where(AUDIT.c.seq <= bindparam("after", -1)).order_by(AUDIT.c.seq.desc()).limit(1).scalar_subquery()
)
_NUMBER: Final = select(CHANGE_SEQUENCE.c.value, CHANGE_SEQUENCE.c.hash, _THEN.label("then")).where(CHANGE_SEQUENCE.c.id == 1)
# What tells a server that takes changes from one that is behind it, by the dialect's name.
_READ_ONLY: Final[Mapping[str, str]] = {
    "postgresql": "SHOW transaction_read_only",
    "mysql": "SELECT @@global.read_only",
    "mariadb": "SELECT @@global.read_only",
}


class Kind(enum.Enum):
    """What changes are told of."""

    KEYS = "keys"
    CALLERS = "callers"


# Kind -> the table, and the column that names what changed.
_TABLES: Final[Mapping[Kind, tuple[Table, Column[Any]]]] = {
    Kind.KEYS: (KEYS, KEYS.c.key_id),
    Kind.CALLERS: (CALLERS, CALLERS.c.name),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has changed up to `number` of the change sequence.

    `names` are ids of keys or names of callers; None: anything may have changed, or too much has. `updated` are the times of
    changes of keys, by the clocks of those who made them, in microseconds since the Unix epoch.
    """

    number: int
    names: Mapping[Kind, Sequence[str] | None]
    updated: Sequence[int] = ()
    # The newest hash of the audit chain at `number`, and whether the changes read before are part of the same history.
    hash: bytes | None = None
    followed: bool = True


class ChangeReader:
    """Reads changes. For one thread.

    Its connection is none of the pool's: with all of those in use, a feed that waits for one would be late.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        reads = database.reads
        self._engine = Engine(reads.pool.recreate(), reads.dialect, reads.url, hide_parameters=True)
        # Number -> the newest hash of the audit chain, as it was read with that number: the one before the last and the last,
        # for whoever could do nothing with the last.
        self._hashes: dict[int, bytes | None] = {}

    def read(self, after: int | None) -> Changes:
        """Return what was committed behind number `after`; None: from the beginning, which names nothing.

        Whatever was committed before this is called is in it: each statement sees what is committed when it begins, and the
        numbers become visible in ascending order.

        Raises:
            StoreUnavailable: the database does not answer, or is one that takes no changes and may lack some.
        """
        with outages(self._database.is_outage), self._renewed_by_errors(), self._engine.connect() as connection:
            self._check_primary(connection)
            head = connection.execute(_NUMBER, {} if after is None else {"after": after}).one()
            number = int(head.value)
            # An older backup was restored, or a server took over that lacks changes: the number went back, or has come as far
            # again since, and what changed then bears numbers that were read before.
            other = after is None or number < after or self._hashes.get(after, head.then) != head.then
            self._hashes = {read: self._hashes[read] for read in self._hashes if read == after} | {number: head.hash}
            if after is None or other:
                return Changes(number=number, names=dict.fromkeys(Kind), hash=head.hash, followed=False)
            if number == after:
                return Changes(number=number, names=dict.fromkeys(Kind, ()), hash=head.hash)
            updated: list[int] = []
            names = {kind: _read_names(connection, kind, after, updated) for kind in Kind}
            return Changes(number=number, names=names, updated=updated, hash=head.hash)

    @contextmanager
    def _renewed_by_errors(self) -> Iterator[None]:
        """Begin the next reading on another connection, whatever the database found wrong: it may be wrong there alone."""
        try:
            yield
        except exc.DBAPIError:
            self._engine.dispose()
            raise

    def watch(self) -> Watch:
        """Open a watch. Raises StoreUnavailable."""
        return self._database.watch()

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def _check_primary(self, connection: Connection) -> None:
        question = _READ_ONLY.get(connection.dialect.name)
        if question is not None and str(connection.exec_driver_sql(question).scalar_one()).lower() not in {"0", "off"}:
            # After a failover the old server may still answer, and goes on to know of no revocation. Keys are read from where
            # this reads, so those connections go as well.
            connection.invalidate()
            self._database.reads.dispose()
            raise StoreUnavailable("the key store takes no changes, and may lack some")


def _read_names(connection: Connection, kind: Kind, after: int, updated: list[int]) -> Sequence[str] | None:
    table, name = _TABLES[kind]
    query = (
        select(name.label("name"), table.c.changed, table.c.updated)
        .where(table.c.changed > bindparam("after"))
        .order_by(table.c.changed)
        .limit(_PAGE)
    )
    found: list[str] = []
    while len(found) <= _MOST:
        rows = connection.execute(query, {"after": after}).all()
        found += [row.name for row in rows]
        if kind is Kind.KEYS:
            updated += [row.updated for row in rows]
        if len(rows) < _PAGE:
            return found
        # What changes once more meanwhile moves behind, to where this still comes to, or to the next reading.
        after = rows[-1].changed
    return None
