"""What the service says beside the code of a failed call, and what the client makes of it: closed, and no needless tries."""

import xml.etree.ElementTree as ET

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from counterseal.core.model import Reason
from counterseal.server import errors
from counterseal.server.rpc.errors import DeadlinePassed, Failure, MessageTooLarge, failure_of
from counterseal.server.rpc.public_errors import plain_error
from counterseal.v1 import verification_pb2 as pb
from counterseal_client import Connection, Rejected, Verified, VerifierError, VerifierUnavailable
from counterseal_client._reasons import reason_in
from tests.clients.python.asking import Ask
from tests.clients.python.exchange import exchange, http_scope
from tests.clients.python.stub import StubService, rejected, verified

BUSY = failure_of(errors.CallerLimitReached("more than 5 calls a second"))
GUARD = failure_of(errors.ReplayGuardUnavailable("the replay guard did not answer"))
STORE = failure_of(errors.StoreUnavailable("the key store did not answer"))


def test_a_caller_at_its_limit_does_not_try_again(stub: StubService, ask: Ask) -> None:
    stub.answer_in_turn(BUSY, verified())
    with pytest.raises(VerifierUnavailable) as caught:
        ask(Connection(address=stub.address, timeout=60))
    assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "CALLER_LIMIT")
    assert len(stub.requests) == 1


def test_while_the_replay_guard_is_away_the_same_id_is_tried_again(stub: StubService, ask: Ask) -> None:
    """Another id would make the retry a replay of the first attempt, whose mark may have been left."""
    stub.answer_in_turn(GUARD, GUARD, verified())
    assert isinstance(ask(Connection(address=stub.address, timeout=60)), Verified)
    assert len(stub.requests) == 3
    assert len({message.request_id for message in stub.requests}) == 1


def test_a_replay_guard_that_stays_away_lets_nothing_pass(stub: StubService, ask: Ask) -> None:
    stub.answer_in_turn(GUARD)
    with pytest.raises(VerifierUnavailable) as caught:
        ask(Connection(address=stub.address, timeout=60, attempts=2))
    assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "REPLAY_GUARD_UNAVAILABLE")
    assert len(stub.requests) == 2


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidField("demand.max_skew", "too long"),
        errors.CallerUnknown("x"),
        errors.CallerNotPermitted("x"),
        MessageTooLarge("x"),
        DeadlinePassed("x"),
        RuntimeError("a defect"),
    ],
)
def test_every_reason_is_told(stub: StubService, ask: Ask, error: Exception) -> None:
    failure = failure_of(error)
    stub.answer_in_turn(failure)
    with pytest.raises(VerifierError) as caught:
        ask(Connection(address=stub.address, timeout=60))
    assert (caught.value.code, caught.value.reason) == (failure.code.name, failure.reason)
    assert failure.reason


def test_a_code_alone_has_no_reason(stub: StubService, ask: Ask) -> None:
    stub.answer_in_turn(grpc.StatusCode.RESOURCE_EXHAUSTED)
    with pytest.raises(VerifierUnavailable) as caught:
        ask(Connection(address=stub.address, timeout=60))
    assert caught.value.reason == ""


@pytest.mark.parametrize(
    ("failure", "code"), [(BUSY, "SlowDown"), (GUARD, "ServiceUnavailable"), (STORE, "ServiceUnavailable")]
)
def test_a_gateway_without_verdict_asks_for_patience(stub: StubService, failure: Failure, code: str) -> None:
    stub.behave = lambda _request, _context: failure
    seen = exchange(stub.address, http_scope())
    assert (seen.status, seen.headers[b"retry-after"], seen.scopes) == (503, b"1", [])
    assert ET.fromstring(seen.body).findtext("Code") == code
    assert failure.message.encode() not in seen.body  # what the service says is for the gateway alone


def test_a_source_that_is_locked_out_is_refused_and_told_so(stub: StubService, ask: Ask) -> None:
    public = plain_error(Reason.THROTTLED, key_asked=True)
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_THROTTLED, public.code, public.http_status)
    verdict = ask(Connection(address=stub.address, timeout=60))
    assert isinstance(verdict, Rejected)
    assert (verdict.reason, verdict.http_status, verdict.code) == ("THROTTLED", 429, "SlowDown")
    assert len(stub.requests) == 1
    seen = exchange(stub.address, http_scope())
    assert (seen.status, ET.fromstring(seen.body).findtext("Code"), seen.scopes) == (429, "SlowDown", [])
    assert b"retry-after" not in seen.headers


def _rich(*details: tuple[str, bytes], code: int = 8) -> bytes:
    packed = [any_pb2.Any(type_url=url, value=value) for url, value in details]
    whole: bytes = status_pb2.Status(code=code, details=packed).SerializeToString()
    return whole


URL = "type.googleapis.com/google.rpc.ErrorInfo"
OURS = error_details_pb2.ErrorInfo(reason="CALLER_LIMIT", domain="counterseal").SerializeToString()
OTHERS = error_details_pb2.ErrorInfo(reason="CALLER_LIMIT", domain="a-proxy").SerializeToString()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (_rich((URL, OURS)), "CALLER_LIMIT"),
        (_rich((URL, OTHERS), ("type.googleapis.com/google.rpc.RetryInfo", b"\x0a"), (URL, OURS)), "CALLER_LIMIT"),
        (_rich((URL, OURS), code=14), ""),
        (_rich((URL, OTHERS)), ""),
        (_rich((URL, b"\xff")), ""),
        (_rich(("x/google.rpc.Help", OURS)), ""),
        (b"\xff\xff", ""),
        (b"", ""),
        ("CALLER_LIMIT", ""),
        (_rich((URL, OURS)) + b"\x12\x81\x80\x01" + b"x" * 16_385, ""),
    ],
)
def test_only_what_the_service_said_is_a_reason(value: str | bytes, reason: str) -> None:
    assert reason_in([("other", "x"), ("grpc-status-details-bin", value)], 8) == reason


def test_two_reasons_are_none() -> None:
    twice = [("grpc-status-details-bin", _rich((URL, OURS)))] * 2
    assert reason_in(twice, 8) == ""
    assert reason_in(None, 8) == ""
