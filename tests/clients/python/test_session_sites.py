"""Other sites: what they make a browser send reaches nobody, and what they set before a sign-in is of no use to them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from counterseal.v1 import sessions_pb2 as pb
from counterseal_client.asgi import SessionEndpoints
from counterseal_client.asgi.session_messages import Reply
from tests.clients.python.session_asking import BASE, OURS, PIN, SIGN_IN, ask
from tests.clients.python.session_stub import OTHER_ID, SESSION_ID, SessionStub, refresh_token, running_session_stub, signed_in

ENDPOINTS = ["sign-in", "refresh", "sign-out", "credentials"]


@pytest.fixture
def stub() -> Iterator[SessionStub]:
    with running_session_stub() as service:
        yield service


FORGED = {
    "form": [("content-type", "application/x-www-form-urlencoded"), ("x-counterseal-csrf", "1")],
    "multipart": [("content-type", "multipart/form-data; boundary=x"), ("x-counterseal-csrf", "1")],
    "text": [("content-type", "text/plain"), ("x-counterseal-csrf", "1")],
    "text that says json": [("content-type", "text/plain; application/json"), ("x-counterseal-csrf", "1")],
    "json and text": [("content-type", "application/json, text/plain"), ("x-counterseal-csrf", "1")],
    "json twice": [("content-type", "application/json"), *OURS],
    "another json": [("content-type", "application/json-patch+json"), ("x-counterseal-csrf", "1")],
    "no type": [("x-counterseal-csrf", "1")],
    "no header": [("content-type", "application/json")],
    "another header": [("content-type", "application/json"), ("x-counterseal-csrf", "0")],
    "header twice": [*OURS, ("x-counterseal-csrf", "1")],
    "another site": [*OURS, ("origin", "https://evil.example")],
    "another port": [*OURS, ("origin", "http://127.0.0.1:9999")],
    "another scheme": [*OURS, ("origin", "https://127.0.0.1:8090")],
    "a longer name": [*OURS, ("origin", BASE + ".evil.example")],
    "a shorter name": [*OURS, ("origin", "http://127.0.0.1")],
    "null": [*OURS, ("origin", "null")],
    "an empty origin": [*OURS, ("origin", "")],
    "two origins": [*OURS, ("origin", BASE), ("origin", "https://evil.example")],
    "cross-site": [*OURS, ("sec-fetch-site", "cross-site")],
    "same-site": [*OURS, ("sec-fetch-site", "same-site")],
    "none": [*OURS, ("sec-fetch-site", "none")],
    "cross-site with our origin": [*OURS, ("origin", BASE), ("sec-fetch-site", "cross-site")],
    "two sites": [*OURS, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("forged", FORGED)
def test_another_site_reaches_nobody(stub: SessionStub, endpoint: str, forged: str) -> None:
    page = ask(stub, endpoint, SIGN_IN, headers=FORGED[forged], ours=False, cookies=[refresh_token()])
    assert (page.state, page.json) == (403, {"error": "forbidden"})
    assert not stub.asked
    assert not page.fields("set-cookie")
    assert not [name for name, _ in page.headers if name.startswith(b"access-control-")]


@pytest.mark.parametrize(
    "headers",
    [
        [], [("origin", BASE)], [("origin", BASE), ("sec-fetch-site", "same-origin")], [("sec-fetch-site", "same-origin")],
        [("content-type", 'application/json; charset="utf-8"')], [("content-type", "Application/JSON;charset=UTF-8")],
    ],
)  # fmt: skip
def test_the_page_itself_gets_through(stub: SessionStub, headers: list[tuple[str, str]]) -> None:
    """So that the refusals above are for what they say."""
    assert ask(stub, "sign-in", SIGN_IN, headers=headers).state == 200


@pytest.mark.parametrize("fields", [[("origin", "https://evil.example")], [("sec-fetch-site", "cross-site")]])
def test_credentials_are_not_read_by_other_sites_either(stub: SessionStub, fields: list[tuple[str, str]]) -> None:
    assert ask(stub, "credentials", b"", method="GET", headers=fields, ours=False).state == 403
    assert not stub.asked


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, "anything"])
def test_a_preflight_is_refused_here(stub: SessionStub, endpoint: str) -> None:
    asks = [
        ("origin", "https://evil.example"), ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-counterseal-csrf"),
    ]  # fmt: skip
    for headers in (asks, [("origin", "null"), *asks[1:]], [("origin", BASE), *asks[1:]]):
        page = ask(stub, endpoint, b"", method="OPTIONS", headers=headers, ours=False)
        assert page.state == 403
        assert not [name for name, _ in page.headers if name.startswith(b"access-control-")]
    assert not stub.asked


def test_an_origin_of_the_same_site_can_be_allowed(stub: SessionStub) -> None:
    allowed: dict[str, Any] = {"base": "https://api.example", "allowed_origins": ["https://app.example"]}
    theirs = [("origin", "https://app.example"), ("sec-fetch-site", "same-site")]
    page = ask(stub, "sign-in", b"", method="OPTIONS", headers=theirs, ours=False, **allowed)
    assert (page.state, page.fields("access-control-allow-origin")) == (200, ["https://app.example"])
    assert page.fields("access-control-allow-headers") == ["content-type, x-counterseal-csrf, authorization"]
    page = ask(stub, "sign-in", SIGN_IN, headers=theirs, **allowed)
    assert (page.state, page.fields("access-control-allow-credentials"), page.fields("vary")) == (200, ["true"], ["origin"])
    for other in (
        [("origin", "https://app.example"), ("sec-fetch-site", "cross-site")],
        [("origin", "https://evil.example"), ("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "same-site")],
    ):
        refused = ask(stub, "sign-in", SIGN_IN, headers=other, **allowed)
        assert refused.state == 403
    assert len(stub.requests("SignIn")) == 1


@pytest.mark.parametrize("origin", ["null", "*", "", "app.example", "https://app.example/", "https://*.example", "HTTPS://A"])
def test_what_is_no_origin_cannot_be_allowed(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        SessionEndpoints(None, allowed_origins=[origin])  # type: ignore[arg-type]


def test_behind_a_proxy_the_origin_is_said(stub: SessionStub) -> None:
    """The connection to the front is not the browser's: its scheme and `Host` are the proxy's to choose."""
    theirs = [("origin", "https://app.example")]
    assert ask(stub, "sign-in", SIGN_IN, headers=theirs).state == 403
    page = ask(stub, "sign-in", SIGN_IN, headers=theirs, origin="https://app.example")
    assert page.state == 200
    assert "; Secure" in page.fields("set-cookie")[0]
    assert ask(stub, "sign-in", SIGN_IN, headers=[("origin", BASE)], origin="https://app.example").state == 403


def test_a_session_set_before_the_sign_in_is_not_continued(stub: SessionStub) -> None:
    """Session fixation: the attacker's own cookie, session id and token come along, and the new session has none of them."""
    body = {**SIGN_IN, "sessionId": OTHER_ID, "refreshToken": refresh_token(OTHER_ID)}
    page = ask(stub, "sign-in", body, cookies=[refresh_token(OTHER_ID)])
    assert (page.state, page.json["sessionId"]) == (200, SESSION_ID)
    (request,) = stub.requests("SignIn")
    assert OTHER_ID not in str(request)
    assert not stub.requests("Refresh")
    (cookie,) = page.fields("set-cookie")
    assert cookie.startswith(f"counterseal-refresh={refresh_token(fill='n')}{PIN};")


