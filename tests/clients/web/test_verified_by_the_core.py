"""What the browser's module signs, the service's own verifier takes; and nothing of it once a single thing is changed."""

import base64
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from counterseal.core import asymmetric
from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, Verified
from counterseal.core.payload import AlreadyChecked, Unsigned
from tests.clients.web.building import sign
from tests.clients.web.drawing import draw
from tests.core.rfc9421.making import header, verdict, with_header

pytestmark = pytest.mark.timeout(600)
KEY_ID = "CSPK.web:1"
COUNT = 300
OVER_THE_WIRE = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Requests with their signatures, the key that made them, and the time that they state in Unix seconds."""

    requests: tuple[HttpRequest, ...]
    key: Key
    created: int

    def verdict(self, request: HttpRequest, later: int = 0) -> Verified | Rejected:
        return verdict(request, self.key, Demand(tag="counterseal-web"), now=self.created + later)


@pytest.fixture(scope="module", params=["ecdsa-p256-sha256", "ed25519"])
def signed(package: Path, request: pytest.FixtureRequest) -> Signed:
    jobs = [draw(seed, over_the_wire=seed < OVER_THE_WIRE) for seed in range(COUNT)]
    found = sign(package / "dist" / "index.js", request.param, KEY_ID, jobs)
    public = asymmetric.read_public_key(json.dumps(found["publicKey"]).encode())
    assert public.algorithm == request.param
    schemes = frozenset({"rfc9421"})
    key = Key(key_id=KEY_ID, tenant="", secret=b"", allowed_schemes=schemes, state=KeyState.ACTIVE, public_key=public)
    return Signed(requests=tuple(map(as_request, found["signed"])), key=key, created=found["created"])


def as_request(made: dict[str, Any]) -> HttpRequest:
    return HttpRequest(
        method=made["method"].encode(),
        target=made["target"].encode(),
        headers=tuple((name.lower().encode(), value.encode("latin-1")) for name, value in made["headers"]),
        content=base64.b64decode(made["body"]),
    )


def test_every_request_verifies(signed: Signed) -> None:
    for request in signed.requests:
        found = signed.verdict(request)
        assert isinstance(found, Verified), (request.method, request.target, request.headers, found)
        # A body was compared with the digest; without one there was nothing to compare.
        assert isinstance(found.payload_duty, AlreadyChecked | Unsigned)
        covered = {b"host", b"content-type", b"content-digest"} if request.content else {b"host"}
        assert set(found.coverage.headers) == covered
        assert (found.coverage.method, found.coverage.path, found.coverage.query) == (True, True, True)


def test_requests_are_as_varied_as_they_should_be(signed: Signed) -> None:
    assert len({request.method for request in signed.requests}) >= 10
    assert sum(1 for request in signed.requests if request.content) >= COUNT // 4
    assert len({header(request, b"host") for request in signed.requests}) >= 9
    assert any(b"multipart/form-data" in header(request, b"content-type") for request in signed.requests)
    assert any(request.target.endswith(b"?") for request in signed.requests)


def test_no_request_verifies_once_a_single_thing_is_changed(signed: Signed) -> None:
    reasons: Counter[tuple[str, Reason]] = Counter()
    for seed, request in enumerate(signed.requests):
        for what, changed in changes(request, random.Random(seed)):
            found = signed.verdict(changed)
            assert isinstance(found, Rejected), (what, request.target, request.headers)
            reasons[what, found.reason] += 1
    # Most of them by the signature, and not by the syntax alone.
    for what in ("method", "host", "path", "query", "content-type", "created", "nonce", "signature"):
        assert reasons[what, Reason.MISMATCH] > COUNT // 8, what
    assert reasons["body", Reason.PAYLOAD_MISMATCH] > COUNT // 8
    assert reasons["body added", Reason.NOT_COVERED] > COUNT // 8


def test_a_signature_of_one_request_is_none_of_another(signed: Signed) -> None:
    for one, other in zip(signed.requests, signed.requests[1:], strict=False):
        taken = one
        for name in (b"signature-input", b"signature", b"content-digest"):
            taken = with_header(taken, name, *[value for found, value in other.headers if found == name])
        assert isinstance(signed.verdict(taken), Rejected)


def test_time_runs_out(signed: Signed) -> None:
    for later, reason in ((901, Reason.TOO_OLD), (-901, Reason.TOO_NEW)):
        found = signed.verdict(signed.requests[0], later)
        assert isinstance(found, Rejected)
        assert found.reason is reason


def changes(request: HttpRequest, chosen: random.Random) -> Iterator[tuple[str, HttpRequest]]:
    """Return the request with one thing changed, for everything that the signature is about."""
    path, mark, query = request.target.partition(b"?")
    yield "method", replace(request, method=b"DELETE" if request.method != b"DELETE" else b"PUT")
    yield "path", replace(request, target=path + b"x" + mark + query)
    yield "query", replace(request, target=path + b"?" + query + b"&x=1" if query else path + b"?x=1")
    yield "host", with_header(request, b"host", b"x" + header(request, b"host").replace(b"[", b"").replace(b"]", b""))
    yield "signature", with_header(request, b"signature", flipped(header(request, b"signature"), chosen))
    stated = header(request, b"signature-input")
    for what, old, new in (
        ("created", b";created=1", b";created=2"),
        ("created", b"0;nonce", b"1;nonce"),
        ("nonce", b'nonce="', b'nonce="A'),
        ("tag", b'tag="counterseal-web"', b'tag="counterseal-wed"'),
        ("alg", b'alg="e', b'alg="rsa-e'),
        ("covered", b'"@query"', b'"@method"'),
        ("covered", b' "@query"', b""),
        ("covered", b'"@method" "@authority"', b'"@authority" "@method"'),
        ("covered", b' "content-digest"', b""),
        ("covered", b' "content-type"', b""),
    ):
        if old in stated:
            yield what, with_header(request, b"signature-input", stated.replace(old, new))
    yield from changed_bodies(request, chosen)


def changed_bodies(request: HttpRequest, chosen: random.Random) -> Iterator[tuple[str, HttpRequest]]:
    if not request.content:
        yield "body added", replace(request, content=b"x")
        return
    at = chosen.randrange(len(request.content))
    yield "body", replace(request, content=request.content[:at] + bytes([request.content[at] ^ 1]) + request.content[at + 1 :])
    yield "body", replace(request, content=request.content + b"x")
    yield "body", replace(request, content=b"")
    yield "content-type", with_header(request, b"content-type", b"text/html")
    yield "content-type", with_header(request, b"content-type", header(request, b"content-type"), b"text/html")
    yield "content-type gone", with_header(request, b"content-type")
    yield "content-digest", with_header(request, b"content-digest", flipped(header(request, b"content-digest"), chosen))


def flipped(field: bytes, chosen: random.Random) -> bytes:
    """Return a field with one bit of its bytes changed."""
    start, _, rest = field.partition(b":")
    octets = bytearray(base64.b64decode(rest[:-1]))
    octets[chosen.randrange(len(octets))] ^= 1 << chosen.randrange(8)
    return start + b":" + base64.b64encode(octets) + b":"
