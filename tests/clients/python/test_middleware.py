"""The middleware's decisions: who passes, what the application is told, what a refused client is told."""

import json
import xml.etree.ElementTree as ET
from typing import Any

import grpc
import pytest

from counterseal.v1 import verification_pb2 as pb
from counterseal_client import AsyncVerifier, Demand, Verified
from counterseal_client.asgi import ErrorForm, SignedRequests
from counterseal_client.asgi.head import HeadNotAvailable
from counterseal_client.asgi.types import Message, Receive, Scope, Send
from tests.clients.python.exchange import Seen, exchange, http_scope
from tests.clients.python.stub import Answer, StubService, held_address, rejected, verified

DUTY = pb.PayloadDuty


def test_the_request_is_asked_about_as_it_arrived(stub: StubService) -> None:
    headers = [(b"x-b", b"2"), (b"x-a", b"\xff"), (b"x-b", b"1")]
    scope = http_scope("DELETE", b"//b/%2e%2F%7e+k", b"a=%41&b", headers, scheme="https")
    exchange(stub.address, scope, demand=Demand(services=("s3",)))
    (message,) = stub.requests
    request = message.http_request
    assert (request.method, request.target, request.scheme) == ("DELETE", b"//b/%2e%2F%7e+k?a=%41&b", "https")
    assert [(header.name, header.value) for header in request.headers] == [
        ("host", b"h"),
        ("x-b", b"2"),
        ("x-a", b"\xff"),
        ("x-b", b"1"),
    ]
    assert (request.source_address, list(message.demand.services)) == ("192.0.2.7", ["s3"])
    assert request.WhichOneof("body") == "content"
    assert request.content == b""


def test_the_authority_of_http2_is_the_host(stub: StubService) -> None:
    scope = http_scope(http_version="2")
    scope["headers"] = [(b":authority", b"example.test")]
    seen = exchange(stub.address, scope)
    assert [(header.name, header.value) for header in stub.requests[0].http_request.headers] == [("host", b"example.test")]
    assert stub.requests[0].http_request.WhichOneof("body") is None  # HTTP/2 need not announce a body
    assert not [name for name, _ in seen.app_headers() if name.startswith(b":")]


def test_a_server_without_raw_path_serves_nothing(stub: StubService) -> None:
    seen = Seen()
    with pytest.raises(HeadNotAvailable):
        exchange(stub.address, http_scope(raw_path=None), seen=seen)
    assert not seen.scopes


@pytest.mark.parametrize("client", [None, ("/run/gateway.sock", 0), ("", 0)])
def test_a_client_without_address(stub: StubService, client: Any) -> None:
    exchange(stub.address, http_scope(client=client))
    assert stub.requests[0].http_request.source_address == ""


def test_the_zone_of_a_link_local_client_stays_here(stub: StubService) -> None:
    """The service takes addresses only, and the zone means nothing on another machine."""
    exchange(stub.address, http_scope(client=("fe80::1%eth0", 1234, 0, 2)))
    assert stub.requests[0].http_request.source_address == "fe80::1"


def test_the_application_learns_who_signed(stub: StubService) -> None:
    stub.behave = lambda _request, _context: verified(
        principal="Ålice\r\nx-evil: 1", payload_duty=DUTY(already_checked=DUTY.AlreadyChecked())
    )
    seen = exchange(stub.address, http_scope())
    headers = dict(seen.app_headers())
    assert headers[b"x-counterseal-key-id"] == b"AKIDEXAMPLE"
    assert headers[b"x-counterseal-principal"] == b"%C3%85lice%0D%0Ax-evil:%201"
    assert headers[b"x-counterseal-tenant"] == b"default"
    assert headers[b"x-counterseal-scheme"] == b"aws-sigv4"
    assert (headers[b"x-counterseal-region"], headers[b"x-counterseal-service"]) == (b"eu-central-1", b"s3")
    assert headers[b"x-counterseal-payload"] == b"checked"
    assert isinstance(seen.scopes[0]["counterseal"], Verified)


