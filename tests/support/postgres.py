"""PostgreSQL for tests. `with running_postgres() as pg: url = pg.new_database()`; `shared_postgres()` is one per process."""

import atexit
import contextlib
import functools
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from tests.support.daemon import Daemon, running, unique_name
from tests.support.require import require

PASSWORD = "pg-Pass/word@1"  # what a URL has to quote
_QUOTED = "pg-Pass%2Fword%401"


def _program(name: str) -> str:
    """Return the newest PostgreSQL's program: Debian keeps them out of PATH."""
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(re.sub(r"\D", "", path.parts[4]) or 0)
    )
    path = str(found[-1]) if found else shutil.which(name)
    require(path, "postgresql is not installed")
    assert path is not None
    return path


class Postgres(Daemon):
    """A server. `options` are settings of postgresql.conf. Superuser: `postgres`; `counterseal` owns new databases."""

    user = "postgres"
    stop_signal = signal.SIGINT  # fast: does not wait for clients to leave

    def __init__(self, options: Mapping[str, str] | None = None, standby_of: "Postgres | None" = None) -> None:
        self._postgres = _program("postgres")
        super().__init__()
        self.options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "max_connections": "300",
            "shared_buffers": "32MB",
            "fsync": "off",  # processes are killed here, machines are not
            "autovacuum_naptime": "1h",
            "log_min_messages": "warning",
            **(options or {}),
        }
        self.data = self.folder / "data"
        if standby_of is None:
            self._init()
        else:
            self._follow(standby_of)

    def _follow(self, primary: "Postgres") -> None:
        address = f"host=127.0.0.1 port={primary.port} user=postgres password={PASSWORD}"
        self.run([_program("pg_basebackup"), "-D", str(self.data), "-R", "-c", "fast", "--no-sync", "-d", address])

    def promote(self) -> None:
        """Make a primary of a standby."""
        assert self.execute("SELECT pg_promote()") == [(True,)]

    def _init(self) -> None:
        if _template_cache:
            shutil.copytree(_template_cache[0] / "data", self.data, symlinks=True)
            for path in (self.data, *self.data.rglob("*")):
                self.give(path)
            return
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        self.give(secret)
        self.run(
            [
                *(_program("initdb"), "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-U", "postgres"),
                *("-A", "scram-sha-256", "--pwfile", str(secret), "-D", str(self.data)),
            ]
        )
        template = Path(tempfile.mkdtemp(prefix="counterseal-daemon-"))
        shutil.copytree(self.data, template / "data", symlinks=True)
        atexit.register(shutil.rmtree, template, ignore_errors=True)
        _template_cache.append(template)

    def command(self) -> list[str]:
        settings = [word for name, value in self.options.items() for word in ("-c", f"{name}={value}")]
        return [self._postgres, "-D", str(self.data), "-p", str(self.port), *settings]

    def is_ready(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            self.execute("SELECT 1")
            return True
        return False

    def connect(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """Return an autocommit connection of the superuser."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=PASSWORD,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; returns its rows."""
        with contextlib.closing(self.connect(database)) as connection:
            cursor = connection.execute(statement.encode())
            return list(cursor.fetchall()) if cursor.description else []

    def new_database(self) -> str:
        """Make an empty database, owned by `counterseal`; returns its URL."""
        name = unique_name()
        if not self.execute("SELECT 1 FROM pg_roles WHERE rolname = 'counterseal'"):
            self.execute(f"CREATE ROLE counterseal LOGIN PASSWORD '{PASSWORD}'")
        self.execute(f"CREATE DATABASE {name} OWNER counterseal")
        return self.url(name)

    def url(self, database: str, user: str = "counterseal") -> str:
        return f"postgresql+psycopg://{user}:{_QUOTED}@{self.address}/{database}"

    def hang_up(self, database: str) -> int:
        """End every other connection to the database, as an administrator does; returns how many."""
        ended = (
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        )
        return len(self.execute(ended))


_template_cache: list[Path] = []


def running_postgres(
    options: Mapping[str, str] | None = None, standby_of: Postgres | None = None
) -> contextlib.AbstractContextManager[Postgres]:
    """A server of the test's own, which it may stop, kill and pause; or a hot standby that follows another one."""
    return running(lambda: Postgres(options, standby_of))


@functools.cache
def shared_postgres() -> Postgres:
    """The one server of this process, for tests that leave it running; stopped at exit."""
    server = Postgres()
    server.start()
    return server
