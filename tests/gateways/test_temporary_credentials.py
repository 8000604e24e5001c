"""boto3, unmodified, with temporary credentials of a session: key id, secret, and a security token that has to be signed."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from counterseal.v1.sessions_pb2 import TemporaryCredentials
from tests.gateways.clients import BODY, BUCKET, REGION, ClientFailed, fetch
from tests.gateways.clock import Clock, server_with_clock
from tests.gateways.world import PATIENT, World, running_gateway
from tests.support.replicas import running_replicas
from tests.support.sign_in import Front, add_front, add_principal, open_front

KEY = "of-a-session"


@dataclass
class Deployment:
    """Two replicas of the service, each with a gateway before the same store; `front` signs people in at the first."""

    worlds: tuple[World, World]
    front: Front


@pytest.fixture(scope="module")
def deployment(folder: Path, moto: str) -> Iterator[Deployment]:
    boto3.client("s3", endpoint_url=moto, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    with contextlib.ExitStack() as parts:
        servers = parts.enter_context(running_replicas(folder / "temporary", **PATIENT))
        gateways = [
            parts.enter_context(running_gateway(server, moto, folder / f"gateway-{number}", "h11"))
            for number, server in enumerate(servers)
        ]
        add_principal(servers[0])
        front = parts.enter_context(open_front(servers[0], add_front(servers[0])))
        yield Deployment((gateways[0], gateways[1]), front)


@pytest.fixture
def credentials(deployment: Deployment) -> TemporaryCredentials:
    return deployment.front.credentials(deployment.front.sign_in().session.session_id)


def s3(world: World, credentials: TemporaryCredentials, token: str | None = "as issued") -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=world.endpoint,
        region_name=REGION,
        aws_access_key_id=credentials.key_id,
        aws_secret_access_key=credentials.secret,
        aws_session_token=credentials.security_token if token == "as issued" else token,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def refused(world: World, client: Any) -> tuple[str, str]:
    """Have the client write; return the code that it was told and the reason that the gateway was told. Nothing got through."""
    world.passed_on()
    before = len(world.gateway_log.read_text())
    with pytest.raises(ClientError) as caught:
        client.put_object(Bucket=BUCKET, Key=KEY, Body=b"by somebody else")
    assert world.passed_on() == []
    reason = world.gateway_log.read_text()[before:].partition(" refused: ")[2].partition(",")[0]
    return caught.value.response["Error"]["Code"], reason


def altered(text: str, position: int) -> str:
    other = "A" if text[position] != "A" else "B"
    return text[:position] + other + text[position + 1 :]


def test_they_are_taken_as_they_are(deployment: Deployment, credentials: TemporaryCredentials) -> None:
    for world in deployment.worlds:
        client = s3(world, credentials)
        client.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
        assert client.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY


def test_the_upstream_learns_whose_they_are(deployment: Deployment) -> None:
    session = deployment.front.sign_in().session
    world = deployment.worlds[0]
    world.passed_on()
    s3(world, deployment.front.credentials(session.session_id)).put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    (request,) = world.passed_on()
    assert ["x-counterseal-principal", "alice"] in request["headers"]
    assert ["x-counterseal-session", session.session_id] in request["headers"]


def test_without_the_security_token(deployment: Deployment, credentials: TemporaryCredentials) -> None:
    world = deployment.worlds[0]
    assert refused(world, s3(world, credentials, token=None)) == ("SignatureDoesNotMatch", "MISMATCH")


def test_with_that_of_another_session(deployment: Deployment, credentials: TemporaryCredentials) -> None:
    """Also of the same principal: it belongs to its key id alone."""
    other = deployment.front.credentials(deployment.front.sign_in().session.session_id)
    for world in deployment.worlds:
        s3(world, other).put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
        assert refused(world, s3(world, credentials, other.security_token)) == ("SignatureDoesNotMatch", "MISMATCH")


def test_with_one_character_altered(deployment: Deployment, credentials: TemporaryCredentials) -> None:
    world, token = deployment.worlds[0], credentials.security_token
    for position in (0, len(token) // 2, len(token) - 1):
        assert refused(world, s3(world, credentials, altered(token, position))) == ("SignatureDoesNotMatch", "MISMATCH")
    for other in (token + "A", token[:-1], token.swapcase()):
        assert refused(world, s3(world, credentials, other)) == ("SignatureDoesNotMatch", "MISMATCH")


def test_with_a_token_that_is_not_signed(deployment: Deployment, credentials: TemporaryCredentials) -> None:
    """Right, and added once the request was signed: who has the key's secret alone could have found the token elsewhere."""
    world, client = deployment.worlds[0], s3(deployment.worlds[0], credentials, token=None)

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amz-Security-Token"] = credentials.security_token

    client.meta.events.register("before-send.s3", add)
    assert refused(world, client) == ("AccessDenied", "NOT_COVERED")


