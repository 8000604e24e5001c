"""What pages are told, which cookie is set, and what other sites cannot do."""

import json
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import grpc
import pytest

from counterseal.v1 import sessions_pb2 as pb
from counterseal_client.asgi import SessionEndpoints
from tests.clients.python.session_asking import JWK, OURS, PIN, SIGN_IN, Page, ask
from tests.clients.python.session_stub import (
    NOW,
    OTHER_ID,
    PASSWORD,
    SESSION_ID,
    TOKEN,
    SessionStub,
    refresh_token,
    refused,
    running_session_stub,
    signed_in,
)


@pytest.fixture
def stub() -> Iterator[SessionStub]:
    with running_session_stub() as service:
        yield service


def cookie_of(page: Page) -> Any:
    (field,) = page.fields("set-cookie")
    ((_, morsel),) = SimpleCookie(field).items()
    return morsel


def test_a_sign_in_tells_the_page_what_it_needs(stub: SessionStub) -> None:
    page = ask(stub, "sign-in", {**SIGN_IN, "tenant": "t"})
    assert page.state == 200
    assert page.json == {
        "sessionId": SESSION_ID, "principal": "alice", "sessionExpires": (NOW + 43_200) * 1000, "serverTime": NOW * 1000,
        "keyId": "CSPK" + "K" * 20, "keyExpires": (NOW + 3600) * 1000,
        "accessToken": TOKEN, "accessTokenExpires": (NOW + 900) * 1000,
    }  # fmt: skip
    (request,) = stub.requests("SignIn")
    assert (request.principal, request.password, request.tenant) == ("alice", PASSWORD, "t")
    assert json.loads(request.public_key.jwk) == JWK
    assert (request.client.source_address, request.client.user_agent) == ("192.0.2.7", "Mozilla")
    assert page.fields("cache-control") == ["no-store"]


@pytest.mark.parametrize(
    ("base", "name", "secure"),
    [
        ("http://127.0.0.1:8090", "counterseal-refresh", False),
        ("http://localhost:8090", "counterseal-refresh", False),
        ("http://[::1]:8090", "counterseal-refresh", False),
        ("https://127.0.0.1", "__Secure-counterseal-refresh", True),
        ("https://app.example", "__Secure-counterseal-refresh", True),
        # Without TLS a browser drops this one, and nobody stays signed in: better than a token in the clear.
        ("http://app.example", "__Secure-counterseal-refresh", True),
        ("http://127.0.0.1.evil.example", "__Secure-counterseal-refresh", True),
    ],
)
def test_the_cookie_is_for_these_endpoints_and_no_script(stub: SessionStub, base: str, name: str, secure: bool) -> None:
    page = ask(stub, "sign-in", SIGN_IN, base=base)
    cookie = cookie_of(page)
    assert (cookie.key, cookie.value, bool(cookie["secure"])) == (name, refresh_token(fill="n") + PIN, secure)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Strict", "/session", "")
    assert cookie["max-age"] == "3600"
    assert refresh_token(fill="n") not in json.dumps(page.json)


def test_a_refresh_goes_by_the_cookie(stub: SessionStub) -> None:
    page = ask(stub, "refresh", {"publicKey": JWK, "accessToken": True, "requestId": "r-1"}, cookies=[refresh_token()])
    assert (page.state, page.json["sessionId"]) == (200, SESSION_ID)
    (request,) = stub.requests("Refresh")
    assert (request.refresh_token, request.request_id, request.access_token) == (refresh_token(), "r-1", True)
    assert cookie_of(page).value == refresh_token(fill="n") + PIN


@pytest.mark.parametrize("cookies", [[], [""], ["csrt_short"], [refresh_token() + ".x"], ["x" * 5000]])
def test_without_a_cookie_of_ours_nobody_is_asked(stub: SessionStub, cookies: list[str]) -> None:
    page = ask(stub, "refresh", {}, cookies=cookies)
    assert (page.state, page.json) == (401, {"error": "refused"})
    assert not stub.asked


