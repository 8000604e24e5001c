"""Backing up and restoring with the programs that docs/backup.md names, and with the options that stand there."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import make_url

from tests.support.mariadb import shared_mariadb
from tests.support.postgres import shared_postgres
from tests.support.require import require_program

Run = Callable[..., str]


class Engine(Protocol):
    """A database, and its way of being backed up."""

    url: str
    # Whether a running server sees the restored state, or has to be stopped for it.
    restores_under_servers: bool

    def back_up(self, counterseal: Run, target: Path) -> None: ...
    def restore(self, source: Path) -> None: ...


@dataclass
class Sqlite:
    url: str
    restores_under_servers: bool = False

    @property
    def path(self) -> Path:
        return Path(make_url(self.url).database or "")

    def back_up(self, counterseal: Run, target: Path) -> None:
        counterseal("db", "backup", str(target))
        assert target.stat().st_mode & 0o777 == 0o600

    def restore(self, source: Path) -> None:
        for end in ("-wal", "-shm"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)
        shutil.copy(source, self.path)
        self.path.chmod(0o600)


@dataclass
class PostgreSql:
    url: str
    restores_under_servers: bool = True

    @property
    def libpq(self) -> str:
        return self.url.replace("postgresql+psycopg:", "postgresql:")

    def back_up(self, counterseal: Run, target: Path) -> None:
        program("pg_dump", "--format=custom", f"--file={target}", f"--dbname={self.libpq}")

    def restore(self, source: Path) -> None:
        wanted = ("--clean", "--if-exists", "--single-transaction", "--no-owner")
        program("pg_restore", *wanted, f"--dbname={self.libpq}", str(source))


@dataclass
class MariaDb:
    url: str
    restores_under_servers: bool = True

    def _at(self) -> tuple[tuple[str, ...], dict[str, str], str]:
        read = make_url(self.url)
        where = (f"--host={read.host}", f"--port={read.port}", f"--user={read.username}")
        return where, {"MYSQL_PWD": str(read.password)}, str(read.database)

    def back_up(self, counterseal: Run, target: Path) -> None:
        where, password, database = self._at()
        wanted = ("--single-transaction", "--hex-blob", "--default-character-set=utf8mb4", f"--result-file={target}")
        program("mariadb-dump", *where, *wanted, database, env=password)

    def restore(self, source: Path) -> None:
        where, password, database = self._at()
        with source.open("rb") as dump:
            program("mariadb", *where, "--default-character-set=utf8mb4", database, env=password, stdin=dump)


def program(name: str, *words: str, env: Mapping[str, str] | None = None, stdin: object = subprocess.DEVNULL) -> None:
    done = subprocess.run(
        [require_program(name), *words],
        env={**os.environ, **(env or {})},
        stdin=stdin,  # type: ignore[call-overload]
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr


ENGINES: Mapping[str, Callable[[Path], Engine]] = {
    "mariadb": lambda _: MariaDb(shared_mariadb().new_database()),
    "postgres": lambda _: PostgreSql(shared_postgres().new_database()),
    "sqlite": lambda folder: Sqlite(f"sqlite:///{folder}/keys.db"),
}
