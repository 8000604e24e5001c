"""A service on one of the engines, every part of which can be killed and started again, as an init system would."""

import base64
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.traffic import until
from tests.support.daemon import free_port, wait_gone
from tests.support.mariadb import MariaDB, running_mariadb
from tests.support.postgres import Postgres, running_postgres
from tests.support.process import RunningServer, start_server
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

OLD, NEW = (f"{name}:{base64.b64encode(name.encode() * 11)[:43].decode()}=" for name in ("old", "new"))
DATABASES: Mapping[str, Callable[[], contextlib.AbstractContextManager[Postgres | MariaDB]]] = {
    "postgres": running_postgres,
    "mariadb": running_mariadb,
}


@dataclass
class Site:
    """`settings` are the server's; `lives` counts its starts. Every second life has the other master key active."""

    folder: Path
    settings: dict[str, str]
    database: Postgres | MariaDB | None = None
    proxy: TcpProxy | None = None
    address: str = field(default_factory=lambda: f"127.0.0.1:{free_port()}")
    lives: int = 0
    # Where the next life's standard error goes; None: where those of all tests go.
    logs: Path | None = None
    _server: RunningServer | None = None

    @property
    def server(self) -> RunningServer:
        assert self._server is not None
        return self._server

    def start(self) -> None:
        self.lives += 1
        ring = f"{OLD},{NEW}" if self.lives % 2 else f"{NEW},{OLD}"
        with pytest.MonkeyPatch.context() as patch:
            if self.logs is not None:
                patch.setenv("COUNTERSEAL_TEST_LOGS", str(self.logs))
            self._server = start_server(self.folder / "data", LISTEN=self.address, MASTER_KEYS=ring, **self.settings)

    def kill_server(self) -> None:
        """The supervisor, where there is one: its workers go with it, and the port is free."""
        pids = self.server.workers()
        self.server.kill()
        wait_gone(pids)
        until(lambda: _free(self.address), "the port is free")

    def kill_worker(self, draw: random.Random) -> bool:
        """Kill one of those that are there; says whether there was any."""
        workers = self.server.workers()
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(draw.choice(workers), signal.SIGKILL)
        return bool(workers)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of ours to its end with the server's settings."""
        command = self._command(words)
        return subprocess.run(command, check=False, env=self.server.env, capture_output=True, text=True, timeout=600)

    def launch(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self._command(words), env=self.server.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    @staticmethod
    def _command(words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "counterseal", *words]

    def close(self) -> None:
        if self._server is not None:
            self._server.kill()


def _free(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as anybody:
        anybody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            anybody.bind((host, int(port)))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def running_site(folder: Path, engine: str, *, proxied: bool = False, **settings: str) -> Iterator[Site]:
    """Start it: two workers under a supervisor, one plain process on SQLite. `proxied`: `site.proxy` is before the database."""
    settings = {"REVOKE_BOUND": "1", "STORE_TIMEOUT": "3", "DATABASE_POOL": "4", "LAST_USE_INTERVAL": "0.5", **settings}
    with contextlib.ExitStack() as parts:
        site = Site(folder, settings)
        if engine in DATABASES:
            site.database = parts.enter_context(DATABASES[engine]())
            url = site.database.new_database()
            if proxied:
                site.proxy = parts.enter_context(tcp_proxy("127.0.0.1", site.database.port))
                url = site.proxy.through(url)
            settings["DATABASE_URL"] = url
            settings.setdefault("WORKERS", "2")
        parts.callback(site.close)
        site.start()
        yield site
