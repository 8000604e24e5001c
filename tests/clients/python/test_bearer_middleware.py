"""Bearer tokens at the gateway: only where it says so, covering nothing, and unseen by the application."""

from typing import Any

import pytest

from counterseal.core.schemes.bearer import write_token
from counterseal.v1 import verification_pb2 as pb
from counterseal_client import Demand, Verified
from tests.clients.python.exchange import Seen, body_scope, exchange, http_scope
from tests.clients.python.stub import StubService, verified

TOKEN = b"cstk_CSBT" + b"C" * 20 + b"_" + b"t" * 49
BOTH = Demand(allowed_schemes=("rfc9421", "bearer"))
ALL_OPEN = ("method", "path", "query")


def bearer(**changes: Any) -> pb.VerifyResponse:
    """What the service answers about a bearer token: verified, and nothing of the request is covered."""
    changes = {"key_id": "CSBT" + "C" * 20, "scheme": "bearer", "session_id": "S" * 24, **changes}
    return verified(**changes, coverage=None, scope=None, signed_time=None, verified_path=None)


def ask(stub: StubService, *, demand: Demand | None = BOTH, path: bytes = b"/b/k", **options: Any) -> Seen:
    stub.behave = lambda _request, _context: bearer()
    scope = http_scope(path=path, query=b"q=1", headers=options.pop("headers", [(b"authorization", b"Bearer " + TOKEN)]))
    return exchange(stub.address, scope, demand=demand, **options)


def test_a_gateway_that_names_bearer_lets_it_through(stub: StubService) -> None:
    seen = ask(stub, path=b"/a/../k%20x")
    (scope,) = seen.scopes
    assert seen.status == 200
    # Nothing is covered, so the application has the path and the query that arrived.
    assert (scope["raw_path"], scope["query_string"]) == (b"/a/../k%20x", b"q=1")
    headers = dict(seen.app_headers())
    assert headers[b"x-counterseal-scheme"] == b"bearer"
    assert headers[b"x-counterseal-session"] == b"S" * 24
    assert (headers[b"x-counterseal-payload"], headers[b"x-counterseal-covers"]) == (b"unsigned", b"")
    assert isinstance(scope["counterseal"], Verified)
    assert scope["counterseal"].session_id == "S" * 24


@pytest.mark.parametrize("demand", [None, Demand(), Demand(allowed_schemes=("rfc9421",)), Demand(allowed_schemes=("BEARER",))])
@pytest.mark.parametrize("open_parts", [(), ALL_OPEN])
def test_no_other_gateway_does(stub: StubService, demand: Demand | None, open_parts: tuple[str, ...]) -> None:
    """Also one that leaves everything open, for webhooks: whoever has a token could say anything in their name."""
    seen = ask(stub, demand=demand, allow_uncovered=open_parts)
    assert (seen.status, seen.scopes) == (403, [])
    assert TOKEN not in seen.body


def test_naming_bearer_opens_no_other_scheme(stub: StubService) -> None:
    stub.behave = lambda _request, _context: verified(scheme="rfc9421", coverage=None)
    seen = exchange(stub.address, http_scope(), demand=BOTH)
    assert (seen.status, seen.scopes) == (403, [])


@pytest.mark.parametrize("name", [b"authorization", b"Authorization", b"AUTHORIZATION", b"proxy-authorization"])
def test_the_application_never_sees_the_token(stub: StubService, name: bytes) -> None:
    fields = [(b"authorization", b"Bearer " + TOKEN), (name, b"Bearer " + TOKEN), (b"x-other", b"kept")]
    seen = ask(stub, headers=fields)
    assert (b"x-other", b"kept") in seen.app_headers()
    assert TOKEN not in b"".join(value for _, value in seen.app_headers())
    # The service has to see it, and does.
    assert any(header.value == b"Bearer " + TOKEN for header in stub.requests[0].http_request.headers)


