"""The public vectors of streamed bodies, by stage: canonical request, strings to sign, signatures, and the body itself."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from awscrt import auth as crt
from awscrt import http as crt_http
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.core import asymmetric
from counterseal.core.body import (
    BodyEnd,
    BodyVerifier,
    ChunkChain,
    ChunkKey,
    Link,
    Next,
    advance,
    chain_of,
    chunk_string_to_sign,
    trailer_string_to_sign,
)
from counterseal.core.body.trailers import canonical
from counterseal.core.http import read_request
from counterseal.core.model import (
    Demand,
    HttpRequest,
    Key,
    KeyState,
    PublicKey,
    Reason,
    Rejected,
    Scope,
    Verified,
    Window,
)
from counterseal.core.payload import ChunkSigned, ChunkUnsigned
from counterseal.core.schemes.aws_sigv4 import AwsSigV4, signing_key
from counterseal.core.schemes.aws_sigv4a import AWS4A, AwsSigV4A
from counterseal.core.sigv4.canonical import canonical_request, string_to_sign
from counterseal.core.sigv4.claim import read_signed
from counterseal.core.sigv4.ecdsa import private_scalar
from counterseal.core.verify import conclude, examine
from tests.core.body.upload import Signer, run, signed_body, split
from tests.core.vectors import FOLDER, Case, cases

SUITE = "aws-c-auth-streaming-and-keys"
STREAMING: dict[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads((FOLDER / f"{SUITE}.json").read_text())["cases"]
}
DEVIATIONS = json.loads((FOLDER / "deviations" / f"{SUITE}.json").read_text())["deviations"]
WINDOW = Window()
# Cases of this suite by what they show; the last of these is the deviation.
TRAILER = "aws-c-auth/stream/v4-trailer-three"
ASYMMETRIC = ("aws-c-auth/stream/v4a-chunked", "aws-c-auth/stream/v4a-chunked-trailer")
DERIVATIONS = tuple(f"aws-c-auth/v4a-key-derivation/{name}" for name in ("fixed", "suite-key", "s3-doc-key"))
EVENTS = "aws-c-auth/stream/v4-event-stream"


def test_every_case_is_run() -> None:
    assert set(STREAMING) == {TRAILER, *ASYMMETRIC, *DERIVATIONS, EVENTS}
    assert set(DEVIATIONS) == {EVENTS}


def test_a_trailer_of_three_fields() -> None:
    case = STREAMING[TRAILER]
    expected, given = case["expected"], case["input"]
    fields = dict(reversed(given["trailer_headers"]))
    assert canonical(fields) == expected["canonical_trailer"].encode()
    chain = ChunkChain(
        algorithm="AWS4-HMAC-SHA256-PAYLOAD",
        timestamp=case["context"]["date"],
        scope="20130524/us-east-1/s3/aws4_request",
        previous=given["previous_signature"],
        signed_trailer=True,
        may_follow=Next.TRAILER,
    )
    digest = hashlib.sha256(canonical(fields)).digest()
    assert trailer_string_to_sign(chain, digest).decode() == expected["string_to_sign"]
    key = signing_key(case["key"]["secret"].encode(), Scope(date="20130524", region="us-east-1", service="s3"))
    done = advance(chain, key, [], Link(sha256=digest, signature=expected["signature"]))
    assert isinstance(done, ChunkChain)
    assert done.complete
    other = advance(chain, key, [], Link(sha256=digest, signature=expected["signature"][::-1]))
    assert isinstance(other, Rejected)


@pytest.mark.parametrize("name", DERIVATIONS)
def test_the_key_pair_of_sigv4a(name: str) -> None:
    case = STREAMING[name]
    scalar = private_scalar(case["key"]["id"], case["key"]["secret"].encode())
    assert case["expected"].get("private_key_hex", f"{scalar:064x}") == f"{scalar:064x}"
    assert asymmetric.p256_public(scalar) == _public(case)


def _public(case: dict[str, Any]) -> PublicKey:
    place = case.get("expected", {}).get("public_key_xy") or case["key"]["public_key_xy"]
    numbers = ec.EllipticCurvePublicNumbers(int(place["X"], 16), int(place["Y"], 16), ec.SECP256R1())
    spki = numbers.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(algorithm="ecdsa-p256-sha256", spki=spki)


def _signed_by_awscrt(case: dict[str, Any]) -> HttpRequest:
    """Return the case's request with a seed signature that awscrt made: ECDSA is drawn, so the suite has none."""
    method, path, _, *rest = case["expected"]["canonical_request"].split("\n")
    fields = [tuple(line.split(":", 1)) for line in rest[: rest.index("")]]
    request = crt_http.HttpRequest(method, path)
    for name, value in fields:
        if name not in ("x-amz-date", "x-amz-content-sha256", "x-amz-region-set"):
            request.headers.add(name, value)
    config = crt.AwsSigningConfig(
        algorithm=crt.AwsSigningAlgorithm.V4_ASYMMETRIC,
        signature_type=crt.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=crt.AwsCredentialsProvider.new_static(case["key"]["id"], case["key"]["secret"]),
        region=case["context"]["region_set"],
        service=case["context"]["service"],
        date=dt.datetime(2013, 5, 24, tzinfo=dt.UTC),
        use_double_uri_encode=False,
        should_normalize_uri_path=False,
        signed_body_value=dict(fields)["x-amz-content-sha256"],
        signed_body_header_type=crt.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
    )
    crt.aws_sign_request(request, config).result()
    headers = tuple((name.lower().encode(), value.encode()) for name, value in request.headers)
    return HttpRequest(method=method.encode(), target=path.encode(), headers=headers)


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_chunks_of_sigv4a(name: str) -> None:
    case = STREAMING[name]
    expected = case["expected"]
    request = _signed_by_awscrt(case)
    claim = read_signed(AWS4A, read_request(request))
    assert canonical_request(claim).decode() == expected["canonical_request"]
    assert string_to_sign(claim, canonical_request(claim)).decode() == expected["string_to_sign"]
    duty = _duty(request, AwsSigV4A(), case["key"], 1369353600)
    assert isinstance(duty, ChunkSigned)
    trailer = [("first", "1st"), ("second", "2nd"), ("third", "3rd")] if duty.signed_trailer else []
    assert duty.trailers == tuple(name for name, _ in trailer)
    _check_templates(duty, expected)
    signer = Signer(
        algorithm="AWS4-ECDSA-P256-SHA256",
        scope=duty.scope,
        previous=duty.seed_signature,
        pad=True,
        sign=lambda text: asymmetric.p256_sign(private_scalar(case["key"]["id"], case["key"]["secret"].encode()), text).hex(),
    )
    wire = b"".join(signed_body([b"a" * 65536, b"a" * 1024], trailer, signer))
    outcome = run(duty, split(wire, range(0, len(wire), 9999)), _public(case))
    assert outcome.end == BodyEnd(length=66560, trailers=tuple(trailer))
    assert [hashlib.sha256(chunk).hexdigest() for chunk in (b"a" * 65536, b"a" * 1024, b"")] == expected["chunk_hashes"]


