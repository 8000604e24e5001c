"""The statements of the replay guard. One row for each use: whoever inserts it was first."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Insert, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.database import Database
from counterseal.server.store.tables import REPLAYS
from counterseal.server.store.transactions import Transactions

# The row that says since when the table is whole: no digest of a use. It goes with the others when somebody empties the table.
_SINCE: Final = hashlib.sha256(b"counterseal: since when the replays are whole").digest()
_NEVER: Final = 1 << 62
_TRIES: Final = 5

_READ: Final = select(REPLAYS.c.owner, REPLAYS.c.until).where(REPLAYS.c.mark == bindparam("mark"))
_REPLACE: Final = (
    update(REPLAYS)
    .where(
        REPLAYS.c.mark == bindparam("old_mark"),
        REPLAYS.c.owner == bindparam("old_owner"),
        REPLAYS.c.until == bindparam("old_until"),
    )
    .values(owner=bindparam("owner"), until=bindparam("until"))
)


class ReplayTable:
    """What was used once, in the database of the keys. Thread-safe. Times are microseconds since the Unix epoch."""

    def __init__(self, database: Database) -> None:
        self._transactions = Transactions(database)
        self._is_file = database.writes.dialect.name == "sqlite"
        self._insert = _insert_unless_there(database.writes.dialect.name)

    def use(self, mark: bytes, owner: bytes, *, until: int, now: int) -> bytes | None:
        """Insert a row, or one in the place of a row whose end has passed. Returns None for that, else the owner it has.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        values = {"mark": mark, "owner": owner, "until": until}
        for _ in range(_TRIES):
            # In a file, writers wait for one another and readers do not: a replay need not wait for its turn to be told.
            found = self._read(mark) if self._is_file else None
            if found is None and self._run(self._insert, values) == 1:
                return None
            found = found or self._read(mark)
            if found is None:
                continue  # purged meanwhile
            if found.until >= now:
                return bytes(found.owner)
            old = {"old_mark": mark, "old_owner": found.owner, "old_until": found.until}
            if self._run(_REPLACE, {"owner": owner, "until": until} | old) == 1:
                return None
        raise StoreUnavailable("the key store was changed again and again")

    def since(self, now: int) -> int:
        """Return since when the table is whole: since `now`, if nobody has said so before.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        owner = now.to_bytes(8, "big").rjust(32, b"\0")
        found = self.use(_SINCE, owner, until=_NEVER, now=now)
        return int.from_bytes(found or owner, "big")

    def purge(self, before: int, limit: int) -> int:
        """Delete at most `limit` rows that ended before `before`; returns how many.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        query = select(REPLAYS.c.mark).where(REPLAYS.c.until < before).order_by(REPLAYS.c.until).limit(limit)
        with self._transactions.reading() as connection:
            marks = list(connection.execute(query).scalars())
        if not marks:
            return 0
        return self._run(delete(REPLAYS).where(REPLAYS.c.mark.in_(marks), REPLAYS.c.until < before), {})

    def _read(self, mark: bytes) -> Any:
        with self._transactions.reading() as connection:
            return connection.execute(_READ, {"mark": mark}).first()

    def _run(self, statement: Any, values: dict[str, Any]) -> int:
        """Run one statement, durable when this returns; how many rows it changed."""
        if self._is_file:
            # SQLite has one writer at a time, and threads queue for its connection in turn.
            return self._transactions.writing(lambda connection: connection.execute(statement, values).rowcount)
        # A statement of its own needs no transaction around it, which would be two more ways to the database and back.
        with self._transactions.reading() as connection:
            return connection.execute(statement, values).rowcount


def _insert_unless_there(dialect: str) -> Insert:
    makers: dict[str, Callable[[], Insert]] = {
        "postgresql": lambda: postgresql.insert(REPLAYS).on_conflict_do_nothing(index_elements=["mark"]),
        "sqlite": lambda: sqlite.insert(REPLAYS).on_conflict_do_nothing(index_elements=["mark"]),
    }
    # MySQL's own words, which count 0 rows for a key that is there. ON DUPLICATE KEY UPDATE would count 1 with PyMySQL's flags.
    made = makers.get(dialect, lambda: insert(REPLAYS).prefix_with("IGNORE"))()
    return made.execution_options(preserve_rowcount=True)  # SQLAlchemy keeps it for UPDATE and DELETE only
