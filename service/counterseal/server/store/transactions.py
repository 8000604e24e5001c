"""Reading and writing: outages turned into StoreUnavailable, and transactions tried again when the engine asks for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy import Connection, exc

from counterseal.server.store.database import Database
from counterseal.server.store.outage import outages

T = TypeVar("T")
# Engines that detect deadlocks, or that are serializable without locks (CockroachDB), undo one of two transactions that met and
# expect it to be begun anew.
_ATTEMPTS: Final = 5


class Transactions:
    """Runs statements on a database. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection on which every statement sees what is committed when it begins.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        with outages(self._database.is_outage), self._database.reads.connect() as connection:
            yield connection

    def writing(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that is durable when this returns. What it raises rolls everything back.

        `work` may run several times, each time from the beginning: it must do nothing but run statements.

        Raises:
            StoreUnavailable: the database does not answer, or the transaction met others again and again.
        """
        with outages(self._database.is_outage):
            for _ in range(_ATTEMPTS - 1):
                try:
                    return self._write(work)
                except exc.DBAPIError as error:
                    if not self._database.is_conflict(error):
                        raise
            return self._write(work)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._database.writes.begin() as connection:
            return work(connection)
