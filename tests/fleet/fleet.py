"""Two replicas of two workers each on one database, the second's connections through a proxy that a test can break."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

from counterseal.server.keys.master import MasterKeys
from tests.gateways.clock import LIBRARY
from tests.replay.fleet import ATTEMPTS, workers_reached
from tests.server.calls import Client, bearer
from tests.support.daemon import children
from tests.support.mariadb import MariaDB, running_mariadb
from tests.support.postgres import Postgres, running_postgres
from tests.support.process import RunningServer, start_server
from tests.support.require import require
from tests.support.tcp_proxy import TcpProxy, tcp_proxy
from tests.workers.load import wait_for
from tests.workers.metrics import Scraped, scrape

BOUND = 1.0
# Short: a key that is in a cache for good would never show what reading it anew leads to.
CACHE_SECONDS = 3.0
WORKERS = 2
# Connections of one gateway to one replica, at least: Linux spreads them over the workers.
CHANNELS = 4
STARTS: Mapping[str, Callable[[], contextlib.AbstractContextManager[Postgres | MariaDB]]] = {
    "postgres": running_postgres,
    "mariadb": running_mariadb,
}


class Replica:
    """A replica, and a gateway's connections to it. `ahead` is by how much its clock is wrong, in seconds."""

    def __init__(self, server: RunningServer, ahead: float) -> None:
        self.server, self.ahead = server, ahead
        self.channels = [self._channel() for _ in range(CHANNELS)]
        self.clients = [self._client(channel) for channel in self.channels]

    def cover(self) -> None:
        """Open further connections until every worker has one. Those that reach no new worker are closed again."""
        for channel in self.channels:
            grpc.channel_ready_future(channel).result(60)
        for _ in range(ATTEMPTS):
            before = workers_reached(self.server)
            if self.covered():
                return
            channel = self._channel()
            grpc.channel_ready_future(channel).result(60)
            if workers_reached(self.server) > before:
                self.channels.append(channel)
                self.clients.append(self._client(channel))
            else:
                channel.close()
        raise AssertionError(f"connections reach {workers_reached(self.server)} of {self.server.workers()}")

    def covered(self) -> bool:
        """Say whether every worker has a connection. There are no others than ours."""
        found = self.server.workers()
        assert len(found) == WORKERS
        return workers_reached(self.server) == set(found)

    def verdicts(self) -> dict[str, float]:
        """Return how many verdicts each worker has given, by the label `worker` of the merged metrics."""
        seen: Scraped = wait_for(
            lambda: len((found := scrape(self.server)).workers()) == WORKERS and found, "all workers' metrics"
        )
        return {worker: sum(seen.values("counterseal_verify_total", worker=worker)) for worker in sorted(seen.workers())}

    def _client(self, channel: grpc.Channel) -> Client:
        return Client(channel, bearer(self.server.admin_token))

    def _channel(self) -> grpc.Channel:
        return grpc.insecure_channel(
            self.server.address,
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_reconnect_backoff_ms", 200),
                ("grpc.enable_http_proxy", 0),
            ],
        )

    def signal(self, number: int) -> None:
        """Send it to the supervisor and all workers."""
        pids = [self.server.process.pid, *children(self.server.process.pid)]
        for pid in pids if number != signal.SIGCONT else reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self) -> None:
        for channel in self.channels:
            channel.close()
        self.signal(signal.SIGCONT)
        self.server.stop()


@dataclass
class Fleet:
    """`replicas[1]` reaches the database through `proxy`."""

    engine: str
    database: Postgres | MariaDB
    name: str
    proxy: TcpProxy
    replicas: tuple[Replica, Replica]

    def cover(self) -> None:
        """Have connections to every worker."""
        for replica in self.replicas:
            replica.cover()

    def covered(self) -> bool:
        return all(replica.covered() for replica in self.replicas)

    def verdicts(self) -> dict[str, float]:
        """Return how many verdicts each worker of each replica has given."""
        each = (replica.verdicts() for replica in self.replicas)
        return {f"{number}/{worker}": count for number, found in enumerate(each) for worker, count in found.items()}

    @property
    def clients(self) -> list[Client]:
        return [client for replica in self.replicas for client in replica.clients]


@contextlib.contextmanager
def running_fleet(
    folder: Path, engine: str, *, ahead: float = 0.0, settings: Mapping[str, str] | None = None
) -> Iterator[Fleet]:
    """Start database, proxy and replicas; the second replica's clock is `ahead` by so many seconds."""
    with contextlib.ExitStack() as parts:
        database = parts.enter_context(STARTS[engine]())
        url = database.new_database()
        proxy = parts.enter_context(tcp_proxy("127.0.0.1", database.port))
        shared = {
            "MASTER_KEYS": MasterKeys.generate().text(),
            "REVOKE_BOUND": str(BOUND),
            "STORE_TIMEOUT": "2",
            "WORKERS": str(WORKERS),
            "CACHE_KEY_SECONDS": str(CACHE_SECONDS),
            "DATABASE_POOL": "8",
            "MAX_CONNECTION_AGE": "0",
            **(settings or {}),
        }
        made = []
        for number, address in enumerate((url, proxy.through(url))):
            with _wrong_clock(ahead if number == 1 else 0.0):
                server = start_server(folder / f"replica-{number}", **shared, DATABASE_URL=address)
            replica = Replica(server, ahead if number == 1 else 0.0)
            parts.callback(replica.close)
            made.append(replica)
        parts.callback(proxy.let_pass)
        yield Fleet(engine, database, url.rpartition("/")[2], proxy, (made[0], made[1]))


@contextlib.contextmanager
def _wrong_clock(ahead: float) -> Iterator[None]:
    """Programs started inside have a wall clock that is ahead; the clocks that count seconds since boot stay."""
    if not ahead:
        yield
        return
    require(LIBRARY.exists(), "libfaketime is not installed")
    ours = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": f"{ahead:+.0f}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name)
