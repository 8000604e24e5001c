from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.cli.shell import Cli, cli_for
from tests.support.process import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def cli(server: RunningServer, tmp_path: Path) -> Cli:
    return cli_for(server, tmp_path)


@pytest.fixture
def lonely(tmp_path: Path) -> Cli:
    """A command line without a server."""
    return Cli(tmp_path)
