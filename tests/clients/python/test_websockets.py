"""Websockets: verified by their handshake, and by nothing else."""

from typing import Any

import pytest

from counterseal.v1 import verification_pb2 as pb
from tests.clients.python.exchange import exchange, http_scope
from tests.clients.python.stub import StubService, rejected, verified

DUTY = pb.PayloadDuty


def test_websockets_are_verified_as_their_handshake(stub: StubService) -> None:
    scope = http_scope(type="websocket", scheme="wss", headers=[(b"x-counterseal-principal", b"root")])
    del scope["method"]
    seen = exchange(stub.address, scope)
    assert (stub.requests[0].http_request.method, stub.requests[0].http_request.scheme) == ("GET", "https")
    assert stub.requests[0].http_request.WhichOneof("body") == "content"
    assert dict(seen.app_headers())[b"x-counterseal-principal"] == b"alice"


def test_frames_of_websockets_are_unsigned_whatever_the_handshake_is(stub: StubService) -> None:
    stub.behave = lambda _request, _context: verified(payload_duty=DUTY(already_checked=DUTY.AlreadyChecked()))
    scope = http_scope(type="websocket", scheme="wss")
    assert dict(exchange(stub.address, scope).app_headers())[b"x-counterseal-payload"] == b"unsigned"
    seen = exchange(stub.address, scope, allow_unsigned_payload=False)
    assert (seen.scopes, seen.sent[0]["type"]) == ([], "websocket.close")


@pytest.mark.parametrize("extensions", [None, {"websocket.http.response": {}}])
def test_refused_websockets(stub: StubService, extensions: dict[str, Any] | None) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_MISMATCH)
    scope = http_scope(type="websocket", scheme="ws", extensions=extensions)
    del scope["method"]
    seen = exchange(stub.address, scope)
    assert not seen.scopes
    assert seen.sent[0]["type"] == ("websocket.http.response.start" if extensions else "websocket.close")
