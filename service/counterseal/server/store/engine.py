"""Opening a key store by its URL."""

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import URL, exc, make_url

from counterseal.server.errors import ConfigError
from counterseal.server.store.database import Database
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.mysql import open_mysql
from counterseal.server.store.postgres import open_postgres
from counterseal.server.store.sqlite import open_sqlite

# From URL, timeout, size of the pool, and whether to listen.
_OPENERS: Final[Mapping[str, Callable[[URL, float, int, bool], Database]]] = {
    "mariadb": lambda url, timeout, pool, _: open_mysql(url, timeout, pool),
    "mysql": lambda url, timeout, pool, _: open_mysql(url, timeout, pool),
    "postgresql": open_postgres,
    "sqlite": lambda url, timeout, pool, _: open_sqlite(url, timeout, pool),
}

__all__ = ["KeyStore", "open_store"]


def open_store(url: str, *, timeout: float, pool: int = 16, listen: bool = True) -> KeyStore:
    """Open the key store; no connection is made before it is used.

    Args:
        url: as SQLAlchemy writes it, e.g. `sqlite:////var/lib/counterseal/counterseal.db`, `postgresql://user:password@host/db`
            or `mysql://user:password@host/db`; a driver's parameters stand in the query.
        timeout: the longest wait for a connection, a lock or an answer, in seconds.
        pool: connections that read; a quarter as many more write, and one listens.
        listen: on PostgreSQL, announce changes and listen for them. False for engines and pools in between that cannot.

    Raises:
        ConfigError: the URL cannot be read, or names a kind of database that is not supported.
    """
    try:
        read = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise ConfigError("COUNTERSEAL_DATABASE_URL: not a database URL") from None  # the text would quote a password
    opener = _OPENERS.get(read.get_backend_name())
    if opener is None:
        raise ConfigError(f"COUNTERSEAL_DATABASE_URL: unknown kind of database; known: {', '.join(sorted(_OPENERS))}")
    try:
        return KeyStore(opener(read, timeout, pool, listen))
    except exc.ArgumentError:
        # From SQLAlchemy itself; its text would quote the URL.
        raise ConfigError("COUNTERSEAL_DATABASE_URL: holds more than its kind of database has a use for") from None
