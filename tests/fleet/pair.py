"""Two replicas of two workers each, on whatever way to a database a test has made."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from counterseal.server.keys.master import MasterKeys
from tests.fleet.fleet import BOUND, CACHE_SECONDS, WORKERS, Replica
from tests.support.process import start_server


@contextlib.contextmanager
def running_pair(folder: Path, urls: tuple[str, str], **settings: str) -> Iterator[tuple[Replica, Replica]]:
    """Start one for each URL, with the settings that `running_fleet` has; `settings` come on top."""
    shared = {
        "MASTER_KEYS": MasterKeys.generate().text(),
        "REVOKE_BOUND": str(BOUND),
        "STORE_TIMEOUT": "2",
        "WORKERS": str(WORKERS),
        "CACHE_KEY_SECONDS": str(CACHE_SECONDS),
        "DATABASE_POOL": "4",
        "MAX_CONNECTION_AGE": "0",
        **settings,
    }
    with contextlib.ExitStack() as parts:
        made = []
        for number, url in enumerate(urls):
            replica = Replica(start_server(folder / f"replica-{number}", **shared, DATABASE_URL=url), 0.0)
            parts.callback(replica.close)
            made.append(replica)
        yield made[0], made[1]