def test_the_application_gets_the_path_that_was_verified(stub: StubService) -> None:
    """SeaweedFS CVE-2026-54917: two paths on the wire can share one signature."""
    stub.behave = lambda _request, _context: verified(verified_path=b"/b/k%20x")
    scope = exchange(stub.address, http_scope(path=b"/a/..//b/k%20x", query=b"q=1")).scopes[0]
    assert (scope["raw_path"], scope["path"], scope["query_string"]) == (b"/b/k%20x", "/b/k x", b"q=1")


@pytest.mark.parametrize(
    "name",
    [
        b"x-counterseal-principal", b"X-Counterseal-Principal", b"x_counterseal_principal", b"X-COUNTERSEAL_TENANT",
        b"x.counterseal.key.id", b"x-counterseal-anything",
    ],
)  # fmt: skip
def test_identity_fields_of_the_client_never_arrive(stub: StubService, name: bytes) -> None:
    seen = exchange(stub.address, http_scope(headers=[(name, b"root"), (b"x-other", b"kept")]))
    assert (b"x-other", b"kept") in seen.app_headers()
    assert b"root" not in [value for _, value in seen.app_headers()]
    assert len([1 for key, _ in seen.app_headers() if key == b"x-counterseal-principal"]) == 1


def test_another_prefix(stub: StubService) -> None:
    headers = [(b"X_Signer_Principal", b"root"), (b"x-counterseal-principal", b"mine")]
    seen = exchange(stub.address, http_scope(headers=headers), identity_prefix="X-Signer-")
    assert (b"x-signer-principal", b"alice") in seen.app_headers()
    assert (b"x-counterseal-principal", b"mine") in seen.app_headers()
    assert b"root" not in [value for _, value in seen.app_headers()]


def test_an_empty_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="identity_prefix"):
        SignedRequests(lambda *_: None, AsyncVerifier("localhost:1"), identity_prefix="-")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        b"X-HTTP-Method-Override", b"x_http_method_override", b"x-original-method", b"x-original-url", b"x-forwarded-host",
        b"forwarded", b"Forwarded", b"x-original-host", b"x-forwarded-server", b"x-forwarded-proto", b"x-forwarded-port",
        b"x-forwarded-scheme",
    ],
)  # fmt: skip
def test_overrides_arrive_only_when_signed(stub: StubService, name: bytes) -> None:
    assert name not in dict(exchange(stub.address, http_scope(headers=[(name, b"DELETE")])).app_headers())
    signed = pb.Coverage(headers=["host", name.decode().lower()], method=True, path=True, query=True)
    stub.behave = lambda _request, _context: _with_coverage(signed)
    assert name in dict(exchange(stub.address, http_scope(headers=[(name, b"DELETE")])).app_headers())


@pytest.mark.parametrize("parts", [("method",), ("path",), ("query",), ("method", "path", "query"), ()])
def test_what_may_be_left_open_is_for_the_application_to_say(stub: StubService, parts: tuple[str, ...]) -> None:
    coverage = pb.Coverage(headers=["host"], method=True, path=True, query=True)
    for part in parts:
        coverage.ClearField(part)
    stub.behave = lambda _request, _context: _with_coverage(coverage)
    seen = exchange(stub.address, http_scope(path=b"/b/../k"), allow_uncovered=parts)
    assert seen.status == 200
    covers = "+".join(part for part in ("method", "path", "query") if part not in parts)
    assert dict(seen.app_headers())[b"x-counterseal-covers"].decode() == covers
    # The covered path, or where none is, the one that arrived.
    assert seen.scopes[0]["raw_path"] == (b"/b/../k" if "path" in parts else b"/b/k")
    for one in parts:
        fewer = [part for part in parts if part != one]
        assert exchange(stub.address, http_scope(), allow_uncovered=fewer).status == 403


def test_only_parts_that_there_are_may_be_left_open(stub: StubService) -> None:
    with pytest.raises(ValueError, match="method, path, query"):
        exchange(stub.address, http_scope(), allow_uncovered=("body",))


def _with_coverage(coverage: pb.Coverage) -> pb.VerifyResponse:
    answer = verified(coverage=None)
    answer.verified.coverage.CopyFrom(coverage)
    return answer


@pytest.mark.parametrize("missing", ["method", "path", "query"])
def test_what_the_signature_leaves_open_does_not_pass(stub: StubService, missing: str) -> None:
    coverage = pb.Coverage(headers=["host"], method=True, path=True, query=True)
    coverage.ClearField(missing)
    stub.behave = lambda _request, _context: _with_coverage(coverage)
    seen = exchange(stub.address, http_scope())
    assert (seen.status, seen.scopes) == (403, [])


