"""Payload: ATTACKS.md, fifth section, as far as the head of a request goes."""

import hashlib
from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest, Reason, Rejected, Verified
from counterseal.core.payload import AlreadyChecked, BodySha256, ChunkSigned, ChunkUnsigned, PayloadDuty, Unsigned
from tests.core import sloppy
from tests.core.attacks.parts import Change, auth, header
from tests.core.attacks.table import Attack, refused, rows
from tests.core.subjects import (
    DAY,
    PLAIN,
    STAMP,
    and_header,
    edit_target,
    header_of,
    presigned,
    signed,
    verdict,
    with_header,
    without_header,
)

MALFORMED, MISMATCH, NOT_COVERED = Reason.MALFORMED, Reason.MISMATCH, Reason.NOT_COVERED
HASH = b"x-amz-content-sha256"
BODY_HASH = hashlib.sha256(b"a cat").hexdigest().encode()
CHUNKED = replace(
    PLAIN,
    headers=(*PLAIN.headers, (b"x-amz-decoded-content-length", b"5"), (b"x-amz-trailer", b"x-amz-checksum-crc32 , X-Other")),
)
WORDS = (
    b"UNSIGNED-PAYLOAD",
    b"STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
)
UNKNOWN = {
    "empty": b"",
    "lower-case-word": b"unsigned-payload",
    "word-with-a-tail": b"UNSIGNED-PAYLOADS",
    "unknown-streaming-word": b"STREAMING-AWS4-HMAC-SHA512-PAYLOAD",
    "streaming-alone": b"STREAMING-",
    "ecdsa": b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    "ecdsa-trailer": b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
    "events": b"STREAMING-AWS4-HMAC-SHA256-EVENTS",
    "upper-case-hash": BODY_HASH.upper(),
    "short-hash": BODY_HASH[:-1],
    "long-hash": BODY_HASH + b"0",
    "base64-hash": b"q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=",
    "sha1": hashlib.sha1(b"a cat").hexdigest().encode(),
    "two-values": BODY_HASH + b"," + BODY_HASH,
    "required": b"required",
}


def content(value: bytes | None, sha256: bytes | None = None) -> Change:
    return lambda request: replace(request, content=value, content_sha256=sha256)


BODIES = (
    Attack("another-body", content(b"a dog"), Reason.PAYLOAD_MISMATCH),
    Attack("no-body", content(b""), Reason.PAYLOAD_MISMATCH),
    Attack("a-longer-body", content(b"a cat and a dog"), Reason.PAYLOAD_MISMATCH),
    Attack("the-hash-of-another-body", content(None, hashlib.sha256(b"a dog").digest()), Reason.PAYLOAD_MISMATCH),
    Attack("a-hash-of-no-length", content(None, b""), Reason.PAYLOAD_MISMATCH),
)
HASHES = (
    *(Attack(f"hash-{name}", header(HASH, value), MALFORMED) for name, value in UNKNOWN.items()),
    *(Attack(f"switched-to-{word.decode()}", header(HASH, word), MISMATCH) for word in WORDS if not word.endswith(b"TRAILER")),
    *(Attack(f"switched-to-{word.decode()}", header(HASH, word), MALFORMED) for word in WORDS if word.endswith(b"TRAILER")),
    Attack("hash-of-another-body", header(HASH, hashlib.sha256(b"a dog").hexdigest().encode()), MISMATCH),
    Attack("hash-twice", lambda r: and_header(r, HASH, BODY_HASH), MALFORMED),
    Attack("hash-gone", lambda r: without_header(r, HASH), MALFORMED),
    Attack("hash-not-signed", auth(b";x-amz-content-sha256", b""), NOT_COVERED),
)


@rows(BODIES + HASHES)
def test_s3(row: Attack) -> None:
    refused(signed(), row)


@rows([row._replace(reason=MISMATCH) for row in BODIES])
def test_general_services_hash_the_body_itself(row: Attack) -> None:
    refused(signed(service="sqs"), row)
    refused(presigned(service="sqs"), row)


@rows([*BODIES, *(row for row in HASHES if "gone" not in row.name)])
def test_general_services_with_a_stated_hash(row: Attack) -> None:
    refused(sloppy.sign(PLAIN, service="sqs", payload=BODY_HASH), row)


@pytest.mark.parametrize("word", [*WORDS, BODY_HASH])
@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_a_made_up_signature_under_every_word(word: bytes, service: str) -> None:
    """MinIO CVE-2025-31489, CVE-2026-40344: the streaming words were let through without looking at the signature."""
    good = signed(CHUNKED, payload=word.decode(), service=service)
    assert isinstance(verdict(good), Verified)
    value = header_of(good, b"authorization")
    found = verdict(with_header(good, b"authorization", value[:-64] + b"0" * 64))
    assert isinstance(found, Rejected)
    assert found.reason is MISMATCH