def test_a_failed_sign_in_leaves_the_session_as_it_was(stub: SessionStub) -> None:
    stub.answers["SignIn"] = pb.SignInResponse()
    page = ask(stub, "sign-in", SIGN_IN, cookies=[refresh_token()])
    assert (page.state, page.fields("set-cookie")) == (401, [])
    assert not stub.requests("SignOut")


def test_two_cookies_of_one_name_are_nobodys(stub: SessionStub) -> None:
    """Cookie tossing: a sibling domain sets one of ours. The order says nothing about who set which."""
    for cookies in ([refresh_token(), refresh_token(OTHER_ID)], [refresh_token(OTHER_ID), refresh_token()]):
        page = ask(stub, "refresh", {}, cookies=cookies)
        assert (page.state, page.json) == (401, {"error": "refused"})
        # Deleting ours would leave the other, and the next refresh would go on in their session.
        assert not page.fields("set-cookie")
    assert not stub.asked


def test_a_tossed_cookie_alone_is_not_the_pages_session(stub: SessionStub) -> None:
    stub.answers["Refresh"] = pb.RefreshResponse(signed_in=signed_in(OTHER_ID))
    page = ask(stub, "refresh", {"sessionId": SESSION_ID}, cookies=[refresh_token(OTHER_ID)])
    assert (page.state, page.json) == (401, {"error": "refused"})
    assert not stub.asked
    assert ask(stub, "refresh", {"sessionId": OTHER_ID}, cookies=[refresh_token(OTHER_ID)]).state == 200


def test_a_cookie_set_without_tls_is_not_read_with_tls(stub: SessionStub) -> None:
    """Browsers keep `__Secure-` for what came over TLS (RFC 6265bis); the name without it is another cookie."""
    planted = [("cookie", f"counterseal-refresh={refresh_token(OTHER_ID)}")]
    assert ask(stub, "refresh", {}, base="https://app.example", headers=planted).state == 401
    assert not stub.asked


def test_signing_out_ends_whatever_the_cookies_are_of(stub: SessionStub) -> None:
    ask(stub, "sign-out", {}, cookies=[refresh_token(OTHER_ID), refresh_token()])
    assert {request.refresh_token for request in stub.requests("SignOut")} == {refresh_token(), refresh_token(OTHER_ID)}


def test_no_cookie_makes_another_cookie(stub: SessionStub) -> None:
    """A refresh token with a separator in it would set attributes of its own choice."""
    stub.answers["SignIn"] = pb.SignInResponse(signed_in=signed_in(refresh_token="csrt_x; Domain=example; HttpOnly"))
    with pytest.raises(ValueError, match="cookie"):
        ask(stub, "sign-in", SIGN_IN)


def test_secrets_are_in_no_repr(stub: SessionStub) -> None:
    assert "cstk" not in repr(Reply(state=200, content=json.loads('{"accessToken": "cstk_"}')))
