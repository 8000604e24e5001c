"""Bodies: no application and no upstream ever takes one for complete that is not the one that was signed."""

import hashlib
from typing import Any

import pytest

from counterseal.v1 import verification_pb2 as pb
from counterseal_client.asgi import Bodies
from counterseal_client.asgi.body import BodyMismatch
from counterseal_client.asgi.types import Receive, Scope, Send
from tests.clients.python.exchange import Seen, body_scope, exchange, http_scope
from tests.clients.python.stub import StubService, rejected, verified

DUTY = pb.PayloadDuty
CHECKED = DUTY(already_checked=DUTY.AlreadyChecked())
PIECES = [b"one ", b"two ", b"three"]
BODY = b"".join(PIECES)


def must_hash_to(body: bytes) -> pb.VerifyResponse:
    return verified(payload_duty=DUTY(body_sha256=DUTY.BodySha256(sha256=hashlib.sha256(body).digest())))


@pytest.mark.parametrize(
    "pieces", [PIECES, [BODY], [*PIECES, b""], [b"", *PIECES], [b"one ", b"", b"", b"two three", b"", b""]]
)
@pytest.mark.parametrize("hold", [True, False])
def test_the_signed_body_arrives_whole(stub: StubService, pieces: list[bytes], hold: bool) -> None:
    stub.behave = lambda _request, _context: must_hash_to(BODY)
    seen = exchange(stub.address, body_scope(len(BODY)), pieces, bodies=Bodies(hold_hashed=hold))
    assert seen.status == 200
    assert b"".join(piece for piece, _ in seen.pieces) == BODY
    assert [more for _, more in seen.pieces] == [True] * (len(seen.pieces) - 1) + [False]
    assert stub.requests[0].http_request.WhichOneof("body") is None


@pytest.mark.parametrize(
    "pieces",
    [
        [b"one ", b"two ", b"threE"], [b"One ", b"two ", b"three"], [b"one two threE"], [*PIECES, b"!"], [b"one ", b"two "],
        [b""], [b"one ", b"two ", b"threE", b""], [b"threE", b""],
    ],
)  # fmt: skip
@pytest.mark.parametrize("hold", [True, False])
def test_another_body_is_never_complete(stub: StubService, pieces: list[bytes], hold: bool) -> None:
    stub.behave = lambda _request, _context: must_hash_to(BODY)
    seen = exchange(stub.address, body_scope(len(BODY)), pieces, bodies=Bodies(hold_hashed=hold))
    assert bool(seen.scopes) is not hold
    assert seen.status == 400
    assert b"<Code>XAmzContentSHA256Mismatch</Code>" in seen.body
    assert all(more for _, more in seen.pieces)
    # Neither may an upstream that counts bytes take it for complete: something was held back.
    assert sum(len(piece) for piece, _ in seen.pieces) < max(1, sum(map(len, pieces)))


def test_an_application_that_swallows_the_error_cannot_answer(stub: StubService) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(3):
            try:
                while (await receive())["more_body"]:
                    pass
            except BodyMismatch:
                continue
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"stored"})

    stub.behave = lambda _request, _context: must_hash_to(BODY)
    seen = exchange(stub.address, body_scope(3), [b"bad"], app=app, bodies=Bodies(hold_hashed=False))
    assert seen.status == 400
    assert b"stored" not in seen.body


def test_an_answer_under_way_is_broken_off(stub: StubService) -> None:
    seen = Seen()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await receive()
        except BodyMismatch:
            await send({"type": "http.response.body", "body": b"all is well"})

    stub.behave = lambda _request, _context: must_hash_to(BODY)
    with pytest.raises(BodyMismatch):
        exchange(stub.address, body_scope(3), [b"bad"], app=app, seen=seen, bodies=Bodies(hold_hashed=False))
    assert [message["type"] for message in seen.sent] == ["http.response.start"]


def test_a_body_where_none_was_signed(stub: StubService) -> None:
    """Neither content-length nor transfer-encoding: signed as an empty body, and held to it."""
    seen = exchange(stub.address, http_scope("PUT"), [b"smuggled"])
    assert (seen.status, seen.pieces) == (400, [])
    assert exchange(stub.address, http_scope("PUT"), [b""]).pieces == [(b"", False)]


@pytest.mark.parametrize("headers", [[(b"content-length", b"0")], []])
def test_no_body_is_an_empty_body(stub: StubService, headers: list[tuple[bytes, bytes]]) -> None:
    exchange(stub.address, http_scope("POST", headers=headers))
    assert stub.requests[0].http_request.WhichOneof("body") == "content"


def test_already_checked_is_not_believed_of_a_body_that_was_not_told(stub: StubService) -> None:
    stub.behave = lambda _request, _context: verified(payload_duty=CHECKED)
    seen = exchange(stub.address, body_scope(len(BODY)), PIECES)
    assert (seen.status, seen.scopes) == (403, [])


@pytest.mark.parametrize(
    ("duty", "option", "status"),
    [
        (DUTY(unsigned=DUTY.Unsigned()), "allow_unsigned_payload", 403),
    ],
)
def test_bodies_that_nobody_checks(stub: StubService, duty: pb.PayloadDuty, option: str, status: int) -> None:
    stub.behave = lambda _request, _context: verified(payload_duty=duty)
    options: dict[str, Any] = {option: False}
    assert exchange(stub.address, body_scope(len(BODY)), PIECES, **options).status == status
    options = {option: True}
    seen = exchange(stub.address, body_scope(len(BODY)), PIECES, **options)
    assert seen.status == 200
    assert dict(seen.app_headers())[b"x-counterseal-payload"] == b"unsigned"


def test_a_duty_of_another_kind_of_subject_is_refused(stub: StubService) -> None:
    stub.behave = lambda _request, _context: verified(payload_duty=DUTY(left_to_caller=DUTY.LeftToCaller()))
    assert exchange(stub.address, body_scope(len(BODY)), PIECES).status == 403


def test_signed_chunks_of_a_service_that_verifies_none_are_refused(stub: StubService) -> None:
    stub.behave = lambda _request, _context: verified(payload_duty=DUTY(chunk_signed=DUTY.ChunkSigned()))
    seen = exchange(stub.address, body_scope(len(BODY)), PIECES)
    assert (seen.status, seen.scopes) == (501, [])


def test_a_refused_body_is_drained_unless_the_client_waits(stub: StubService) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_MISMATCH)
    short = exchange(stub.address, body_scope(len(BODY)), PIECES)
    assert (short.asked_for_body, b"connection" in short.headers) == (3, False)
    waiting = exchange(stub.address, body_scope(len(BODY), headers=[(b"expect", b"100-continue")]), PIECES)
    assert (waiting.asked_for_body, waiting.headers[b"connection"]) == (0, b"close")
    long = exchange(stub.address, body_scope(10 << 20), [b"x" * (1 << 20)] * 10)
    assert (long.asked_for_body, long.headers[b"connection"]) == (1, b"close")