@pytest.mark.parametrize("reason", range(9))
def test_a_refusal_does_not_say_why(stub: SessionStub, reason: int) -> None:
    stub.answers["SignIn"] = pb.SignInResponse(refused=refused(reason))
    page = ask(stub, "sign-in", SIGN_IN)
    expected = {2: (429, {"error": "throttled", "retryAfter": 60}), 7: (409, {"error": "too many keys"})}
    assert (page.state, page.json) == expected.get(reason, (401, {"error": "refused"}))
    assert "for the log" not in page.body.decode()
    # A refused sign-in never sets a cookie; what it may do is remove one.
    assert all("Max-Age=0" in field for field in page.fields("set-cookie"))


def test_who_is_throttled_is_told_for_how_long(stub: SessionStub) -> None:
    message = refused(pb.SESSION_REASON_THROTTLED)
    message.retry_after.FromMilliseconds(29_001)
    stub.answers["SignIn"] = pb.SignInResponse(refused=message)
    page = ask(stub, "sign-in", SIGN_IN)
    assert (page.state, page.json["retryAfter"], page.fields("retry-after")) == (429, 30, ["30"])


@pytest.mark.parametrize(("reason", "gone"), [(4, True), (5, True), (6, True), (7, False), (0, False)])
def test_the_cookie_of_a_session_that_is_over_goes(stub: SessionStub, reason: int, gone: bool) -> None:
    stub.answers["Refresh"] = pb.RefreshResponse(refused=refused(reason))
    page = ask(stub, "refresh", {}, cookies=[refresh_token()])
    assert bool(page.fields("set-cookie")) is gone
    if gone:
        assert (cookie_of(page).value, cookie_of(page)["max-age"], cookie_of(page)["path"]) == ("", "0", "/session")


@pytest.mark.parametrize(
    "answer", [pb.SignInResponse(), pb.SignInResponse(signed_in=signed_in(refresh_token=None)), signed_in(with_key=False)]
)
def test_what_is_not_understood_signs_nobody_in(stub: SessionStub, answer: Any) -> None:
    stub.answers["SignIn"] = pb.SignInResponse(signed_in=answer) if isinstance(answer, pb.SignedIn) else answer
    page = ask(stub, "sign-in", SIGN_IN)
    assert (page.state, page.json, page.fields("set-cookie")) == (401, {"error": "refused"}, [])


@pytest.mark.parametrize("endpoint", ["sign-in", "refresh", "sign-out"])
def test_an_outage_is_no_refusal_and_leaves_the_cookie(stub: SessionStub, endpoint: str) -> None:
    for method in ("SignIn", "Refresh", "SignOut"):
        stub.answers[method] = grpc.StatusCode.UNAVAILABLE
    page = ask(stub, endpoint, SIGN_IN, cookies=[refresh_token()])
    assert (page.state, page.json, page.fields("set-cookie")) == (503, {"error": "unavailable"}, [])
    assert "the stub says so" not in page.body.decode()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{", b"\xff{}", b'{"principal":"a","principal":"b","password":"c"}', b"[" * 60_000,
        b'{"principal":"alice"}', b'{"principal":"alice","password":7}', b'{"principal":"","password":"x"}',
        b'{"principal":"alice","password":"x","accessToken":1}', b'{"principal":"alice","password":"\\ud800"}',
        b'{"principal":"alice","password":"x","publicKey":"pem"}',
        b'{"principal":"alice","password":"x","publicKey":{"kty":["EC"]}}',
        b'{"principal":"alice","password":"x","tenant":null}',
        json.dumps({**SIGN_IN, "publicKey": {**JWK, "d": "private"}}).encode(),
        json.dumps({**SIGN_IN, "publicKey": {"kty": "oct", "k": "secret"}}).encode(),
        json.dumps({**SIGN_IN, "filling": "x" * 70_000}).encode(),
    ],
)  # fmt: skip
def test_what_is_malformed_reaches_nobody(stub: SessionStub, body: bytes) -> None:
    page = ask(stub, "sign-in", body)
    assert (page.state, page.json) == (400, {"error": "malformed"})
    assert not stub.asked