def _check_templates(duty: ChunkSigned, expected: dict[str, Any]) -> None:
    chain = chain_of(duty)
    for digest in expected["chunk_hashes"]:
        filled = expected["chunk_string_to_sign_template"].replace("<PREVIOUS_SIGNATURE_HEX_TRIMMED_OF_STARS>", chain.previous)
        assert chunk_string_to_sign(chain, bytes.fromhex(digest)).decode() == filled.replace("<SHA256_HEX_OF_CHUNK>", digest)
    template = expected["trailer_string_to_sign_template"]
    assert (template is not None) is duty.signed_trailer
    if template is not None:
        filled = template.replace("<PREVIOUS_SIGNATURE>", chain.previous)
        assert trailer_string_to_sign(chain, bytes.fromhex(template[-64:])).decode() == filled


def test_event_streams_are_refused() -> None:
    case = STREAMING[EVENTS]
    method, path, _, *rest = case["expected"]["canonical_request"].split("\n")
    headers = [tuple(line.encode().split(b":", 1)) for line in rest[: rest.index("")]]
    signed = rest[rest.index("") + 1]
    scope = case["expected"]["string_to_sign"].split("\n")[2]
    value = f"AWS4-HMAC-SHA256 Credential=access/{scope}, SignedHeaders={signed}, Signature={case['expected']['signature']}"
    request = HttpRequest(
        method=method.encode(),
        target=path.encode(),
        headers=(*((name, value) for name, value in headers), (b"authorization", value.encode())),
    )
    found = examine(request, Demand(), schemes={"aws-sigv4": AwsSigV4()}, window=WINDOW, now=348474600)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MALFORMED


