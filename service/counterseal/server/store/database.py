"""What an engine has to provide. A further one is a function from a URL and limits to it, entered in `engine.py`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, Engine, exc

from counterseal.server.store.outage import IsOutage


class Watch(Protocol):
    """Waits for changes in the database. A hint and no more: whoever is woken, or has waited long enough, reads again."""

    def wait(self, seconds: float) -> None:
        """Return when something was probably committed, and after `seconds` in any case.

        Raises:
            StoreUnavailable: the database does not answer; whoever waits opens another watch.
        """

    def close(self) -> None:
        """Give up the connection, if there is one. May be called from another thread than the one that waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An opened database.

    `reads` is in AUTOCOMMIT for good; `writes` begins transactions that exclude lost updates (rows to be changed are read
    with FOR UPDATE, which SQLite does not need). `prepare` makes what must exist before the first connection. `check` raises
    when connections answer though the database behind them is gone. `lock_schema` shuts out other processes that migrate
    until what was done in it is committed, or until the transaction ends. `is_conflict` says of an error that the transaction
    met another one and may be begun anew. `watch` opens a watch for changes; `announce` wakes those of other processes once
    the transaction has committed, where the engine can do that.
    """

    reads: Engine
    writes: Engine
    is_outage: IsOutage
    prepare: Callable[[], None]
    check: Callable[[], None]
    lock_schema: Callable[[Connection], AbstractContextManager[None]]
    is_conflict: Callable[[exc.DBAPIError], bool]
    watch: Callable[[], Watch]
    announce: Callable[[Connection], None]
