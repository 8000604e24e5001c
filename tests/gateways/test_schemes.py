"""Every way of signing through the middleware, by others' clients where there are such: accepted, and refused when changed."""

import base64
import datetime as dt
import hashlib
import hmac
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import standardwebhooks
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

from counterseal.core.model import KeyKind
from counterseal.core.schemes import BUILT_IN
from tests.gateways.clients import BODY, BUCKET, REGION, ClientFailed, Where, aws, run_program
from tests.gateways.tamper import Proxy, Raw, exchange, flip, flip_in, running_proxy
from tests.gateways.world import Credentials, World, running_gateway
from tests.support.process import running_server
from tests.support.require import require_program

OBJECT = "signed another way"
PRIVATE = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key for tests").digest())
PEM = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="module")
def world(folder: Path, moto: str) -> Iterator[World]:
    """A server with every scheme that there is."""
    settings = {"SCHEMES": ",".join(BUILT_IN)}
    with running_server(folder / "data", settings) as server, running_gateway(server, moto, folder / "gateway", "h11") as world:
        world.demand()
        yield world


@pytest.fixture(scope="module")
def front(world: World) -> Iterator[Proxy]:
    with running_proxy(world.port) as proxy:
        yield proxy


@dataclass(frozen=True)
class Way:
    """A client that signs: the scheme that its key is issued for, how it sends one request, and what of it to change."""

    name: str
    scheme: str
    send: Callable[[Where], None]
    change: Callable[[Raw], Raw]
    pem: str = ""
    s3: bool = False


def _last_byte(raw: Raw) -> Raw:
    return replace(raw, body=raw.body[:-1] + bytes([raw.body[-1] ^ 1]))


def _answer(response: requests.Response) -> None:
    if response.status_code >= 400:
        raise ClientFailed(f"{response.status_code}: {response.text[:300]}")


def _boto3(signature_version: str) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        try:
            aws("s3", where, signature_version=signature_version).put_object(Bucket=BUCKET, Key=OBJECT, Body=BODY)
        except (ClientError, BotoCoreError) as error:
            raise ClientFailed(str(error)) from None

    return run


def _boto3_presigned(signature_version: str) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        s3 = aws("s3", where, signature_version=signature_version)
        url = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": BUCKET}, ExpiresIn=300)
        _answer(requests.get(url, timeout=60))

    return run


def _boto3_form(signature_version: str) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        s3 = aws("s3", where, signature_version=signature_version)
        form = s3.generate_presigned_post(BUCKET, OBJECT, Conditions=[["content-length-range", 1, 1000]], ExpiresIn=300)
        _answer(requests.post(form["url"], data=form["fields"], files={"file": ("cat.jpg", BODY)}, timeout=60))

    return run


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, private: Any) -> None:
        self._private = private

    def resolve_private_key(self, key_id: str) -> Any:
        return self._private


def _message_signature(where: Where, algorithm: Any, private: Any) -> None:
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    request = requests.Request("POST", f"{where.endpoint}/orders?a=1&b", data=BODY)
    request.headers = {"content-digest": f"sha-256=:{digest}:", "content-type": "text/plain"}
    prepared = request.prepare()
    signer = HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=_OneKey(private))
    covered = ("@method", "@authority", "@path", "@query", "content-digest")
    signer.sign(prepared, key_id=where.credentials.key_id, covered_component_ids=covered, use_existing_digest=True)
    _answer(requests.Session().send(prepared, timeout=60))


def _hooked(headers: Callable[[Credentials, str], dict[str, str]]) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        fields = headers(where.credentials, str(int(time.time())))
        _answer(requests.post(f"{where.endpoint}/hook", data=BODY, headers=fields, timeout=60))

    return run


def _standard(credentials: Credentials, now: str) -> dict[str, str]:
    # The package takes base64 of the bytes that sign.
    webhook = standardwebhooks.Webhook("whsec_" + base64.b64encode(credentials.secret.encode()).decode())
    signature = webhook.sign("msg_1", dt.datetime.fromtimestamp(int(now), tz=dt.UTC), BODY.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": signature}


def _mac(credentials: Credentials, text: bytes) -> str:
    return hmac.new(credentials.secret.encode(), text, hashlib.sha256).hexdigest()


def _stripe(credentials: Credentials, now: str) -> dict[str, str]:
    return {"stripe-signature": f"t={now},v1={_mac(credentials, now.encode() + b'.' + BODY)}"}


def _github(credentials: Credentials, now: str) -> dict[str, str]:
    return {"x-hub-signature-256": f"sha256={_mac(credentials, BODY)}", "x-github-event": "push"}


def _slack(credentials: Credentials, now: str) -> dict[str, str]:
    return {
        "x-slack-request-timestamp": now,
        "x-slack-signature": f"v0={_mac(credentials, b'v0:' + now.encode() + b':' + BODY)}",
    }


def _curl_google(where: Where) -> None:
    require_program("curl")
    host, body = urlsplit(where.endpoint).netloc, where.folder / "body"
    body.write_bytes(BODY)
    user = f'user = "{where.credentials.key_id}:{where.credentials.secret}"\n'.encode()
    hashed = ("-H", f"x-goog-content-sha256: {hashlib.sha256(BODY).hexdigest()}")
    signing = ("--aws-sigv4", "goog:goog:auto:storage", *hashed, "-T", "body", f"http://{host}/{BUCKET}/google")
    run_program(where, "curl", "-sS", "--fail", "--max-time", "60", "--noproxy", "*", "--config", "-", *signing, stdin=user)


def _in_field(name: bytes) -> Callable[[Raw], Raw]:
    return lambda raw: raw.with_header(name, flip)


def _with_key(raw: Raw) -> Raw:
    """Change one letter of the form's object key."""
    assert OBJECT.encode() in raw.body
    return replace(raw, body=raw.body.replace(OBJECT.encode(), flip(OBJECT.encode()), 1))


WAYS = [
    Way("boto3 v4a", "aws-sigv4a", _boto3("s3v4a"), _last_byte, s3=True),
    Way("boto3 v4a presigned", "aws-sigv4a", _boto3_presigned("s3v4a-query"), lambda raw: raw.with_query(flip), s3=True),
    Way("boto3 v2", "aws-sigv2", _boto3("s3"), lambda raw: raw.with_header(b"date", flip_in(rb":\d\d:\d\d")), s3=True),
    Way(
        "boto3 v2 presigned", "aws-sigv2", _boto3_presigned("s3-query"),
        lambda raw: raw.with_query(flip_in(rb"Expires=\d+")), s3=True,
    ),
    Way("boto3 form", "aws-sigv4", _boto3_form("s3v4"), _with_key, s3=True),
    Way("boto3 v2 form", "aws-sigv2", _boto3_form("s3"), _with_key, s3=True),
    Way("curl google", "goog4", _curl_google, _last_byte),
    Way(
        "http-message-signatures hmac", "rfc9421",
        lambda where: _message_signature(where, algorithms.HMAC_SHA256, where.credentials.secret.encode()), _last_byte,
    ),
    Way(
        "http-message-signatures ed25519", "rfc9421",
        lambda where: _message_signature(where, algorithms.ED25519, PRIVATE), _last_byte, pem=PEM,
    ),
    Way("standardwebhooks", "standard-webhooks", _hooked(_standard), _last_byte),
    Way("stripe", "stripe", _hooked(_stripe), _last_byte),
    Way("github", "github", _hooked(_github), _last_byte),
    Way("slack", "slack", _hooked(_slack), _last_byte),
]  # fmt: skip


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


@pytest.mark.parametrize("scheme", sorted(BUILT_IN))
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