def test_a_lasting_key_with_a_token(deployment: Deployment, credentials: TemporaryCredentials) -> None:
    """The reverse: a key that has no security token is not good with one."""
    world = deployment.worlds[0]
    lasting = world.issue()
    mixed = TemporaryCredentials(key_id=lasting.key_id, secret=lasting.secret, security_token=credentials.security_token)
    assert refused(world, s3(world, mixed)) == ("SignatureDoesNotMatch", "MISMATCH")


def test_presigned_urls(deployment: Deployment, credentials: TemporaryCredentials) -> None:
    world, what = deployment.worlds[0], {"Bucket": BUCKET, "Key": KEY}
    client = s3(world, credentials)
    fetch(client.generate_presigned_url("put_object", Params=what, ExpiresIn=600), "PUT", BODY)
    url = client.generate_presigned_url("get_object", Params=what, ExpiresIn=600)
    assert "X-Amz-Security-Token=" in url
    fetch(url, "GET")
    bare = s3(world, credentials, token=None).generate_presigned_url("get_object", Params=what, ExpiresIn=600)
    token = credentials.security_token
    for wrong in (bare, f"{bare}&X-Amz-Security-Token={token}", url.replace(token, altered(token, 5))):
        with pytest.raises(ClientFailed, match="403"):
            fetch(wrong, "GET")


def test_none_is_good_after_sign_out(deployment: Deployment) -> None:
    front = deployment.front
    session = front.sign_in().session.session_id
    several = [front.credentials(session) for _ in range(3)]
    url = s3(deployment.worlds[1], several[0]).generate_presigned_url("list_buckets", ExpiresIn=600)
    for world in deployment.worlds:
        for one in several:  # in the memory of both replicas
            s3(world, one).list_buckets()
    front.sign_out(session, wait=True)
    for world in deployment.worlds:
        for one in several:
            assert refused(world, s3(world, one)) == ("SignatureDoesNotMatch", "KEY_REVOKED")
    with pytest.raises(ClientFailed, match="403"):
        fetch(url, "GET")


@pytest.fixture(scope="module")
def clock_world(folder: Path, moto: str, deployment: Deployment) -> Iterator[tuple[World, Clock, Front]]:
    with (
        server_with_clock(folder / "expiry") as (server, clock),
        running_gateway(server, moto, folder / "expiry-gateway", "h11") as world,
    ):
        add_principal(server)
        with open_front(server, add_front(server)) as front:
            yield world, clock, front


def test_they_expire_to_the_second(clock_world: tuple[World, Clock, Front]) -> None:
    world, clock, front = clock_world
    clock.stop_at(int(time.time()))
    credentials = front.credentials(front.sign_in().session.session_id, seconds=60)
    client = s3(world, credentials)
    url = client.generate_presigned_url("list_buckets", ExpiresIn=600)
    clock.stop_at(credentials.expire_time.seconds - 1)
    client.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    clock.stop_at(credentials.expire_time.seconds)
    assert refused(world, client) == ("SignatureDoesNotMatch", "KEY_EXPIRED")
    with pytest.raises(ClientFailed, match="403"):
        fetch(url, "GET")
    clock.run()


def test_they_do_not_outlive_their_session(clock_world: tuple[World, Clock, Front]) -> None:
    """Twelve hours are asked for; the session has as many from its beginning at most."""
    _, clock, front = clock_world
    clock.stop_at(int(time.time()))
    session = front.sign_in().session
    clock.stop_at(int(time.time()) + 600)
    credentials = front.credentials(session.session_id, seconds=12 * 3600)
    assert credentials.expire_time.ToDatetime() <= session.expire_time.ToDatetime()
    clock.run()