def test_only_the_public_members_of_a_key_go_on(stub: SessionStub) -> None:
    ask(stub, "sign-in", {**SIGN_IN, "publicKey": {**JWK, "ext": True, "key_ops": ["verify"]}})
    assert json.loads(stub.requests("SignIn")[0].public_key.jwk) == JWK


def test_a_front_for_one_tenant(stub: SessionStub) -> None:
    assert ask(stub, "sign-in", {**SIGN_IN, "tenant": "theirs"}, tenant="ours").state == 401
    assert not stub.asked
    assert ask(stub, "sign-in", SIGN_IN, tenant="ours").state == 200
    assert stub.requests("SignIn")[0].tenant == "ours"


def test_a_sign_out_ends_the_session_and_the_cookie(stub: SessionStub) -> None:
    page = ask(stub, "sign-out", {}, cookies=[refresh_token()])
    assert (page.state, page.json) == (200, {"sessionId": SESSION_ID, "effectiveTime": (NOW + 1) * 1000})
    assert cookie_of(page)["max-age"] == "0"
    assert [request.refresh_token for request in stub.requests("SignOut")] == [refresh_token()]


def test_a_sign_out_with_the_bearer_token(stub: SessionStub) -> None:
    assert ask(stub, "sign-out", {}, headers=[("authorization", f"Bearer {TOKEN}")]).state == 200
    assert [request.access_token for request in stub.requests("SignOut")] == [TOKEN]
    assert ask(stub, "sign-out", {}).state == 401
    assert len(stub.requests("SignOut")) == 1


@pytest.mark.parametrize("value", [TOKEN, f"Bearer {TOKEN}"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_credentials_for_aws_sdks(stub: SessionStub, value: str, method: str) -> None:
    page = ask(stub, "credentials", {}, method=method, headers=[("authorization", value)], ours=method == "POST")
    assert page.json == {
        "AccessKeyId": "CSTC" + "D" * 20, "SecretAccessKey": "the secret of it", "Token": "the token of it",
        "Expiration": "2023-11-14T23:13:20Z",
    }  # fmt: skip
    assert [request.access_token for request in stub.requests("IssueTemporaryCredentials")] == [TOKEN]


@pytest.mark.parametrize("value", ["", "Basic YTpi", "Bearer", "Bearer nonsense", f"Bearer {TOKEN} x", refresh_token()])
def test_no_credentials_without_a_bearer_token(stub: SessionStub, value: str) -> None:
    """The cookie is no way to them: it comes along without the page's doing."""
    for method in ("GET", "POST"):
        page = ask(stub, "credentials", {}, method=method, headers=[("authorization", value)], cookies=[refresh_token()])
        assert (page.state, page.json) == (401, {"error": "refused"})
    twice = [("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}")]
    assert ask(stub, "credentials", {}, headers=twice).state == 401
    assert not stub.asked


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods(stub: SessionStub, method: str) -> None:
    page = ask(stub, "sign-in", SIGN_IN, method=method)
    assert (page.state, page.fields("allow")) == (405, ["POST"])
    assert ask(stub, "sign-in/", SIGN_IN).state == 404
    assert not stub.asked


def test_only_http_is_served(stub: SessionStub) -> None:
    with pytest.raises(RuntimeError):
        ask(stub, "sign-in", SIGN_IN, scope_type="websocket")


@pytest.mark.parametrize("path", ["", "/", "session", "/session/", "/a;b", "/a\r\nb", "/a b"])
def test_a_path_that_makes_no_cookie(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        SessionEndpoints(None, path=path)  # type: ignore[arg-type]


def test_another_session_of_the_same_browser_is_ended(stub: SessionStub) -> None:
    assert ask(stub, "sign-in", SIGN_IN, cookies=[refresh_token(OTHER_ID)], headers=OURS).state == 200
    assert [request.refresh_token for request in stub.requests("SignOut")] == [refresh_token(OTHER_ID)]
