"""The embedded database: one SQLite file in WAL mode."""

import contextlib
import os
import sqlite3
import stat
import threading
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from counterseal.server.errors import ConfigError, StoreUnavailable
from counterseal.server.store.database import Database

# SQLITE_ERROR is bad SQL or a missing table; CONSTRAINT, MISMATCH, MISUSE and RANGE are misuse: bugs of ours, not outages.
_OUR_FAULT: Final = frozenset({1, 19, 20, 21, 25})
# How often a watch looks, in seconds; a look costs a few microseconds.
_LOOK_SECONDS: Final = 0.005

Identity = tuple[int, int] | None


def open_sqlite(url: URL, timeout: float, pool: int) -> Database:
    """Open the file that the URL names; nothing is touched before `prepare`. `pool` connections read.

    Raises:
        ConfigError: the URL names no file. A database in memory would lose what was acknowledged.
    """
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigError("COUNTERSEAL_DATABASE_URL: must name a file, e.g. sqlite:////var/lib/counterseal/counterseal.db")
    if url.get_driver_name() != "pysqlite" or url.query:
        raise ConfigError(
            "COUNTERSEAL_DATABASE_URL: for SQLite, must be sqlite:///path without a driver and without parameters"
        )
    path = Path(url.database).absolute()
    reads = _engine(url, path, timeout, pool, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
    # One connection: SQLite has one writer at a time, and threads that queue for it here are served in turn.
    writes = _engine(url, path, timeout, 1)
    event.listen(writes, "begin", lambda connection: _begin_write(connection, path))

    def prepare() -> None:
        _create_file(path)

    def check() -> None:
        with reads.connect() as connection:
            _check_same_file(connection, path)

    return Database(
        reads=reads,
        writes=writes,
        is_outage=_is_outage,
        prepare=prepare,
        check=check,
        # BEGIN IMMEDIATE already shuts out every other writer, and DDL is transactional.
        lock_schema=lambda _: contextlib.nullcontext(),
        is_conflict=lambda _: False,  # writers queue; none is undone for another
        watch=lambda: _Looking(path, timeout),
        announce=lambda _: None,
    )


class _Looking:
    """Looks at PRAGMA data_version, which changes when another connection, of this process or another, has committed."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path, self._identity = path, _identity(path)
        self._closed = threading.Event()
        self._in_use = threading.Lock()
        try:
            self._connection = _open(path, timeout)
            self._seen = self._look()
        except sqlite3.Error as error:
            raise StoreUnavailable("the key store did not answer") from error

    def wait(self, seconds: float) -> None:
        """See Watch."""
        end = time.monotonic() + seconds
        while not self._closed.is_set():
            with self._in_use:
                if not self._closed.is_set() and self._changed():
                    return
            left = end - time.monotonic()
            if left <= 0:
                return
            self._closed.wait(min(left, _LOOK_SECONDS))

    def _changed(self) -> bool:
        if self._identity is None or _identity(self._path) != self._identity:
            raise StoreUnavailable("the key store's file was removed or replaced")
        try:
            before, self._seen = self._seen, self._look()
        except sqlite3.Error as error:
            raise StoreUnavailable("the key store did not answer") from error
        return self._seen != before

    def _look(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """See Watch."""
        self._closed.set()
        with self._in_use:
            self._connection.close()


def _open(path: Path, timeout: float) -> sqlite3.Connection:
    # mode=rw: a file that went missing is an outage, not a reason to begin with an empty one.
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=timeout, check_same_thread=False)


def _engine(url: URL, path: Path, timeout: float, size: int, **options: Any) -> Engine:
    engine = create_engine(
        url,
        creator=lambda: _open(path, timeout),
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=timeout,
        hide_parameters=True,  # sealed secrets and hashes do not belong into the text of an error
        **options,
    )

    def set_up(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        _set_up(connection, timeout)
        entry.info["file"] = _identity(path)

    event.listen(engine, "connect", set_up)
    return engine


def _text(data: bytes) -> str:
    """Read text that may be no UTF-8, which the driver takes for an outage: whoever reads the row makes an alarm of it."""
    return data.decode("utf-8", "surrogateescape")


def _set_up(connection: sqlite3.Connection, timeout: float) -> None:
    connection.text_factory = _text
    # The driver's own BEGIN comes too late and is no IMMEDIATE one; `_begin_write` begins instead.
    connection.isolation_level = None
    _use_wal(connection, timeout)
    cursor = connection.cursor()
    # FULL: a commit is in the WAL, and the WAL on the disk, before it returns. WAL's default of NORMAL may lose the last
    # commits to a power failure (https://www.sqlite.org/pragma.html#pragma_synchronous). fullfsync matters on macOS alone.
    for pragma in ("synchronous=FULL", "fullfsync=ON", "foreign_keys=ON", "cache_size=-8192"):
        cursor.execute(f"PRAGMA {pragma}").fetchall()
    cursor.close()


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    # Of several that ask this of a new file at once, SQLite refuses all but one, without the wait that it grants elsewhere.
    end = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(_LOOK_SECONDS)


def _begin_write(connection: Connection, path: Path) -> None:
    # IMMEDIATE: a transaction that reads before it writes would otherwise fail with SQLITE_BUSY halfway, without waiting.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    _check_same_file(connection, path)


def _check_same_file(connection: Connection, path: Path) -> None:
    """Refuse to go on with a file that was removed or replaced: what is written to it would be acknowledged and lost."""
    if connection.info["file"] != _identity(path):
        connection.invalidate()
        raise StoreUnavailable("the key store's file was removed or replaced")


def _identity(path: Path) -> Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _create_file(path: Path) -> None:
    """Create the file for its owner alone, if there is none; two processes may try at once. Refuse one open to others.

    Whoever reads it learns whose keys there are, and whoever writes to it can take them away.
    """
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise StoreUnavailable("the key store's file cannot be created") from error
    if mode & 0o077:
        raise ConfigError(f"COUNTERSEAL_DATABASE_URL: {path} is open to others (mode {mode:04o}); set its mode to 0600")


def _is_outage(error: exc.DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None:  # raised by the driver itself, e.g. "Cannot operate on a closed database"
        return isinstance(error, exc.OperationalError)
    return int(code) & 0xFF not in _OUR_FAULT