@pytest.mark.parametrize("path", [None, b"http://evil/", b"b/k"])
def test_no_verified_path_no_access(stub: StubService, path: bytes | None) -> None:
    stub.behave = lambda _request, _context: verified(verified_path=path)
    assert exchange(stub.address, http_scope()).status == 403


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (grpc.StatusCode.UNAVAILABLE, 503), (grpc.StatusCode.INTERNAL, 503), (grpc.StatusCode.DEADLINE_EXCEEDED, 503),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 503), (grpc.StatusCode.PERMISSION_DENIED, 503),
        (grpc.StatusCode.UNAUTHENTICATED, 503), (grpc.StatusCode.INVALID_ARGUMENT, 500),
        (pb.VerifyResponse(), 403), (rejected(9999), 403), (verified(payload_duty=None), 403),
    ],
)  # fmt: skip
def test_no_verdict_no_access(stub: StubService, answer: Answer, status: int) -> None:
    stub.behave = lambda _request, _context: answer
    seen = exchange(stub.address, http_scope())
    assert (seen.status, seen.scopes) == (status, [])
    assert b"the stub says so" not in seen.body


def test_no_service_no_access() -> None:
    with held_address() as address:
        seen = exchange(address, http_scope())
    assert (seen.status, seen.scopes) == (503, [])
    assert seen.headers[b"retry-after"] == b"1"


def test_a_refusal_in_xml_tells_what_is_public_and_no_more(stub: StubService) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_KEY_DISABLED, "InvalidAccessKeyId")
    seen = exchange(stub.address, http_scope())
    error = ET.fromstring(seen.body)
    assert (seen.status, seen.headers[b"content-type"]) == (403, b"application/xml")
    assert {child.tag: child.text for child in error} == {
        "Code": "InvalidAccessKeyId", "Message": "No <entry> & so.", "RequestId": stub.requests[0].request_id,
    }  # fmt: skip
    assert seen.headers[b"x-amz-request-id"].decode() == stub.requests[0].request_id
    assert int(seen.headers[b"content-length"]) == len(seen.body)


def test_a_skewed_clock_is_told_the_time(stub: StubService) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_TOO_NEW, "RequestTimeTooSkewed")
    error = ET.fromstring(exchange(stub.address, http_scope()).body)
    assert error.findtext("ServerTime") == "2023-11-14T22:13:20Z"
    assert error.findtext("MaxAllowedSkewMilliseconds") == "900000"


def test_json_for_clients_that_speak_it(stub: StubService) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_MISMATCH)
    scope = http_scope(headers=[(b"content-type", b"application/x-amz-json-1.0")])
    seen = exchange(stub.address, scope)
    assert json.loads(seen.body)["__type"] == "SignatureDoesNotMatch"
    assert seen.headers[b"x-amzn-errortype"] == b"SignatureDoesNotMatch"
    assert exchange(stub.address, scope, errors=ErrorForm.XML).body.startswith(b"<?xml")
    assert exchange(stub.address, http_scope(), errors=ErrorForm.JSON).body.startswith(b"{")


def test_head_is_answered_without_a_body(stub: StubService) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_MISMATCH)
    seen = exchange(stub.address, http_scope("HEAD"))
    assert (seen.status, seen.body) == (403, b"")


def test_lifespan_passes_and_unknown_scopes_do_not(stub: StubService) -> None:
    seen = Seen()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.scopes.append(scope)

    exchange(stub.address, {"type": "lifespan"}, app=app)
    with pytest.raises(RuntimeError):
        exchange(stub.address, {"type": "smoke-signal"}, app=app)
    assert [scope["type"] for scope in seen.scopes] == ["lifespan"]
    assert not stub.requests


def test_an_error_of_the_application_is_its_own(stub: StubService) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        exchange(stub.address, http_scope(), app=app)


def test_messages_are_passed_on_untouched(stub: StubService) -> None:
    answer: list[Message] = [
        {"type": "http.response.start", "status": 204, "headers": [(b"x", b"y")]},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in answer:
            await send(message)

    assert exchange(stub.address, http_scope(), app=app).sent == answer
