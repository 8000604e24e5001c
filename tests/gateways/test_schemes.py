"""Every way of signing through the middleware, by others' clients where there are such: accepted, and refused when changed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from http_message_signatures import HTTPMessageSigner, algorithms

from counterseal.core.model import KeyKind
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.rfc9421 import read_accept_signature
from tests.gateways.clients import BODY, BUCKET, REGION, ClientFailed, Where, aws, run_program
from tests.gateways.tamper import Proxy, exchange, running_proxy
from tests.gateways.ways import PEM, PRIVATE, WAYS, OneKey, Way
from tests.gateways.world import PATIENT, Credentials, World, running_gateway
from tests.support.process import running_server


@pytest.fixture(scope="module")
def world(folder: Path, moto: str) -> Iterator[World]:
    """A server with every scheme that there is."""
    settings = {"SCHEMES": ",".join(BUILT_IN), **PATIENT}
    with running_server(folder / "data", settings) as server, running_gateway(server, moto, folder / "gateway", "h11") as world:
        world.demand()
        yield world


@pytest.fixture(scope="module")
def front(world: World) -> Iterator[Proxy]:
    with running_proxy(world.port) as proxy:
        yield proxy


@pytest.fixture(params=WAYS, ids=[way.name for way in WAYS])
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


def demand_of(scheme: str, credentials: Credentials) -> dict[str, Any]:
    """What a gateway has to know about a scheme: which key a webhook's endpoint expects, and what signatures leave open."""
    if not BUILT_IN[scheme].names_key:
        uncovered = ["method", "path", "query"]
        return {"allowed_schemes": [scheme], "key_id": credentials.key_id, "allow_uncovered": uncovered}
    return {"allow_uncovered": ["query"]} if scheme == "aws-sigv2" else {}


@pytest.fixture
def where(way: Way, world: World, front: Proxy, moto: str, tmp_path: Path) -> Where:
    credentials = world.issue("alice", way.scheme, pem=way.pem)
    world.demand(**demand_of(way.scheme, credentials))
    if way.s3:
        s3 = aws("s3", Where(moto, Credentials("AKIDMOTO", "moto asks for none"), tmp_path))
        if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    front.reset()
    world.passed_on()
    return Where(front.endpoint, credentials, tmp_path)


def send(way: Way, where: Where) -> None:
    """Send; what the upstream thinks of a request that it got is not the question."""
    try:
        way.send(where)
    except ClientFailed:
        if way.s3:
            raise


def test_accepted(way: Way, where: Where, world: World, front: Proxy) -> None:
    send(way, where)
    passed = world.passed_on()
    assert passed, "nothing reached the upstream"
    identity = dict(passed[-1]["headers"])
    assert identity["x-counterseal-key-id"] == where.credentials.key_id
    assert identity["x-counterseal-scheme"] == way.scheme


def test_refused_when_one_byte_is_changed(way: Way, where: Where, world: World, front: Proxy) -> None:
    front.change = way.change
    with pytest.raises(ClientFailed):
        way.send(where)
    assert front.tampered
    assert all(400 <= code < 500 for code in front.tampered)
    assert len(world.passed_on()) == len(front.plain)


def test_refused_when_the_key_is_revoked(way: Way, where: Where, world: World, front: Proxy) -> None:
    world.revoke(where.credentials.key_id)
    with pytest.raises(ClientFailed):
        way.send(where)
    assert world.passed_on() == []


def test_the_gateway_says_what_it_wants_signed(world: World, front: Proxy, tmp_path: Path) -> None:
    """RFC 9421 section 5.2: who signs what the 401 asks for is let in."""
    credentials = world.issue("alice", "rfc9421", pem=PEM)
    world.demand(allowed_schemes=["rfc9421"], tag="orders", label="gate")
    world.passed_on()
    refused = requests.get(f"{front.endpoint}/orders?a=1", timeout=60)
    assert refused.status_code == 401
    (asked,) = read_accept_signature([refused.headers["accept-signature"].encode()])
    assert (asked.label, asked.parameters["tag"], asked.parameters["created"]) == ("gate", "orders", True)
    assert world.passed_on() == []
    prepared = requests.Request("GET", f"{front.endpoint}/orders?a=1").prepare()
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=OneKey(PRIVATE))
    covered = [component.text.strip('"') for component in asked.components]
    signer.sign(prepared, key_id=credentials.key_id, label=asked.label, tag="orders", covered_component_ids=covered)
    requests.Session().send(prepared, timeout=60)
    assert [dict(line["headers"])["x-counterseal-key-id"] for line in world.passed_on()] == [credentials.key_id]


# A bearer token signs nothing: tests/clients/python/test_bearer_middleware.py is about those.
@pytest.mark.parametrize("scheme", sorted(set(BUILT_IN) - {"bearer"}))
def test_what_the_command_line_signs(scheme: str, world: World, tmp_path: Path) -> None:
    """The whole round for schemes whose clients are not at hand here: sign, gateway, verify; then one byte less."""
    assert KeyKind.SYMMETRIC in BUILT_IN[scheme].key_kinds
    credentials = world.issue("alice", scheme)
    world.demand(**demand_of(scheme, credentials))
    command = [sys.executable, "-m", "counterseal.server.cli.main"]
    fixed = (
        "sign",
        "--scheme",
        scheme,
        "-X",
        "POST",
        "--url",
        f"http://127.0.0.1:{world.port}/orders" + ("" if scheme == "aws-sigv2" else "?a=1"),
        "-d",
        BODY.decode(),
    )
    more = ("-H", "content-type: application/json", "-H", f"content-length: {len(BODY)}", "--raw")
    env = {"COUNTERSEAL_KEY_ID": credentials.key_id, "COUNTERSEAL_SECRET": credentials.secret}
    raw = run_program(Where("", credentials, tmp_path), *command, *fixed, *more, env=env)
    world.passed_on()
    exchange(world.port, raw)
    assert [dict(line["headers"])["x-counterseal-key-id"] for line in world.passed_on()] == [credentials.key_id]
    code, _ = exchange(world.port, raw[:-1] + bytes([raw[-1] ^ 1]))
    changed = world.passed_on()
    if scheme == "aws-sigv2":  # it leaves the body unsigned, and the upstream is told so
        assert [dict(line["headers"])["x-counterseal-payload"] for line in changed] == ["unsigned"]
    else:
        assert changed == []
        assert 400 <= code < 500
