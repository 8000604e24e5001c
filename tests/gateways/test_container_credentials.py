"""boto3, unmodified, gets temporary credentials from a front by itself, as it does in a container.

`AWS_CONTAINER_CREDENTIALS_FULL_URI` and `AWS_CONTAINER_AUTHORIZATION_TOKEN` (a bearer token) are all that it is given.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError, CredentialRetrievalError

from counterseal_client import AsyncSessions, Connection
from counterseal_client.asgi import SessionEndpoints
from tests.gateways.clients import BODY, BUCKET, REGION
from tests.gateways.world import PATIENT, World, running_gateway
from tests.support.process import running_server
from tests.support.sign_in import add_front, add_principal
from tests.support.web_example import Visitor, open_visitor, running_example

KEY = "of a container"


@dataclass
class Front:
    """`visitor` signs in there; `world` is the gateway before the store."""

    visitor: Visitor
    world: World
    token: str


@pytest.fixture(scope="module")
def front(folder: Path, moto: str) -> Iterator[Front]:
    boto3.client("s3", endpoint_url=moto, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    with contextlib.ExitStack() as parts:
        server = parts.enter_context(running_server(folder / "container", PATIENT))
        world = parts.enter_context(running_gateway(server, moto, folder / "container-gateway", "h11"))
        add_principal(server)
        token = add_front(server)
        origin = parts.enter_context(running_example(server.address, token, folder / "front.log"))
        yield Front(parts.enter_context(open_visitor(origin)), world, token)


@pytest.fixture
def visitor(front: Front) -> Visitor:
    assert front.visitor.sign_in().status_code == 200
    front.world.passed_on()
    return front.visitor


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No other place that boto3 takes credentials from: neither variables nor files, nor a cloud's own address."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


def in_a_container(monkeypatch: pytest.MonkeyPatch, world: World, origin: str, authorization: str) -> Any:
    """A client in an environment of its own, with no credentials but what it will ask for."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{origin}/session/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", authorization)
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.session.Session().client("s3", endpoint_url=world.endpoint, region_name=REGION, config=config)


def signers(world: World) -> list[tuple[str, str, str]]:
    """Who signed what reached the store: key, principal, session."""
    names = ("x-counterseal-key-id", "x-counterseal-principal", "x-counterseal-session")
    fields = [dict(map(tuple, request["headers"])) for request in world.passed_on()]
    return [tuple(one[name] for name in names) for one in fields]


@pytest.mark.parametrize("form", ["{}", "Bearer {}"])
def test_boto3_fetches_them_and_is_accepted(front: Front, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    s3 = in_a_container(monkeypatch, front.world, visitor.origin, form.format(visitor.session["accessToken"]))
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY
    seen = signers(front.world)
    assert len(seen) == 2
    # Fetched once, and good for an hour: both requests are signed with the same key, of this session.
    assert {one[1:] for one in seen} == {("alice", visitor.session["sessionId"])}
    assert len({one[0] for one in seen}) == 1


def test_after_sign_out_it_is_refused(front: Front, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    token = visitor.session["accessToken"]
    s3 = in_a_container(monkeypatch, front.world, visitor.origin, token)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    assert visitor.post("sign-out").status_code == 200
    front.world.passed_on()
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=BUCKET, Key=KEY)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    # Nor are there new ones for the token.
    with pytest.raises(CredentialRetrievalError):
        in_a_container(monkeypatch, front.world, visitor.origin, token).get_object(Bucket=BUCKET, Key=KEY)
    assert front.world.passed_on() == []


@pytest.mark.parametrize("authorization", ["cstk_CSBT" + "A" * 20 + "_" + "0" * 49, "nonsense"])
def test_with_another_token_there_are_none(
    front: Front, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, authorization: str
) -> None:
    with pytest.raises(CredentialRetrievalError, match="401"):
        in_a_container(monkeypatch, front.world, visitor.origin, authorization).put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    assert front.world.passed_on() == []


@contextlib.contextmanager
def front_with_short_credentials(front: Front) -> Iterator[str]:
    """A front of the same service whose credentials are good for a minute, less than SDKs like to have left."""
    sessions = AsyncSessions(Connection(address=front.world.server.address, bearer_token=front.token, timeout=60))
    endpoints = SessionEndpoints(sessions, credentials_duration=timedelta(minutes=1))
    config = uvicorn.Config(endpoints, host="127.0.0.1", port=0, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


def put_often(s3: Any, times: int) -> None:
    for _ in range(times):
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)


def test_they_are_renewed_before_they_expire(front: Front, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore renews what has less than ten minutes left, and a minute is less: each request has a key of its own."""
    with front_with_short_credentials(front) as origin:
        s3 = in_a_container(monkeypatch, front.world, origin, visitor.session["accessToken"])
        put_often(s3, 3)
    seen = signers(front.world)
    assert len({key for key, _, _ in seen}) == len(seen) == 3
    assert {one[1:] for one in seen} == {("alice", visitor.session["sessionId"])}


def test_as_often_as_need_be(front: Front, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session has thirty at once. One more ends the first; nobody is refused, and the session goes on."""
    with front_with_short_credentials(front) as origin:
        s3 = in_a_container(monkeypatch, front.world, origin, visitor.session["accessToken"])
        put_often(s3, 32)
    assert len({key for key, _, _ in signers(front.world)}) == 32
    assert visitor.send(visitor.bearer()) == 200
