"""One real server for each module of tests, on free ports, in a data folder of its own."""

from collections.abc import Iterator

import pytest

from tests.server.calls import Client, bearer
from tests.support.process import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with server.channel() as channel:
        yield Client(channel, bearer(server.admin_token))
