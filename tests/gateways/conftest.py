from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.world import Credentials, World, running_gateway, running_moto
from tests.support.process import running_server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateways")


@pytest.fixture(scope="module")
def moto(folder: Path) -> Iterator[str]:
    with running_moto(folder / "moto") as url:
        yield url


@pytest.fixture(scope="module")
def world(folder: Path, moto: str) -> Iterator[World]:
    """Real clock. h11 as the parser: it hands any method and target to the verifier, where httptools refuses some itself."""
    with running_server(folder / "data") as server, running_gateway(server, moto, folder / "gateway", "h11") as world:
        yield world


@pytest.fixture(scope="module")
def credentials(world: World) -> Credentials:
    return world.issue()
