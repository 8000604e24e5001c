"""A server inside the test's process, for tests that have to break one of its parts."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from prometheus_client import generate_latest

from counterseal.server import app
from counterseal.server.callers import ADMIN_FILE
from counterseal.server.config import load_config
from counterseal.server.telemetry.log import open_log
from tests.server.calls import Client, bearer
from tests.support import leaks


@dataclass
class InProcess:
    service: app.Service
    client: Client
    channel: grpc.Channel
    stream: io.StringIO

    def log(self) -> str:
        return self.stream.getvalue()


@contextmanager
def in_process(data_dir: Path, **settings: str) -> Iterator[InProcess]:
    """Serve inside this process. At the end its log and metrics are kept for the search for leaked secrets."""
    given = {"DATA_DIR": str(data_dir), "LISTEN": "127.0.0.1:0", "METRICS_LISTEN": "", **settings}
    config = load_config({f"COUNTERSEAL_{name}": value for name, value in given.items()})
    stream = io.StringIO()
    try:
        with app.serving(config, open_log("debug", stream)) as service, grpc.insecure_channel(str(service.address)) as channel:
            client = Client(channel, bearer((data_dir / ADMIN_FILE).read_text().strip()))
            try:
                yield InProcess(service, client, channel, stream)
            finally:
                leaks.let_out("metrics", generate_latest(service.metrics.registry).decode())
    finally:
        leaks.let_out("in-process", stream.getvalue())


def wait_for_feed(server: InProcess, changes: int) -> None:
    """Wait until the feed has told of so many changes: it has keys forgotten that were just issued."""
    end = time.monotonic() + 60
    while (server.service.metrics.registry.get_sample_value("counterseal_feed_changes_total") or 0) < changes:
        assert time.monotonic() < end, "the feed never told"
        time.sleep(0.01)
