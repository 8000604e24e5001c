"""Two replicas of the service on one PostgreSQL database, each a process with a data folder of its own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from counterseal.server.keys.master import MasterKeys
from tests.support.postgres import shared_postgres
from tests.support.process import RunningServer, running_server


@contextlib.contextmanager
def running_replicas(folder: Path, **settings: str) -> Iterator[tuple[RunningServer, RunningServer]]:
    """Start both; `settings` are those of both."""
    shared = {"MASTER_KEYS": MasterKeys.generate().text(), "DATABASE_URL": shared_postgres().new_database(), **settings}
    folder.mkdir(parents=True, exist_ok=True)
    with running_server(folder / "replica-0", shared) as first, running_server(folder / "replica-1", shared) as second:
        yield first, second
