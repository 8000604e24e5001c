from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.clients import BODY, BUCKET, KEY, REGION, Where, aws
from tests.gateways.tamper import Proxy, running_proxy
from tests.gateways.world import PATIENT, Credentials, World, running_gateway, running_moto
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
    with (
        running_server(folder / "data", PATIENT) as server,
        running_gateway(server, moto, folder / "gateway", "h11") as world,
    ):
        yield world


@pytest.fixture(scope="module")
def credentials(world: World) -> Credentials:
    return world.issue()


@pytest.fixture(scope="module")
def bucket(moto: str, credentials: Credentials) -> None:
    s3 = aws("s3", Where(moto, credentials, Path()))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


@pytest.fixture(scope="module")
def module_proxy(world: World) -> Iterator[Proxy]:
    with running_proxy(world.port) as proxy:
        yield proxy


@pytest.fixture
def proxy(module_proxy: Proxy, world: World, moto: str, credentials: Credentials, bucket: None) -> Proxy:
    module_proxy.reset()
    aws("s3", Where(moto, credentials, Path())).put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    world.passed_on()
    return module_proxy
