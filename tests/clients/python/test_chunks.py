"""Streamed uploads through the middleware: decoded, verified by the service or with a leased key, and never unverified."""

import asyncio
import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from counterseal.core.body import ChunkChain, Link, advance, chain_of
from counterseal.core.model import Rejected as CoreRejected
from counterseal.core.payload import ChunkSigned
from counterseal.server.errors import CallerLimitReached
from counterseal.server.rpc.errors import failure_of
from counterseal.v1 import verification_pb2 as pb
from counterseal_client import (
    AsyncVerifier,
    ChunksVerified,
    Connection,
    Rejected,
    RequestNotAccepted,
    Verifier,
    VerifierError,
)
from counterseal_client.asgi import Bodies, BodyMismatch
from counterseal_client.asgi.types import Receive, Scope, Send
from tests.clients.python.exchange import Seen, body_scope, exchange, http_scope
from tests.clients.python.stub import StubService, rejected, verified
from tests.core.body.upload import (
    CRC32,
    KEY,
    PUBLIC,
    Signer,
    crc32,
    ecdsa_signer,
    signed_body,
    signed_duty,
    split,
    unsigned_body,
)

DUTY = pb.PayloadDuty
CHUNKS = [b"a" * 3000, b"b" * 5000, b"c" * 10]
CONTENT = b"".join(CHUNKS)
TRAILER = [(CRC32, crc32(CONTENT))]
AS_SENT = [
    (b"content-encoding", b"aws-chunked"),
    (b"x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    (b"x-amz-decoded-content-length", b"8010"),
    (b"x-amz-meta-a", b"kept"),
]


def to_proto(duty: ChunkSigned, **more: Any) -> pb.PayloadDuty:
    message = DUTY.ChunkSigned(
        algorithm=duty.algorithm,
        seed_signature=duty.seed_signature,
        timestamp=duty.timestamp,
        scope=duty.scope,
        signed_trailer=duty.signed_trailer,
        trailers=duty.trailers,
        **more,
    )
    if duty.decoded_length is not None:
        message.decoded_length = duty.decoded_length
    return DUTY(chunk_signed=message)


class ChainService:
    """Answers VerifyChunks as the service does, with tickets that are numbers."""

    def __init__(self, stub: StubService, duty: ChunkSigned, key: Any = KEY) -> None:
        self._tickets: dict[bytes, ChunkChain] = {b"0": chain_of(duty)}
        self._key = key
        stub.behave = lambda _request, _context: verified(payload_duty=to_proto(duty, continuation=b"0"))
        stub.behave_about_chunks = self.answer

    def answer(self, request: pb.VerifyChunksRequest) -> pb.VerifyChunksResponse:
        links = [Link(sha256=chunk.sha256, signature=chunk.signature) for chunk in request.chunks]
        trailer = (
            Link(sha256=request.trailer.sha256, signature=request.trailer.signature) if request.HasField("trailer") else None
        )
        chain = advance(self._tickets[request.continuation], self._key, links, trailer)
        if isinstance(chain, CoreRejected):
            reason = pb.RejectionReason.Value(f"REJECTION_REASON_{chain.reason.value}")
            return pb.VerifyChunksResponse(rejected=rejected(reason).rejected)
        ticket = str(len(self._tickets)).encode()
        self._tickets[ticket] = chain
        done = pb.ChunksVerified(continuation=b"" if chain.complete else ticket, complete=chain.complete)
        return pb.VerifyChunksResponse(verified=done)


def lease(stub: StubService, duty: ChunkSigned, key: bytes = KEY) -> None:
    stub.behave = lambda request, _context: verified(
        payload_duty=to_proto(duty, continuation=b"0", signing_key=key if request.lease_signing_key else b"")
    )


HOWS = ["asked", "leased"]


def send(stub: StubService, how: str, duty: ChunkSigned, pieces: list[bytes], **options: Any) -> Seen:
    if how == "asked":
        ChainService(stub, duty)
    else:
        lease(stub, duty)
        options["lease_signing_key"] = True
    scope = body_scope(sum(map(len, pieces)), headers=AS_SENT)
    seen = exchange(stub.address, scope, pieces, **options)
    assert how == "asked" or not stub.chunk_requests
    return seen


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("size", [10**9, 4000, 97])
def test_the_decoded_body_arrives(stub: StubService, how: str, size: int) -> None:
    wire = b"".join(signed_body(CHUNKS))
    seen = send(stub, how, signed_duty(len(CONTENT)), split(wire, range(0, len(wire), size)))
    assert seen.status == 200
    assert b"".join(piece for piece, _ in seen.pieces) == CONTENT
    assert [more for _, more in seen.pieces] == [True] * (len(seen.pieces) - 1) + [False]
    headers = dict(seen.app_headers())
    assert headers[b"content-length"] == b"8010"
    assert headers[b"x-amz-meta-a"] == b"kept"
    assert headers[b"x-counterseal-payload"] == b"checked"
    gone = {b"content-encoding", b"x-amz-content-sha256", b"x-amz-decoded-content-length", b"transfer-encoding"}
    assert gone.isdisjoint(headers)


@pytest.mark.parametrize("how", HOWS)
def test_with_a_signed_trailer(stub: StubService, how: str) -> None:
    frames = signed_body(CHUNKS, TRAILER)
    duty = signed_duty(len(CONTENT), [CRC32])
    assert send(stub, how, duty, frames).status == 200
    wrong = [*frames[:-3], frames[-3].replace(b"=", b"A", 1), *frames[-2:]]
    for changed in (frames[:-1], frames[:-2], frames[:-3], wrong, [*frames, b"x"]):
        seen = send(stub, how, duty, changed)
        assert seen.status in (400, 403)
        assert all(more for _, more in seen.pieces)
        assert len(b"".join(piece for piece, _ in seen.pieces)) < len(CONTENT)


@pytest.mark.parametrize("how", HOWS)
def test_any_changed_byte_is_refused_and_nothing_unverified_arrives(stub: StubService, how: str) -> None:
    wire = b"".join(signed_body(CHUNKS))
    for place in (0, 5, 25, 90, 100, 3084, 3086, 3100, 3300, 8300, len(wire) - 90, len(wire) - 20, len(wire) - 1):
        changed = wire[:place] + bytes([wire[place] ^ 1]) + wire[place + 1 :]
        seen = send(stub, how, signed_duty(len(CONTENT)), split(changed, range(0, len(wire), 1000)))
        assert seen.status in (400, 403), place
        handed = b"".join(piece for piece, _ in seen.pieces)
        assert CONTENT.startswith(handed)
        assert len(handed) < len(CONTENT)
        assert all(more for _, more in seen.pieces)


@pytest.mark.parametrize("how", HOWS)
def test_an_upload_that_is_cut_short(stub: StubService, how: str) -> None:
    """All bytes are there and right, and the last chunk is not: an upstream that counts them must not have them all."""
    frames = signed_body(CHUNKS)
    for pieces in (frames[:3], frames[:4], [*frames[:3], b"0"], [b""]):
        seen = send(stub, how, signed_duty(len(CONTENT)), pieces)
        assert seen.status == 400
        assert len(b"".join(piece for piece, _ in seen.pieces)) < len(CONTENT)
    seen = send(stub, how, signed_duty(len(CONTENT)), frames[:3], gone=True)
    assert seen.sent == []
    assert len(b"".join(piece for piece, _ in seen.pieces)) < len(CONTENT)


@pytest.mark.parametrize("how", HOWS)
def test_an_answer_under_way_is_broken_off(stub: StubService, how: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await receive()
        except BodyMismatch:
            await send({"type": "http.response.body", "body": b"all is well"})

    frames = signed_body(CHUNKS)
    seen = Seen()
    with pytest.raises(BodyMismatch):
        send(stub, how, signed_duty(len(CONTENT)), [*frames[:2], frames[0], *frames[2:]], app=app, seen=seen)
    assert [message["type"] for message in seen.sent] == ["http.response.start"]


@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize("how", HOWS)
def test_ecdsa(stub: StubService, how: str, pad: bool) -> None:
    signer = ecdsa_signer(pad)
    duty = signed_duty(len(CONTENT), signer=signer)
    wire = signed_body(CHUNKS, signer=signer)
    if how == "asked":
        ChainService(stub, duty, PUBLIC)
    else:
        lease(stub, duty, PUBLIC.spki)
    scope = body_scope(len(b"".join(wire)), headers=AS_SENT)
    assert exchange(stub.address, scope, wire, lease_signing_key=how == "leased").status == 200
    wrong = [wire[0].replace(b"a" * 10, b"b" * 10, 1), *wire[1:]]
    assert exchange(stub.address, scope, wrong, lease_signing_key=how == "leased").status == 403


def test_many_chunks_go_in_one_message(stub: StubService) -> None:
    chunks = [b"%04d" % number * 256 for number in range(3000)]
    wire = b"".join(signed_body(chunks))
    seen = send(stub, "asked", signed_duty(3000 * 1024), split(wire, range(0, len(wire), 60_000)))
    assert seen.status == 200
    assert b"".join(piece for piece, _ in seen.pieces) == b"".join(chunks)
    counts = [len(request.chunks) for request in stub.chunk_requests]
    assert sum(counts) == 3001
    assert len(counts) <= 4
    assert max(counts) <= 4096
    assert len({request.request_id for request in stub.chunk_requests}) == 1


def test_what_waits_for_an_answer_is_bounded(stub: StubService) -> None:
    """Chunks of 1 MiB: a message after every four of them, and their bytes handed on after its answer."""
    chunks = [bytes([number]) * (1 << 20) for number in range(10)]
    seen = send(stub, "asked", signed_duty(10 << 20), signed_body(chunks))
    assert seen.status == 200
    assert [len(request.chunks) for request in stub.chunk_requests] == [4, 4, 3]
    assert max(len(piece) for piece, _ in seen.pieces) <= 8 << 20


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (grpc.StatusCode.UNAVAILABLE, 503),
        (failure_of(CallerLimitReached("more than 5 calls a second")), 503),
        (grpc.StatusCode.PERMISSION_DENIED, 503),
        (grpc.StatusCode.INVALID_ARGUMENT, 500),
        (pb.VerifyChunksResponse(), 403),
        (pb.VerifyChunksResponse.FromString(b"\x7a\x00"), 403),
        (pb.VerifyChunksResponse(verified=pb.ChunksVerified()), 403),
        (pb.VerifyChunksResponse(verified=pb.ChunksVerified(continuation=b"more")), 400),
        (pb.VerifyChunksResponse(rejected=rejected(pb.REJECTION_REASON_KEY_REVOKED).rejected), 403),
    ],
)
def test_no_good_answer_no_byte(stub: StubService, answer: Any, status: int) -> None:
    stub.behave = lambda _request, _context: verified(payload_duty=to_proto(signed_duty(len(CONTENT)), continuation=b"0"))
    stub.behave_about_chunks = lambda _request: answer
    seen = exchange(stub.address, body_scope(9000, headers=AS_SENT), signed_body(CHUNKS))
    assert (seen.status, seen.pieces) == (status, [])


