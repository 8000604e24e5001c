"""Bodies whose hash the head does not tell: set aside, hashed, asked about, replayed, and never too many of them."""

import asyncio
import hashlib
from typing import Any

import grpc
import pytest

from counterseal.v1 import verification_pb2 as pb
from counterseal_client import AsyncVerifier, Connection
from counterseal_client.asgi import Bodies, SignedRequests
from counterseal_client.asgi.types import App, Message, Receive, Scope, Send
from tests.clients.python.exchange import body_scope, exchange, http_scope
from tests.clients.python.stub import StubService, rejected, verified

DUTY = pb.PayloadDuty
CHECKED = DUTY(already_checked=DUTY.AlreadyChecked())
PIECES = [b"one ", b"two ", b"three"]
BODY = b"".join(PIECES)


def asks_for_body(duty: pb.PayloadDuty = CHECKED) -> object:
    """The service as it is for a body hash that the head does not tell."""

    def behave(request: pb.VerifyRequest, _context: object) -> pb.VerifyResponse:
        if request.http_request.WhichOneof("body") is None:
            return rejected(pb.REJECTION_REASON_BODY_REQUIRED)
        right = request.http_request.content_sha256 == hashlib.sha256(BODY).digest()
        return verified(payload_duty=duty) if right else rejected(pb.REJECTION_REASON_MISMATCH)

    return behave


@pytest.mark.parametrize("pieces", [[BODY], PIECES, [b"one ", b"", b"two three"]])
def test_a_body_is_set_aside_when_the_service_needs_its_hash(stub: StubService, pieces: list[bytes]) -> None:
    stub.behave = asks_for_body()  # type: ignore[assignment]
    seen = exchange(stub.address, body_scope(len(BODY)), pieces)
    assert seen.status == 200
    assert b"".join(piece for piece, _ in seen.pieces) == BODY
    assert [message.http_request.WhichOneof("body") for message in stub.requests] == [None, "content_sha256"]
    assert len({message.request_id for message in stub.requests}) == 2


def test_a_large_body_goes_through_a_file(stub: StubService) -> None:
    body = bytes(range(256)) * 20_000
    stub.behave = lambda request, _context: (
        rejected(pb.REJECTION_REASON_BODY_REQUIRED)
        if request.http_request.WhichOneof("body") is None
        else verified(payload_duty=CHECKED)
    )
    seen = exchange(stub.address, body_scope(len(body)), [body[:3_000_000], body[3_000_000:]])
    assert stub.requests[1].http_request.content_sha256 == hashlib.sha256(body).digest()
    assert b"".join(piece for piece, _ in seen.pieces) == body
    assert max(len(piece) for piece, _ in seen.pieces) <= 1 << 16


def test_a_wrong_body_set_aside(stub: StubService) -> None:
    stub.behave = asks_for_body()  # type: ignore[assignment]
    seen = exchange(stub.address, body_scope(3), [b"bad"])
    assert (seen.status, seen.scopes) == (403, [])


def test_a_body_too_large_to_set_aside(stub: StubService) -> None:
    stub.behave = asks_for_body()  # type: ignore[assignment]
    assert exchange(stub.address, body_scope(len(BODY)), PIECES, bodies=Bodies(max_set_aside=len(BODY))).status == 200
    seen = exchange(stub.address, body_scope(len(BODY)), PIECES, bodies=Bodies(max_set_aside=len(BODY) - 1))
    assert (seen.status, seen.scopes) == (413, [])


def test_a_client_that_leaves_while_its_body_is_set_aside(stub: StubService) -> None:
    stub.behave = asks_for_body()  # type: ignore[assignment]
    seen = exchange(stub.address, body_scope(len(BODY)), PIECES, gone=True)
    assert (seen.sent, seen.scopes, len(stub.requests)) == ([], [], 1)


def test_a_service_that_asks_and_asks_is_refused(stub: StubService) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_BODY_REQUIRED, "InvalidRequest", 400)
    assert exchange(stub.address, body_scope(len(BODY)), PIECES).status == 400
    asked = [message.http_request.WhichOneof("body") for message in stub.requests]
    assert asked == [None, "content_sha256", "content"]
    assert exchange(stub.address, http_scope()).status == 400
    assert len(stub.requests) == 4