def test_a_signature_goes_on_as_before(stub: StubService) -> None:
    seen = exchange(stub.address, http_scope(headers=[(b"authorization", b"AWS4-HMAC-SHA256 ...")]), demand=BOTH)
    assert dict(seen.app_headers())[b"authorization"] == b"AWS4-HMAC-SHA256 ..."
    assert dict(seen.app_headers())[b"x-counterseal-session"] == b""


@pytest.mark.parametrize("name", [b"x-counterseal-session", b"X_Counterseal_Session"])
def test_a_client_cannot_name_its_session(stub: StubService, name: bytes) -> None:
    fields = [(b"authorization", b"Bearer " + TOKEN), (name, b"E" * 24)]
    values = [value for key, value in ask(stub, headers=fields).app_headers() if key.lower().endswith(b"session")]
    assert values == [b"S" * 24]


def test_overrides_never_arrive_with_a_token(stub: StubService) -> None:
    fields = [(b"authorization", b"Bearer " + TOKEN), (b"x-http-method-override", b"DELETE")]
    assert b"x-http-method-override" not in dict(ask(stub, headers=fields).app_headers())


def test_the_body_is_unsigned(stub: StubService) -> None:
    stub.behave = lambda _request, _context: bearer()
    seen = exchange(stub.address, body_scope(4), [b"bo", b"dy"], demand=BOTH)
    assert seen.pieces == [(b"bo", True), (b"dy", False)]
    refused = exchange(stub.address, body_scope(4), [b"body"], demand=BOTH, allow_unsigned_payload=False)
    assert (refused.status, refused.scopes) == (403, [])


def test_the_demand_goes_to_the_service(stub: StubService) -> None:
    ask(stub)
    assert list(stub.requests[0].demand.allowed_schemes) == ["rfc9421", "bearer"]


REAL = write_token("CSBT" + "C" * 20, "r" * 43).encode()


@pytest.mark.parametrize("demand", [None, Demand(allowed_schemes=("rfc9421",)), BOTH])
@pytest.mark.parametrize("scheme", ["rfc9421", "aws-sigv4"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"authorization", b"Bearer " + REAL),
        (b"Authorization", b"bearer  " + REAL),
        (b"proxy-authorization", b"Bearer " + REAL),
        (b"x-api-key", REAL),
        (b"X-Forwarded-Access-Token", b"Bearer " + REAL),
        (b"cookie", b"theme=dark; token=" + REAL + b"; lang=en"),
        (b"sec-websocket-protocol", b"bearer, " + REAL),
    ],
)
def test_beside_a_signature_no_token_of_ours_arrives(
    stub: StubService, scheme: str, demand: Demand | None, name: bytes, value: bytes
) -> None:
    """Whoever demands signatures alone is told nothing of a token, and neither is the application."""
    stub.behave = lambda _request, _context: verified(scheme=scheme)
    fields = [(b"signature", b"sig=:AA==:"), (name, value), (b"x-other", b"kept")]
    seen = exchange(stub.address, http_scope(headers=fields), demand=demand)
    assert seen.status == 200
    assert (b"signature", b"sig=:AA==:") in seen.app_headers()
    assert (b"x-other", b"kept") in seen.app_headers()
    assert b"cstk_" not in b"".join(value for _, value in seen.app_headers())
    # The service has to see it: with both demanded, it is the one to refuse.
    assert any(header.value == value for header in stub.requests[0].http_request.headers)


@pytest.mark.parametrize("value", [b"Bearer eyJhbGciOiJub25lIn0.e30.", b"Bearer cstk_", b"Basic eDp5", b"csst_" + b"a" * 43])
def test_beside_a_signature_what_is_no_token_of_ours_arrives(stub: StubService, value: bytes) -> None:
    stub.behave = lambda _request, _context: verified(scheme="rfc9421")
    seen = exchange(stub.address, http_scope(headers=[(b"authorization", value)]), demand=BOTH)
    assert dict(seen.app_headers())[b"authorization"] == value


def test_beside_a_token_no_other_field_holds_one(stub: StubService) -> None:
    fields = [(b"authorization", b"Bearer " + REAL), (b"x-api-key", REAL)]
    assert b"x-api-key" not in dict(ask(stub, headers=fields).app_headers())