def test_a_leased_key_that_cannot_be_one(stub: StubService) -> None:
    lease(stub, signed_duty(len(CONTENT)), b"short")
    seen = exchange(stub.address, body_scope(9000, headers=AS_SENT), signed_body(CHUNKS), lease_signing_key=True)
    assert (seen.status, seen.scopes) == (503, [])


def test_a_length_that_is_not_announced(stub: StubService) -> None:
    wire = signed_body(CHUNKS)
    ChainService(stub, signed_duty(None))
    seen = exchange(stub.address, body_scope(9000, headers=[(b"content-encoding", b"gzip,aws-chunked")]), wire)
    assert seen.status == 200
    headers = seen.app_headers()
    assert (b"transfer-encoding", b"chunked") in headers
    assert (b"content-encoding", b"gzip") in headers
    assert b"content-length" not in dict(headers)


def test_chunks_larger_than_the_gateway_holds(stub: StubService) -> None:
    from counterseal.core.body import Limits

    for how in HOWS:
        bodies = Bodies(limits=Limits(max_chunk=4999))
        seen = send(stub, how, signed_duty(len(CONTENT)), signed_body(CHUNKS), bodies=bodies)
        assert seen.status == 400


def test_a_websockets_handshake_has_no_chunks(stub: StubService) -> None:
    ChainService(stub, signed_duty(None))
    scope = http_scope(type="websocket", extensions={"websocket.http.response": {}})
    seen = exchange(stub.address, scope)
    assert [message.get("status") for message in seen.sent] == [501, None]
    assert seen.scopes == []


