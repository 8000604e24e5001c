"""MariaDB for tests. `with running_mariadb() as db: url = db.new_database()`; `shared_mariadb()` is one per process."""

import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymysql

from tests.support.daemon import Daemon, running, unique_name
from tests.support.require import require, require_program

PASSWORD = "my-Pass/word@1"  # what a URL has to quote
_QUOTED = "my-Pass%2Fword%401"


def _program(name: str) -> str:
    path = shutil.which(name, path="/usr/sbin:/usr/local/sbin") or shutil.which(name)
    require(path, "mariadb-server is not installed")
    assert path is not None
    return path


class MariaDB(Daemon):
    """A server. `options` are settings of mariadbd without dashes. `root` is without a password, `counterseal` has one."""

    user = "mysql"

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        self._mariadbd = _program("mariadbd")
        super().__init__()
        self.options = {
            "bind-address": "127.0.0.1",
            "innodb-buffer-pool-size": "32M",
            "innodb-log-file-size": "16M",
            "innodb-flush-log-at-trx-commit": "2",  # survives a killed process, though not a dead machine
            "debug-no-sync": "ON",  # processes are killed here, machines are not
            "skip-name-resolve": "ON",
            "max-connections": "400",
            **(options or {}),
        }
        self.data = self.folder / "data"
        self._init()

    def _init(self) -> None:
        if _template_cache:
            shutil.copytree(_template_cache[0] / "data", self.data)
            for path in (self.data, *self.data.rglob("*")):
                self.give(path)
            return
        self.run(
            [
                *(require_program("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}", "--skip-test-db"),
                *("--auth-root-authentication-method=normal", "--skip-name-resolve", "--innodb-log-file-size=16M"),
            ]
        )
        template = Path(tempfile.mkdtemp(prefix="counterseal-daemon-"))
        shutil.copytree(self.data, template / "data")
        atexit.register(shutil.rmtree, template, ignore_errors=True)
        _template_cache.append(template)

    def command(self) -> list[str]:
        return [
            *(self._mariadbd, "--no-defaults", f"--datadir={self.data}", f"--port={self.port}"),
            *(f"--socket={self.socket}", f"--pid-file={self.folder}/pid"),
            *(f"--{name}={value}" for name, value in self.options.items()),
        ]

    @property
    def socket(self) -> str:
        return f"{self.folder}/mariadb.sock"

    def is_ready(self) -> bool:
        with contextlib.suppress(pymysql.OperationalError):
            self.execute("SELECT 1")
            return True
        return False

    def connect(self, database: str = "mysql") -> "pymysql.Connection[Any]":
        """Return an autocommit connection of root."""
        return pymysql.connect(unix_socket=self.socket, user="root", database=database, autocommit=True, connect_timeout=10)

    def execute(self, statement: str, database: str = "mysql") -> list[tuple[Any, ...]]:
        """Run a statement as root; returns its rows."""
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def new_database(self) -> str:
        """Make an empty database, for `counterseal` to use; returns its URL."""
        name = unique_name()
        self.execute(f"CREATE DATABASE {name}")
        self.execute(f"CREATE USER IF NOT EXISTS counterseal@'%' IDENTIFIED BY '{PASSWORD}'")
        self.execute(f"GRANT ALL ON {name}.* TO counterseal@'%'")
        return self.url(name)

    def url(self, database: str, user: str = "counterseal") -> str:
        return f"mysql+pymysql://{user}:{_QUOTED}@{self.address}/{database}"

    def hang_up(self, database: str) -> int:
        """End every connection to the database, as an administrator does; returns how many."""
        found = self.execute(f"SELECT id FROM information_schema.processlist WHERE db = '{database}'")
        for (number,) in found:
            with contextlib.suppress(pymysql.Error):
                self.execute(f"KILL {number}")
        return len(found)


_template_cache: list[Path] = []


def running_mariadb(options: Mapping[str, str] | None = None) -> contextlib.AbstractContextManager[MariaDB]:
    """A server of the test's own, which it may stop, kill and pause."""
    return running(lambda: MariaDB(options))


@functools.cache
def shared_mariadb() -> MariaDB:
    """The one server of this process, for tests that leave it running; stopped at exit."""
    server = MariaDB()
    server.start()
    return server
