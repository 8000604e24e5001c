"""Uploads in signed chunks through the middleware and a real service: SigV4 and SigV4A, asked about and with a leased key."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any

import pytest

from counterseal.core import asymmetric
from counterseal.core.model import HttpRequest
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.sigv4.ecdsa import private_scalar
from counterseal_client import AsyncVerifier, Connection
from counterseal_client.asgi import SignedRequests
from counterseal_client.asgi.types import Message
from tests.clients.python.exchange import Seen, body_scope, reading_app
from tests.core.body.upload import CRC32, Signer, crc32, signed_body
from tests.server.calls import Client, Issued
from tests.server.uploads import WORDS
from tests.support.process import RunningServer, running_server

CHUNKS = [b"a" * 70_000, b"b" * 65_536, b"c"]
CONTENT = b"".join(CHUNKS)
TRAILER = [(CRC32, crc32(CONTENT))]
SCHEMES = ["aws-sigv4", "aws-sigv4a"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("uploads") / "data", {"SCHEMES": ",".join(SCHEMES)}) as running:
        yield running


@pytest.fixture(scope="module")
def issued(server: RunningServer) -> Issued:
    with server.channel() as channel:
        return Client(channel, tuple(server.admin_metadata)).issue(allowed_schemes=SCHEMES)


def _signer(issued: Issued, scheme: str, timestamp: str, seed: str) -> Signer:
    if scheme == "aws-sigv4a":
        scalar = private_scalar(issued.key_id, issued.secret)
        return Signer(
            algorithm="AWS4-ECDSA-P256-SHA256",
            scope=f"{timestamp[:8]}/s3/aws4_request",
            previous=seed,
            timestamp=timestamp,
            pad=True,
            sign=lambda text: asymmetric.p256_sign(scalar, text).hex(),
        )
    scope, key = f"{timestamp[:8]}/us-east-1/s3/aws4_request", b"AWS4" + issued.secret
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return Signer(
        scope=scope, previous=seed, timestamp=timestamp, sign=lambda text: hmac.new(key, text, hashlib.sha256).hexdigest()
    )


def _signed(issued: Issued, scheme: str, trailer: bool) -> tuple[HttpRequest, list[bytes]]:
    """Return the head of an upload and the frames of its body."""
    headers = [(b"host", b"h"), (b"x-amz-decoded-content-length", b"%d" % len(CONTENT))]
    headers += [(b"x-amz-trailer", CRC32.encode())] if trailer else []
    request = HttpRequest(method=b"PUT", target=b"/b/k", headers=tuple(headers))
    signing = Signing(now=int(time.time()), options={"region": "us-east-1", "service": "s3", "payload": WORDS[scheme, trailer]})
    signed = BUILT_IN[scheme].sign(request, Credentials(key_id=issued.key_id, secret=issued.secret), signing)
    fields = dict(signed.headers)
    seed = fields[b"authorization"].partition(b"Signature=")[2].decode()
    signer = _signer(issued, scheme, fields[b"x-amz-date"].decode(), seed)
    return signed, signed_body(CHUNKS, TRAILER if trailer else (), signer)


def _exchange(server: RunningServer, head: HttpRequest, wire: bytes, **options: Any) -> Seen:
    seen = Seen()
    pieces = [wire[start : start + 65_536] for start in range(0, len(wire), 65_536)]
    incoming: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": place < len(pieces) - 1} for place, piece in enumerate(pieces)
    ]

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        seen.sent.append(message)

    async def run() -> None:
        connection = Connection(address=server.address, timeout=60, bearer_token=server.admin_token)
        async with AsyncVerifier(connection) as verifier:
            scope = body_scope(len(wire), headers=[field for field in head.headers if field[0] != b"host"])
            await SignedRequests(reading_app(seen), verifier, **options)(scope, receive, send)

    asyncio.run(run())
    return seen


@pytest.mark.parametrize("lease", [False, True], ids=["asked", "leased"])
@pytest.mark.parametrize("trailer", [False, True], ids=["plain", "trailer"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_upload(server: RunningServer, issued: Issued, scheme: str, trailer: bool, lease: bool) -> None:
    head, frames = _signed(issued, scheme, trailer)
    seen = _exchange(server, head, b"".join(frames), lease_signing_key=lease)
    assert seen.status == 200, seen.body
    assert b"".join(piece for piece, _ in seen.pieces) == CONTENT
    changes = {
        "a byte": [frames[0][:-9] + b"!" + frames[0][-8:], *frames[1:]],
        "a signature": [frames[0], frames[1].replace(b"signature=", b"signature=0", 1), *frames[2:]],
        "the order": [frames[1], frames[0], *frames[2:]],
        "the last chunk": [*frames[:3], *frames[4:]],
        "the end": frames[:-1],
    }
    if trailer:
        changes["the trailer"] = [*frames[:4], frames[4].replace(b"=", b"A", 1), *frames[5:]]
        place = frames[5].index(b":") + 10
        other = b"0" if frames[5][place : place + 1] != b"0" else b"1"
        changes["the trailer's signature"] = [*frames[:5], frames[5][:place] + other + frames[5][place + 1 :], frames[6]]
    for what, changed in changes.items():
        seen = _exchange(server, head, b"".join(changed), lease_signing_key=lease)
        assert seen.status in (400, 403), what
        handed = b"".join(piece for piece, _ in seen.pieces)
        assert CONTENT.startswith(handed), what
        assert len(handed) < len(CONTENT), what
        assert all(more for _, more in seen.pieces), what