# Chunks that nobody signed, with a checksum in the trailer: held until it is known to be right.


def unsigned(stub: StubService, pieces: list[bytes], trailers: tuple[str, ...] = (CRC32,), **options: Any) -> Seen:
    duty = DUTY(chunk_unsigned=DUTY.ChunkUnsigned(decoded_length=len(CONTENT), trailers=trailers))
    stub.behave = lambda _request, _context: verified(payload_duty=duty)
    headers = [
        (b"content-encoding", b"aws-chunked"),
        (b"x-amz-content-sha256", b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        (b"x-amz-trailer", CRC32.encode()),
        (b"x-amz-sdk-checksum-algorithm", b"CRC32"),
    ]
    return exchange(stub.address, body_scope(sum(map(len, pieces)), headers=headers), pieces, **options)


def test_unsigned_chunks_are_decoded_and_checked(stub: StubService) -> None:
    for pieces in (unsigned_body(CHUNKS, TRAILER), [b"".join(unsigned_body(CHUNKS, TRAILER))]):
        seen = unsigned(stub, pieces)
        assert (seen.status, b"".join(piece for piece, _ in seen.pieces)) == (200, CONTENT)
        headers = dict(seen.app_headers())
        assert headers[b"content-length"] == b"8010"
        assert headers[b"x-counterseal-payload"] == b"unsigned"
        assert headers[CRC32.encode()] == TRAILER[0][1].encode()
        assert headers[b"x-amz-sdk-checksum-algorithm"] == b"CRC32"
        assert {b"x-amz-trailer", b"x-amz-content-sha256", b"content-encoding"}.isdisjoint(headers)


def test_unsigned_chunks_with_a_wrong_checksum_never_arrive(stub: StubService) -> None:
    frames = unsigned_body(CHUNKS, TRAILER)
    wrong = unsigned_body([b"A" + CHUNKS[0][1:], *CHUNKS[1:]], TRAILER)
    for pieces, code in ((wrong, b"BadDigest"), (frames[:-1], b"InvalidRequest"), (frames[:3], b"InvalidRequest")):
        seen = unsigned(stub, pieces)
        assert (seen.status, seen.scopes) == (400, [])
        assert b"<Code>%s</Code>" % code in seen.body
    assert unsigned(stub, frames, gone=True).sent == []


def test_a_checksum_that_cannot_be_computed_is_refused_before_the_body(stub: StubService) -> None:
    seen = unsigned(stub, unsigned_body(CHUNKS, TRAILER), ("x-amz-checksum-xxhash64",))
    assert (seen.status, seen.scopes) == (501, [])


def test_unsigned_chunks_may_be_refused(stub: StubService) -> None:
    seen = unsigned(stub, unsigned_body(CHUNKS, TRAILER), allow_unsigned_payload=False)
    assert (seen.status, seen.scopes, seen.pieces) == (403, [], [])


def test_held_bodies_are_bounded(stub: StubService) -> None:
    frames = unsigned_body(CHUNKS, TRAILER)
    assert unsigned(stub, frames, bodies=Bodies(max_held=len(CONTENT))).status == 200
    assert unsigned(stub, frames, bodies=Bodies(max_held=len(CONTENT) - 1)).status == 413


def test_a_full_disk_is_no_rejection(stub: StubService, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    seen = unsigned(stub, unsigned_body(CHUNKS, TRAILER))
    assert (seen.status, seen.scopes) == (503, [])


def test_digests_of_a_body(stub: StubService) -> None:
    body = b"the whole body"
    for algorithm, value, status in (
        ("sha-512", hashlib.sha512(body).digest(), 200),
        ("sha-256", hashlib.sha256(body).digest(), 200),
        ("sha-256", hashlib.sha256(b"other").digest(), 400),
    ):
        digest = DUTY.Digest(algorithm=algorithm, value=value)
        duty = DUTY(body_digests=DUTY.BodyDigests(digests=[digest]))
        stub.behave = lambda _request, _context, duty=duty: verified(payload_duty=duty)  # type: ignore[misc]
        seen = exchange(stub.address, body_scope(len(body)), [body[:3], body[3:]])
        assert seen.status == status
        assert b"".join(piece for piece, _ in seen.pieces) == (body if status == 200 else b"")
        if status == 200:
            assert dict(seen.app_headers())[b"x-counterseal-payload"] == b"checked"


# The call itself, by either client.


def ask_about_chunks(how: str, address: str, *arguments: Any) -> ChunksVerified | Rejected:
    if how == "sync":
        with Verifier(Connection(address=address, timeout=60)) as verifier:
            return verifier.verify_chunks(*arguments)

    async def run() -> ChunksVerified | Rejected:
        async with AsyncVerifier(Connection(address=address, timeout=60)) as verifier:
            return await verifier.verify_chunks(*arguments)

    return asyncio.run(run())


@pytest.mark.parametrize("how", ["sync", "async"])
def test_the_call(stub: StubService, how: str) -> None:
    signer = Signer()
    ChainService(stub, signed_duty(None, [CRC32]))
    links = [Link(sha256=hashlib.sha256(c).digest(), signature=signer.chunk(c)) for c in (b"x", b"")]
    found = ask_about_chunks(how, stub.address, b"0", links)
    assert found == ChunksVerified(continuation=b"1", complete=False)
    trailer = Link(
        sha256=hashlib.sha256(f"{CRC32}:{crc32(b'x')}\n".encode()).digest(), signature=signer.trailer([(CRC32, crc32(b"x"))])
    )
    assert ask_about_chunks(how, stub.address, b"1", [], trailer) == ChunksVerified(continuation=b"", complete=True)
    refused = ask_about_chunks(how, stub.address, b"0", links[::-1])
    assert isinstance(refused, Rejected)
    assert refused.reason == "MISMATCH"


@pytest.mark.parametrize("how", ["sync", "async"])
def test_the_call_is_tried_again_and_fails_as_the_other_one_does(stub: StubService, how: str) -> None:
    link = Link(sha256=bytes(32), signature="0" * 64)
    answers: Iterator[Any] = itertools.chain([grpc.StatusCode.UNAVAILABLE], itertools.repeat(pb.VerifyChunksResponse()))
    stub.behave_about_chunks = lambda _request: next(answers)
    assert isinstance(ask_about_chunks(how, stub.address, b"0", [link]), Rejected)
    assert len(stub.chunk_requests) == 2
    assert stub.chunk_requests[0] == stub.chunk_requests[1]
    stub.behave_about_chunks = lambda _request: grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(VerifierError):
        ask_about_chunks(how, stub.address, b"0", [link])
    with pytest.raises(RequestNotAccepted):
        ask_about_chunks(how, stub.address, "0", [link])


def test_keys_and_tickets_stay_out_of_repr(stub: StubService) -> None:
    from counterseal_client import HttpRequest, Verified

    lease(stub, signed_duty(None), b"the key of the scope, 32 bytes..")
    with Verifier(Connection(address=stub.address, timeout=60)) as verifier:
        found = verifier.verify(HttpRequest(method="PUT", target=b"/", headers=()), lease_signing_key=True)
    assert isinstance(found, Verified)
    assert "the key" not in repr(found)
    assert "5555" not in repr(found)
