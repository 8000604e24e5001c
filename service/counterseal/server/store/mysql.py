"""MySQL and MariaDB through PyMySQL, and engines that speak their protocol."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, Engine, exc, text

from counterseal.server.errors import ConfigError, StoreUnavailable
from counterseal.server.store.database import Database
from counterseal.server.store.pools import Losses, leave_lost, pooled_engine, writers_beside
from counterseal.server.store.waiting import Waiting

if TYPE_CHECKING:
    import pymysql

_NAMES: Final = frozenset({"mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"})
_LOCK_SECONDS: Final = 60
_MIGRATION_SECONDS: Final = 3600
# Statements, columns, tables and values that are wrong: bugs of ours. Of all other errors nobody knows: connections, logins,
# disks, limits, shutdowns, and what Galera, group replication and TiDB add with numbers of their own.
_OUR_FAULT: Final = frozenset(
    {
        *(1048, 1050, 1051, 1052, 1054, 1055, 1059, 1060, 1061, 1062, 1064, 1065, 1066, 1067, 1068, 1069, 1070, 1071, 1072),
        *(1075, 1091, 1101, 1103, 1110, 1111, 1115, 1118, 1136, 1146, 1149, 1166, 1170, 1193, 1216, 1217, 1222, 1231, 1232),
        *(1235, 1242, 1247, 1264, 1265, 1267, 1273, 1292, 1300, 1305, 1363, 1364, 1365, 1366, 1367, 1406, 1411, 1451, 1452),
        *(1571, 3140, 3141, 3819, 4025, 4078),
    }
)
# Deadlock (Galera's failed certification too); the row or its table changed under a snapshot; TiDB's: schema changed, write
# conflicts, the transaction must be begun anew.
_CONFLICTS: Final = frozenset({1213, 1020, 1412, 8002, 8022, 8028, 9007})
# --read-only and --super-read-only, a read-only transaction, a read-only mode.
_READ_ONLY: Final = frozenset({1290, 1792, 1836})


def open_mysql(url: URL, timeout: float, pool: int) -> Database:
    """Open the database that the URL names, on one of the addresses that it names.

    Raises:
        ConfigError: PyMySQL is not installed, or the URL holds a parameter that it does not know.
    """
    if url.drivername not in _NAMES:
        raise ConfigError("COUNTERSEAL_DATABASE_URL: for MySQL and MariaDB, must begin with mysql:// or mysql+pymysql://")
    try:
        from counterseal.server.store import mysql_driver
    except ImportError:
        raise ConfigError("COUNTERSEAL_DATABASE_URL: MySQL and MariaDB need the extra `mysql`") from None
    plan = mysql_driver.read_url(url)

    losses = Losses()

    def make(size: int, isolation: str) -> Engine:
        made = pooled_engine(
            plan.url,
            connect=lambda cparams: mysql_driver.connect(plan, cparams, timeout),
            descriptor=_descriptor,
            losses=losses,
            size=size,
            timeout=timeout,
            isolation=isolation,
        )
        leave_lost(made, losses, lambda error: _number(error) in _READ_ONLY)
        return made

    return Database(
        reads=make(pool, "AUTOCOMMIT"),
        writes=make(writers_beside(pool), "READ COMMITTED"),
        is_outage=is_outage,
        prepare=lambda: None,
        check=lambda: None,
        lock_schema=_lock_schema,
        is_conflict=lambda error: _number(error) in _CONFLICTS,
        watch=Waiting,
        announce=lambda _: None,
    )


def _descriptor(connection: "pymysql.Connection[Any]") -> int:
    sock: Any = connection._sock  # type: ignore[attr-defined]  # there is no public way to it
    return int(sock.fileno())


@contextmanager
def _lock_schema(connection: Connection) -> Iterator[None]:
    """Hold a named lock of the server, and let statements take their time. Locks on tables are waited for as briefly as always.

    Galera's named locks are each node's own; migrations there rely on being begun anew (`schema.upgrade`).
    """
    name = _lock_name(connection)
    driver: Any = connection.connection.driver_connection
    before, driver._read_timeout = driver._read_timeout, _MIGRATION_SECONDS
    try:
        usual = _allow_long_statements(connection)
        if connection.execute(text("SELECT GET_LOCK(:name, :wait)"), {"name": name, "wait": _LOCK_SECONDS}).scalar() != 1:
            raise StoreUnavailable("another process is upgrading the key store")
        # What is made here must survive a crash and be rolled back by halves, whatever the server's default engine.
        connection.exec_driver_sql("SET SESSION default_storage_engine = 'InnoDB'")
        try:
            yield
            # The number of the last migration would otherwise become visible after the lock is free.
            connection.exec_driver_sql("COMMIT")
        finally:
            if not connection.invalidated:
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
                connection.exec_driver_sql(usual)
    finally:
        driver._read_timeout = before


def _lock_name(connection: Connection) -> str:
    # The server's locks are common to all its databases, and their names end at 64 characters.
    database = str(connection.exec_driver_sql("SELECT DATABASE()").scalar_one())
    return "counterseal-" + hashlib.sha256(database.encode()).hexdigest()[:32]


def _allow_long_statements(connection: Connection) -> str:
    """Take the limit off statements, where it is one on more than SELECT; returns the statement that puts it back."""
    if not getattr(connection.dialect, "is_mariadb", False):
        return "DO 0"
    usual = connection.exec_driver_sql("SELECT @@max_statement_time").scalar_one()
    connection.exec_driver_sql("SET SESSION max_statement_time = 0")
    return f"SET SESSION max_statement_time = {float(usual)}"


def whole_seconds(timeout: float) -> int:
    """Return the timeout in whole seconds, at least one, for settings that know nothing finer."""
    return max(1, math.ceil(timeout))


def _number(error: exc.DBAPIError) -> int | None:
    args = getattr(error.orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else None


def is_outage(error: exc.DBAPIError) -> bool:
    """Say whether nobody knows. Of an error without a number it is the driver that speaks: of a connection that is gone."""
    number = _number(error)
    if number is None:
        return isinstance(error, exc.OperationalError | exc.InterfaceError)
    if isinstance(error, exc.IntegrityError | exc.DataError):
        return False
    return number not in _OUR_FAULT