def _streamed() -> Iterator[Case]:
    for case in cases("aws-docs-s3-sigv4"):
        if "STREAMING-" in json.dumps(case.raw["request"]["headers"]):
            yield case


def _duty(request: HttpRequest, scheme: AwsSigV4 | AwsSigV4A, key: dict[str, Any], now: float) -> object:
    opened = Key(
        key_id=key["id"],
        tenant="",
        secret=key["secret"].encode(),
        allowed_schemes=frozenset({scheme.name}),
        state=KeyState.ACTIVE,
    )
    schemes = {scheme.name: scheme}
    claim = examine(request, Demand(), schemes=schemes, window=WINDOW, now=now)
    assert not isinstance(claim, Rejected), claim
    verdict = conclude(claim, request, opened, Demand(), schemes=schemes, window=WINDOW, now=now)
    assert isinstance(verdict, Verified), verdict
    return verdict.payload_duty


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in _streamed()])
def test_the_bodies_of_the_documentation(case: Case) -> None:
    """From the request's head to the last byte, in several cuts; each changed byte of the framing is refused."""
    sent = case.request()
    wire = sent.content or b""
    head = HttpRequest(method=sent.method, target=sent.target, headers=sent.headers)
    duty = _duty(head, AwsSigV4(), case.raw["key"], case.now)
    assert isinstance(duty, ChunkSigned | ChunkUnsigned)
    key: ChunkKey | None = None
    if isinstance(duty, ChunkSigned):
        key = signing_key(case.raw["key"]["secret"].encode(), Scope(date="20130524", region="us-east-1", service="s3"))
        _check_links(duty, key, case.expected)
    trailers = tuple(tuple(field) for field in case.expected.get("trailer", {}).get("headers", []))
    for size in (1, 77, 4096, 65536, len(wire)):
        outcome = run(duty, split(wire, range(0, len(wire), size)), key)
        assert outcome.end == BodyEnd(length=case.expected["decoded_length"], trailers=trailers)
        decoded = outcome.verified if key else outcome.held
        assert hashlib.sha256(decoded).hexdigest() == case.expected["decoded_sha256"]
    for place in (*range(30), *range(len(wire) - 120, len(wire))):
        changed = wire[:place] + bytes([wire[place] ^ 1]) + wire[place + 1 :]
        assert isinstance(run(duty, [changed], key).end, Rejected), place
    assert isinstance(BodyVerifier(duty, key=key).finish(), Rejected)


def _check_links(duty: ChunkSigned, key: bytes, expected: dict[str, Any]) -> None:
    chain = chain_of(duty)
    for chunk in expected["chunks"]:
        digest = bytes.fromhex(chunk["string_to_sign"][-64:])
        assert chunk_string_to_sign(chain, digest).decode() == chunk["string_to_sign"]
        advanced = advance(chain, key, [Link(sha256=digest, signature=chunk["signature"])])
        assert isinstance(advanced, ChunkChain)
        chain = advanced
    trailer = expected.get("trailer")
    assert chain.complete is (trailer is None)
    if trailer is not None:
        assert canonical(dict(trailer["headers"])).decode() == trailer["canonical"]
        digest = hashlib.sha256(trailer["canonical"].encode()).digest()
        assert trailer_string_to_sign(chain, digest).decode() == trailer["string_to_sign"]
        done = advance(chain, key, [], Link(sha256=digest, signature=trailer["signature"]))
        assert isinstance(done, ChunkChain)
        assert done.complete
