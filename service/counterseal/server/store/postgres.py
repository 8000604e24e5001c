"""PostgreSQL through psycopg 3, and engines that speak its protocol."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, Engine, exc
from sqlalchemy.dialects import registry

from counterseal.server.errors import ConfigError
from counterseal.server.store.database import Database
from counterseal.server.store.pools import Losses, leave_lost, pooled_engine, writers_beside
from counterseal.server.store.waiting import Waiting

if TYPE_CHECKING:
    import psycopg

CHANNEL: Final = "counterseal"
# Any number that nobody else is likely to lock: the first bytes of "counterseal".
_SCHEMA_LOCK: Final = int.from_bytes(b"counters") >> 1
_LOCK_SECONDS: Final = 60
_MIGRATION_SECONDS: Final = 3600.0
# Classes of SQLSTATE that say "nobody knows": connections, authorization, catalog, conflicts that went on and on, resources, an
# operator, the system, its files. https://www.postgresql.org/docs/current/errcodes-appendix.html
_OUTAGE_CLASSES: Final = frozenset({"08", "28", "3D", "40", "53", "57", "58", "F0", "XX"})
# read_only_sql_transaction; idle transactions and transactions cut off; lock_not_available; object_in_use, not in state;
# insufficient_privilege; prepared statements that a pool in between has lost.
_OUTAGE_STATES: Final = frozenset({"25006", "25P03", "25P04", "55P03", "55006", "55000", "42501", "26000", "42P05"})
_CONFLICTS: Final = frozenset({"40001", "40P01"})
_READ_ONLY: Final = frozenset({"25006"})
# feature_not_supported, undefined_function: what engines answer that have no advisory locks.
_NO_LOCKS: Final = frozenset({"0A000", "42883"})
# feature_not_supported also says that what was prepared has columns of other types since. Told by the server's function that
# found out: the text is in the server's language.
_STALE_PLAN: Final = ("0A000", "RevalidateCachedQuery")
_NAMES: Final = frozenset({"postgresql", "postgresql+psycopg"})

registry.register("postgresql.counterseal", "counterseal.server.store.postgres_driver", "Dialect")


def open_postgres(url: URL, timeout: float, pool: int, listen: bool) -> Database:
    """Open the database that the URL names, on one of the addresses that it names.

    Raises:
        ConfigError: psycopg is not installed, or the URL holds a parameter that libpq does not know.
    """
    if url.drivername not in _NAMES:
        raise ConfigError("COUNTERSEAL_DATABASE_URL: for PostgreSQL, must begin with postgresql:// or postgresql+psycopg://")
    try:
        import psycopg
    except ImportError:
        raise ConfigError("COUNTERSEAL_DATABASE_URL: PostgreSQL needs the extra `postgres`") from None
    from counterseal.server.store import postgres_driver, postgres_watch

    url = url.set(drivername="postgresql+counterseal")
    connect = postgres_driver.connector(timeout, prepare=listen)

    losses = Losses()

    def make(size: int, isolation: str) -> Engine:
        made = pooled_engine(
            url,
            connect=connect,
            descriptor=_descriptor,
            losses=losses,
            size=size,
            timeout=timeout,
            isolation=isolation,
            use_native_hstore=False,
        )
        leave_lost(made, losses, lambda error: _state(error) in _READ_ONLY or _is_stale_plan(error))
        return made

    reads, writes = make(pool, "AUTOCOMMIT"), make(writers_beside(pool), "READ COMMITTED")
    _check_parameters(writes, url, psycopg.ProgrammingError)

    def watch() -> postgres_watch.Listening | Waiting:
        if not listen:
            return Waiting()
        cparams = writes.dialect.create_connect_args(url)[1]
        return postgres_watch.open_listening(lambda: connect(dict(cparams)), CHANNEL, timeout, losses.note)

    return Database(
        reads=reads,
        writes=writes,
        is_outage=is_outage,
        prepare=lambda: _check_encoding(reads),
        check=lambda: None,
        lock_schema=_lock_schema,
        is_conflict=lambda error: _state(error) in _CONFLICTS,
        watch=watch,
        announce=_announce if listen else lambda _: None,
    )


def _descriptor(connection: "psycopg.Connection[Any]") -> int:
    return int(connection.pgconn.socket)


def _announce(connection: Connection) -> None:
    connection.exec_driver_sql(f"NOTIFY {CHANNEL}")


def _check_parameters(engine: Engine, url: URL, error: type[Exception]) -> None:
    from psycopg.conninfo import make_conninfo

    given = engine.dialect.create_connect_args(url)[1]
    try:
        make_conninfo("", **{name: value for name, value in given.items() if name != "context"})
    except error:
        # Its text names the parameter, but quotes the value of a few.
        names = ", ".join(sorted(url.query))
        raise ConfigError(f"COUNTERSEAL_DATABASE_URL: libpq does not know all of the parameters {names}") from None


def _check_encoding(engine: Engine) -> None:
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if str(found).upper() not in {"UTF8", "UTF-8"}:
        raise ConfigError(f"COUNTERSEAL_DATABASE_URL: the database's encoding must be UTF8, and is {found}")


@contextmanager
def _lock_schema(connection: Connection) -> Iterator[None]:
    """Hold an advisory lock until the transaction ends. Locks on tables are waited for as briefly as always.

    Engines without such locks, or whose locks exclude nobody, rely on migrations being begun anew (`schema.upgrade`).
    """
    driver: Any = connection.connection.driver_connection
    before, driver.limit = driver.limit, _MIGRATION_SECONDS
    try:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        usual = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        _take_lock(connection)
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{usual}'")
        yield
    finally:
        driver.limit = before


def _take_lock(connection: Connection) -> None:
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
    except exc.DBAPIError as error:
        if _state(error) not in _NO_LOCKS:
            raise


def _state(error: exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _is_stale_plan(error: exc.DBAPIError) -> bool:
    """Say whether a statement was prepared before an upgrade gave its columns other types: here it fails for good."""
    diagnosis = getattr(error.orig, "diag", None)
    return (_state(error), getattr(diagnosis, "source_function", None)) == _STALE_PLAN


def is_outage(error: exc.DBAPIError) -> bool:
    """Say whether nobody knows. Without an SQLSTATE it is the driver that speaks: of a connection that is gone."""
    state = _state(error)
    if not state:
        return isinstance(error, exc.OperationalError | exc.InterfaceError)
    return state[:2] in _OUTAGE_CLASSES or state in _OUTAGE_STATES or _is_stale_plan(error)
