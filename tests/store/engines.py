"""The databases that the store runs on. A further one is a further entry: from a folder to the URL of an empty database."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.mariadb import shared_mariadb
from tests.support.postgres import shared_postgres

ENGINES: Mapping[str, Callable[[Path], str]] = {
    "mariadb": lambda _: shared_mariadb().new_database(),
    "postgres": lambda _: shared_postgres().new_database(),
    "sqlite": lambda folder: f"sqlite:///{folder}/keys.db",
}
# Those that are reached over a network.
SERVERS = ("mariadb", "postgres")
