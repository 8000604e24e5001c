"""Bodies that end too early: the client's leaving is never taken for the end of its body."""

import hashlib
from collections.abc import Callable

import pytest

from counterseal.v1 import verification_pb2 as pb
from counterseal_client.asgi import Bodies, ClientGone
from counterseal_client.asgi.types import App, Receive, Scope, Send
from tests.clients.python.exchange import body_scope, exchange, http_scope
from tests.clients.python.stub import StubService, rejected, verified

DUTY = pb.PayloadDuty
PIECES = [b"one ", b"two ", b"three"]
SIGNED = DUTY(body_sha256=DUTY.BodySha256(sha256=hashlib.sha256(b"".join(PIECES)).digest()))
DUTIES = {"signed": SIGNED, "unsigned": DUTY(unsigned=DUTY.Unsigned())}

every_duty = pytest.mark.parametrize("duty", DUTIES.values(), ids=DUTIES.keys())


Behave = Callable[[pb.VerifyRequest, object], pb.VerifyResponse]


def answering(duty: pb.PayloadDuty) -> Behave:
    return lambda _request, _context: verified(payload_duty=duty)


def storing_app(stored: list[bytes]) -> App:
    """The usual loop over a body, as in the documentation of ASGI servers: a disconnect reads as its end."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        stored.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


@every_duty
@pytest.mark.parametrize("pieces", [[], [b"evil"], [b"evil ", b"bytes"], PIECES[:2], PIECES])
def test_what_came_before_the_client_left_is_not_kept(stub: StubService, duty: pb.PayloadDuty, pieces: list[bytes]) -> None:
    stub.behave = answering(duty)
    stored: list[bytes] = []
    seen = exchange(stub.address, body_scope(13), pieces, app=storing_app(stored), gone=True)
    assert (stored, seen.sent) == ([], [])
    exchange(stub.address, body_scope(13), PIECES, app=storing_app(stored))
    assert stored == [b"".join(PIECES)]


def test_where_no_body_was_announced_leaving_is_no_empty_body(stub: StubService) -> None:
    """A request of HTTP/1 without a body has one message that says so; without it, the client left."""
    stored: list[bytes] = []
    exchange(stub.address, http_scope("PUT"), [], app=storing_app(stored), gone=True)
    assert stored == []


@every_duty
def test_an_application_that_asks_again_hears_it_again(stub: StubService, duty: pb.PayloadDuty) -> None:
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(4):
            try:
                await receive()
            except ClientGone:
                heard.append("gone")
        await send({"type": "http.response.start", "status": 200, "headers": []})

    stub.behave = answering(duty)
    seen = exchange(stub.address, body_scope(13), [b"evil"], app=app, gone=True, bodies=Bodies(hold_hashed=False))
    assert heard[-3:] == ["gone"] * 3
    assert seen.sent == []


@every_duty
def test_whatever_the_application_makes_of_it_ends_quietly(stub: StubService, duty: pb.PayloadDuty) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            for _ in range(10):
                await receive()
        except ClientGone:
            raise ExceptionGroup("as task groups do", [RuntimeError()]) from None

    stub.behave = answering(duty)
    for bodies in (Bodies(), Bodies(hold_hashed=False)):
        assert exchange(stub.address, body_scope(13), PIECES, app=app, gone=True, bodies=bodies).sent == []


def asks_for_the_hash(request: pb.VerifyRequest, _context: object) -> pb.VerifyResponse:
    if request.http_request.WhichOneof("body") is None:
        return rejected(pb.REJECTION_REASON_BODY_REQUIRED)
    return verified(payload_duty=DUTY(already_checked=DUTY.AlreadyChecked()))


BEHAVIOURS = {name: answering(duty) for name, duty in DUTIES.items()} | {"set aside": asks_for_the_hash}


@pytest.mark.parametrize("behave", BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
def test_after_the_end_of_the_body_the_application_hears_of_the_disconnect(stub: StubService, behave: Behave) -> None:
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(len(PIECES) + 1):
            message = await receive()
            heard.append("end" if message.get("more_body") is False else message["type"])
            if message["type"] == "http.disconnect":
                break

    stub.behave = behave
    exchange(stub.address, body_scope(13), PIECES, app=app, bodies=Bodies(hold_hashed=False))
    assert heard[-2:] == ["end", "http.disconnect"]