def test_a_body_that_the_service_has_to_see_itself(stub: StubService) -> None:
    """A webhook's: its hash is not enough, so it is sent, if it fits; and the application has it all the same."""

    def behave(request: pb.VerifyRequest, _context: object) -> pb.VerifyResponse:
        if request.http_request.WhichOneof("body") != "content":
            return rejected(pb.REJECTION_REASON_BODY_REQUIRED)
        right = request.http_request.content == BODY
        return verified(payload_duty=CHECKED) if right else rejected(pb.REJECTION_REASON_MISMATCH)

    stub.behave = behave
    seen = exchange(stub.address, body_scope(len(BODY)), PIECES, bodies=Bodies(max_sent=len(BODY)))
    assert (seen.status, b"".join(piece for piece, _ in seen.pieces)) == (200, BODY)
    assert len({message.request_id for message in stub.requests}) == 3
    seen = exchange(stub.address, body_scope(len(BODY)), PIECES, bodies=Bodies(max_sent=len(BODY) - 1))
    assert (seen.status, seen.scopes) == (413, [])


class Gateway:
    """One middleware with room for one body, and requests that a test sends through it one by one."""

    def __init__(self, address: str, app: App) -> None:
        self._address = address
        self._app = app

    async def __aenter__(self) -> "Gateway":
        self._verifier = AsyncVerifier(Connection(address=self._address, timeout=60))
        bodies = Bodies(max_set_aside=len(BODY), max_set_aside_total=len(BODY))
        self._gateway = SignedRequests(self._app, self._verifier, bodies=bodies)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._verifier.close()

    async def put(self, receive: Receive) -> Message | None:
        """Send one request and return the start of its answer, None when there is none."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await self._gateway(body_scope(len(BODY)), receive, send)
        return sent[0] if sent else None


def sending(pieces: list[bytes], end: bool = True) -> Receive:
    """A client that sends these pieces, and then (`end`) no more, or leaves."""
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages += [{"type": "http.request", "body": b"", "more_body": False}] if end else []

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return receive


async def answering_app(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def failing_app(scope: Scope, receive: Receive, send: Send) -> None:
    raise KeyError("mine")


def test_without_room_a_client_is_asked_to_come_back(stub: StubService) -> None:
    """Strangers who never finish their bodies fill the room; it is free again when they are gone."""
    stub.behave = asks_for_body()  # type: ignore[assignment]
    first, leave = asyncio.Event(), asyncio.Event()
    slow = [{"type": "http.request", "body": b"o", "more_body": True}]

    async def receive_slowly() -> Message:
        if slow:
            return slow.pop()
        first.set()
        await leave.wait()
        return {"type": "http.disconnect"}

    async def run() -> None:
        async with Gateway(stub.address, answering_app) as gateway:
            stranger = asyncio.create_task(gateway.put(receive_slowly))
            await first.wait()
            answer = await gateway.put(sending(PIECES))
            assert answer is not None
            assert (answer["status"], dict(answer["headers"])[b"retry-after"]) == (503, b"1")
            leave.set()
            assert await stranger is None
            answer = await gateway.put(sending(PIECES))
            assert answer is not None
            assert answer["status"] == 200

    asyncio.run(run())


@pytest.mark.parametrize("how", ["gone", "too large", "refused", "outage", "failed", "cancelled", "passed"])
def test_room_is_given_back_on_every_path(stub: StubService, how: str) -> None:
    async def break_off(gateway: Gateway) -> None:
        reached = asyncio.Event()
        messages: list[Message] = [{"type": "http.request", "body": BODY, "more_body": True}]

        async def receive() -> Message:
            if messages:
                return messages.pop()
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        task = asyncio.create_task(gateway.put(receive))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def run() -> None:
        async with Gateway(stub.address, failing_app if how == "failed" else answering_app) as gateway:
            for _ in range(3):
                if how == "cancelled":
                    await break_off(gateway)
                elif how == "failed":
                    with pytest.raises(KeyError):
                        await gateway.put(sending(PIECES))
                else:
                    bodies = {"too large": [BODY, b"!"], "refused": [b"x" * len(BODY)]}
                    await gateway.put(sending(bodies.get(how, PIECES), end=how != "gone"))
            assert gateway._gateway._strangers_room.left == len(BODY)

    right = asks_for_body()

    def behave(request: pb.VerifyRequest, context: Any) -> Any:
        if how == "outage" and request.http_request.WhichOneof("body") is not None:
            return grpc.StatusCode.INTERNAL
        return right(request, context)  # type: ignore[operator]

    stub.behave = behave
    asyncio.run(run())


def test_a_total_below_one_body_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="a total must be at least"):
        Bodies(max_set_aside=2, max_set_aside_total=1)
    with pytest.raises(ValueError, match="a total must be at least"):
        Bodies(max_held=2, max_held_total=1)
