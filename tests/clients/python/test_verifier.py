"""The client against a real gRPC server: what it sends, and what it makes of an answer."""

import datetime
import re
from datetime import UTC, timedelta

import pytest

from counterseal.v1 import verification_pb2 as pb
from counterseal_client import Connection, Demand, HttpRequest, Rejected, RequestNotAccepted, Unsigned, Verified
from tests.clients.python.asking import REQUEST, Ask
from tests.clients.python.stub import StubService, rejected, verified


def test_the_request_arrives_byte_for_byte(stub: StubService, ask: Ask) -> None:
    ask(Connection(address=stub.address, timeout=60), REQUEST, Demand(services=("s3",), required_headers=("x-a",)))
    (message,) = stub.requests
    sent = message.http_request
    assert (sent.method, sent.target, sent.scheme, sent.source_address) == ("GET", REQUEST.target, "http", "192.0.2.7")
    assert tuple((header.name.encode(), header.value) for header in sent.headers) == REQUEST.headers
    assert sent.WhichOneof("body") == "content"
    assert (list(message.demand.services), list(message.demand.required_headers)) == (["s3"], ["x-a"])
    assert re.fullmatch(r"[0-9a-f]{32}", message.request_id)


def test_neither_body_nor_hash_leaves_the_body_unset(stub: StubService, ask: Ask) -> None:
    ask(Connection(address=stub.address, timeout=60), HttpRequest(method="PUT", target=b"/", headers=()))
    ask(
        Connection(address=stub.address, timeout=60),
        HttpRequest(method="PUT", target=b"/", headers=(), content_sha256=b"h" * 32),
    )
    assert [message.http_request.WhichOneof("body") for message in stub.requests] == [None, "content_sha256"]


def test_a_verified_answer(stub: StubService, ask: Ask) -> None:
    stub.behave = lambda _request, _context: verified(labels={"team": "blue"})
    verdict = ask(Connection(address=stub.address, timeout=60))
    assert isinstance(verdict, Verified)
    assert (verdict.key_id, verdict.principal, verdict.labels) == ("AKIDEXAMPLE", "alice", {"team": "blue"})
    assert verdict.signed_time == datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert verdict.scope is not None
    assert verdict.scope.region == "eu-central-1"
    assert (verdict.payload_duty, verdict.verified_path) == (Unsigned(), b"/b/k")


def test_a_rejected_answer(stub: StubService, ask: Ask) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_TOO_OLD, "RequestTimeTooSkewed")
    verdict = ask(Connection(address=stub.address, timeout=60))
    assert isinstance(verdict, Rejected)
    assert (verdict.reason, verdict.code, verdict.http_status) == ("TOO_OLD", "RequestTimeTooSkewed", 403)
    assert verdict.allowed_skew == timedelta(seconds=900)


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest(method="GET", target=b"/", headers=(), content=b"", content_sha256=b"x" * 32),
        HttpRequest(method="\ud800", target=b"/", headers=()),
    ],
)
def test_a_request_that_fits_no_message(stub: StubService, ask: Ask, request_: HttpRequest) -> None:
    with pytest.raises(RequestNotAccepted):
        ask(Connection(address=stub.address, timeout=60), request_)
    assert not stub.requests