@pytest.mark.parametrize("value", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_good_signature_over_an_unknown_word(value: bytes) -> None:
    found = verdict(sloppy.sign(PLAIN, payload=value))
    assert isinstance(found, Rejected)
    assert found.reason is MALFORMED


def test_s3_without_the_header() -> None:
    names = b"content-type;host;x-amz-acl;x-amz-date"
    request = and_header(PLAIN, b"x-amz-date", STAMP)
    value = sloppy.authorization(request, names, credential=sloppy.credential())
    found = verdict(and_header(request, b"authorization", value))
    assert isinstance(found, Rejected)
    assert (found.reason, found.detail) == (NOT_COVERED, "header x-amz-content-sha256: this service requires it, signed")


CHUNK_HEADS = (
    Attack("trailer-undeclared", lambda r: without_header(r, b"x-amz-trailer"), MALFORMED),
    Attack("trailer-empty", header(b"x-amz-trailer", b""), MALFORMED),
    Attack("trailer-of-odd-letters", header(b"x-amz-trailer", b"a b"), MALFORMED),
    Attack("trailer-with-an-empty-name", header(b"x-amz-trailer", b"a,,b"), MALFORMED),
    Attack("trailer-twice", lambda r: and_header(r, b"x-amz-trailer", b"x"), MALFORMED),
    Attack("trailer-another", header(b"x-amz-trailer", b"x-amz-checksum-sha256"), MISMATCH),
    Attack("length-another", header(b"x-amz-decoded-content-length", b"6"), MISMATCH),
    *(
        Attack(f"length-{name}", header(b"x-amz-decoded-content-length", value), MALFORMED)
        for name, value in {
            "negative": b"-5",
            "signed": b"+5",
            "hex": b"0x5",
            "padded": b"05",
            "empty": b"",
            "huge": b"9" * 20,
            "decimal": b"5.0",
            "two": b"5, 5",
        }.items()
    ),
    Attack("length-twice", lambda r: and_header(r, b"x-amz-decoded-content-length", b"5"), MALFORMED),
)


@rows(CHUNK_HEADS)
@pytest.mark.parametrize("word", [word for word in WORDS if word.endswith(b"TRAILER")])
def test_heads_of_chunked_uploads(word: bytes, row: Attack) -> None:
    refused(signed(CHUNKED, payload=word.decode()), row)


def _chunk_signed(seed: str, trailer: bool, names: tuple[str, ...], length: int | None) -> ChunkSigned:
    return ChunkSigned(
        algorithm="AWS4-HMAC-SHA256-PAYLOAD",
        seed_signature=seed,
        timestamp=STAMP.decode(),
        scope=f"{DAY.decode()}/eu-west-1/s3/aws4_request",
        signed_trailer=trailer,
        decoded_length=length,
        trailers=names,
    )


def _duty(request: HttpRequest) -> PayloadDuty:
    found = verdict(request)
    assert isinstance(found, Verified), found
    return found.payload_duty


def test_what_is_left_to_check_is_told() -> None:
    streamed = replace(PLAIN, content=None)
    assert _duty(signed()) == AlreadyChecked()
    assert _duty(replace(signed(), content=None)) == BodySha256(sha256=hashlib.sha256(b"a cat").digest())
    assert _duty(replace(signed(), content=None, content_sha256=hashlib.sha256(b"a cat").digest())) == AlreadyChecked()
    assert _duty(signed(service="sqs")) == AlreadyChecked()
    assert _duty(signed(payload="UNSIGNED-PAYLOAD")) == Unsigned()
    assert _duty(presigned(streamed)) == Unsigned()
    assert _duty(presigned(service="sqs")) == AlreadyChecked()


def test_chunked_uploads_return_the_duty() -> None:
    names = ("x-amz-checksum-crc32", "x-other")
    for word, trailer in ((WORDS[2], False), (WORDS[3], True)):
        request = signed(CHUNKED, payload=word.decode())
        seed = header_of(request, b"authorization")[-64:].decode()
        assert _duty(request) == _chunk_signed(seed, trailer, names, 5)
    assert _duty(signed(CHUNKED, payload=WORDS[1].decode())) == ChunkUnsigned(decoded_length=5, trailers=names)
    bare = signed(payload=WORDS[2].decode())
    assert _duty(bare) == _chunk_signed(header_of(bare, b"authorization")[-64:].decode(), False, (), None)


def test_a_body_that_the_signature_needs_and_nobody_sent() -> None:
    for request in (signed(service="sqs"), presigned(service="sqs")):
        found = verdict(replace(request, content=None))
        assert isinstance(found, Rejected)
        assert found.reason is Reason.BODY_REQUIRED
        digest = hashlib.sha256(b"a cat").digest()
        assert isinstance(verdict(replace(request, content=None, content_sha256=digest)), Verified)


def test_presigned_requests_with_a_stated_hash() -> None:
    names = b"content-type;host;x-amz-acl"
    in_query = sloppy.presign(PLAIN, names=names, payload=BODY_HASH, X_Amz_Content_Sha256=BODY_HASH)
    assert _duty(in_query) == AlreadyChecked()
    in_header = sloppy.presign(and_header(PLAIN, HASH, BODY_HASH), names=names + b";" + HASH, payload=BODY_HASH)
    assert _duty(in_header) == AlreadyChecked()
    for request in (in_query, in_header):
        found = verdict(replace(request, content=b"a dog"))
        assert isinstance(found, Rejected)
        assert found.reason is Reason.PAYLOAD_MISMATCH
    both = edit_target(in_header, b"?", b"?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&")
    found = verdict(both)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.AMBIGUOUS


@pytest.mark.parametrize("word", [word for word in WORDS if word.startswith(b"STREAMING")])
def test_presigned_requests_do_not_stream(word: bytes) -> None:
    found = verdict(sloppy.presign(CHUNKED, names=b"content-type;host", payload=word, X_Amz_Content_Sha256=word))
    assert isinstance(found, Rejected)
    assert found.reason is MALFORMED
