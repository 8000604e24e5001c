"""What an engine has to provide. A further one is a function from URL and timeout to a Database, entered in `engine.py`."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from counterseal.server.store.outage import IsOutage


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An opened database.

    `reads` is in AUTOCOMMIT for good; `writes` begins transactions that exclude lost updates (rows to be changed are read
    with FOR UPDATE, which SQLite does not need). `prepare` makes what must exist before the first connection. `check` raises
    when connections answer though the database behind them is gone. `lock_schema` shuts out other processes that migrate,
    until the transaction ends.
    """

    reads: Engine
    writes: Engine
    is_outage: IsOutage
    prepare: Callable[[], None]
    check: Callable[[], None]
    lock_schema: Callable[[Connection], None]
