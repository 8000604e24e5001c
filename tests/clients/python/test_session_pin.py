"""A refresh gives no more than the sign-in did: no other key is registered, and no bearer token is made that nobody wanted."""

import json
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import pytest

from counterseal_client.asgi.session_pin import Pin, thumbprint
from tests.clients.python.session_asking import JWK, PIN, SIGN_IN, THUMBPRINT, Page, ask
from tests.clients.python.session_stub import OTHER_ID, SESSION_ID, SessionStub, refresh_token, running_session_stub

# RFC 8037 appendix A.3, and the proof-of-possession key of RFC 9449 section 6.1: the thumbprints are those documents' own.
ED25519 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
P256 = {
    "kty": "EC", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    "crv": "P-256",
}  # fmt: skip
THUMBPRINTS = [(ED25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), (P256, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")]
NOT_AS_BEGUN = (409, {"error": "not as begun"})
REFUSED = (401, {"error": "refused"})
KEY_ALONE = f".{THUMBPRINT}.none"
TOKEN_ALONE = ".none.bearer"
NEITHER = ".none.none"


@pytest.fixture
def stub() -> Iterator[SessionStub]:
    with running_session_stub() as service:
        yield service


def refresh(stub: SessionStub, body: dict[str, Any], pin: str = PIN) -> Page:
    return ask(stub, "refresh", body, cookies=[refresh_token()], pin=pin)


def pin_of(page: Page) -> str:
    """Return what the cookie that was set holds behind the refresh token."""
    (line,) = page.fields("set-cookie")
    ((_, morsel),) = SimpleCookie(line).items()
    return morsel.value.removeprefix(refresh_token(fill="n"))


@pytest.mark.parametrize(
    ("asked", "pin"),
    [
        ({}, PIN), ({"accessToken": False}, KEY_ALONE), ({"publicKey": None}, TOKEN_ALONE),
        ({"publicKey": None, "accessToken": False}, NEITHER),
    ],
)  # fmt: skip
def test_what_a_session_was_begun_with_stays(stub: SessionStub, asked: dict[str, Any], pin: str) -> None:
    """Through a refresh that asks for the same, and through one that asks for nothing."""
    body = {**SIGN_IN, **asked}
    assert pin_of(ask(stub, "sign-in", body)) == pin
    for again in ({name: body[name] for name in ("publicKey", "accessToken")}, {}):
        page = refresh(stub, again, pin)
        assert (page.state, pin_of(page)) == (200, pin)
    first, second = stub.requests("Refresh")
    assert (first.access_token, first.HasField("public_key")) == (body["accessToken"], body["publicKey"] is not None)
    assert (second.access_token, second.HasField("public_key")) == (False, False)


@pytest.mark.parametrize(
    ("asked", "pin"),
    [
        ({"publicKey": P256}, PIN), ({"publicKey": ED25519}, PIN), ({"publicKey": {**JWK, "y": "eg"}}, KEY_ALONE),
        ({"publicKey": JWK}, TOKEN_ALONE), ({"publicKey": JWK}, NEITHER),
        ({"accessToken": True}, KEY_ALONE), ({"accessToken": True}, NEITHER),
        ({"publicKey": JWK, "accessToken": True}, KEY_ALONE), ({"publicKey": JWK, "accessToken": True}, TOKEN_ALONE),
        ({"publicKey": JWK}, f".{THUMBPRINT[:-1]}A.bearer"),
    ],
)  # fmt: skip
def test_nothing_more_is_given_and_the_session_goes_on(stub: SessionStub, asked: dict[str, Any], pin: str) -> None:
    """The service is not even asked, so the refresh token is as good as before; and the cookie stays."""
    page = refresh(stub, asked, pin)
    assert (page.state, page.json) == NOT_AS_BEGUN
    assert not stub.asked
    assert not page.fields("set-cookie")
    assert refresh(stub, {}, pin).state == 200


def test_another_session_is_none_whatever_it_is_asked_for(stub: SessionStub) -> None:
    """409 means that the page's own session goes on: not to be said of a cookie that is not of that session."""
    body = {"sessionId": OTHER_ID, "publicKey": P256, "accessToken": True}
    page = refresh(stub, body)
    assert (page.state, page.json) == REFUSED
    assert refresh(stub, {**body, "sessionId": SESSION_ID}).state == 409


@pytest.mark.parametrize(
    "pin",
    [
        "", ".", "..", f".{THUMBPRINT}", f".{THUMBPRINT}.", ".bearer", "..bearer", f".{THUMBPRINT}.Bearer",
        f".{THUMBPRINT}.true",
        f".{THUMBPRINT[:-1]}.bearer", f".{THUMBPRINT}A.bearer", f".{THUMBPRINT}=.bearer", f"{THUMBPRINT}.bearer",
        f"{PIN}.bearer", f"{PIN} x", ".*.bearer", ".None.bearer", f".{THUMBPRINT}.bearer{PIN}", f".{THUMBPRINT[:-1]}ä.bearer",
    ],
)  # fmt: skip
def test_a_cookie_without_a_whole_pin_is_none(stub: SessionStub, pin: str) -> None:
    """Truncated, made up, or of a front that wrote none: how the session began is not known, so it is not prolonged."""
    for body in ({}, {"publicKey": JWK}, {"accessToken": True}):
        page = refresh(stub, body, pin)
        assert (page.state, page.json) == REFUSED
    assert not stub.asked


def test_a_sign_in_pins_anew(stub: SessionStub) -> None:
    """Another key is another session. The one before is ended, as ever."""
    page = ask(stub, "sign-in", {**SIGN_IN, "publicKey": P256}, cookies=[refresh_token(OTHER_ID)], pin=NEITHER)
    assert pin_of(page) == f".{THUMBPRINTS[1][1]}.bearer"
    assert [request.refresh_token for request in stub.requests("SignOut")] == [refresh_token(OTHER_ID)]


@pytest.mark.parametrize(("jwk", "expected"), THUMBPRINTS)
def test_thumbprints_are_those_of_the_standards(jwk: dict[str, str], expected: str) -> None:
    assert thumbprint(jwk) == expected


@pytest.mark.parametrize(("jwk", "expected"), THUMBPRINTS)
def test_order_and_other_members_make_no_other_key(stub: SessionStub, jwk: dict[str, str], expected: str) -> None:
    turned = {"use": "sig", "kid": "mine", **dict(reversed(jwk.items())), "ext": True, "key_ops": ["verify"]}
    assert thumbprint(turned) == expected
    assert refresh(stub, {"publicKey": turned}, f".{expected}.none").state == 200
    assert json.loads(stub.requests("Refresh")[0].public_key.jwk) == jwk


@pytest.mark.parametrize(("jwk", "expected"), THUMBPRINTS)
def test_every_required_member_makes_another_key(jwk: dict[str, str], expected: str) -> None:
    for name in jwk.keys() - {"kty"}:
        assert thumbprint({**jwk, name: jwk[name][:-1] + "_"}) != expected


@pytest.mark.parametrize(
    "jwk",
    [
        {}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {**P256, "kty": "ec"}, {**P256, "kty": None}, {**P256, "y": None},
        {name: P256[name] for name in ("kty", "crv", "x")}, {**ED25519, "crv": ""}, {**ED25519, "x": "a b"},
        {**ED25519, "x": 7}, {**ED25519, "x": 'a","y":"b'}, {**ED25519, "x": "x" * 257}, {**ED25519, "x": "eA\n"},
        {**ED25519, "x": "\u0435A"},
        {"kty": {"EC": 1}, "crv": "P-256", "x": "eA", "y": "eQ"},
    ],
)  # fmt: skip
def test_what_has_no_thumbprint_is_registered_for_nobody(stub: SessionStub, jwk: dict[str, Any]) -> None:
    """Not the members of another kind, nothing missing, and nothing that JSON writes in two ways."""
    for endpoint, body in (("sign-in", {**SIGN_IN, "publicKey": jwk}), ("refresh", {"publicKey": jwk})):
        page = ask(stub, endpoint, body, cookies=[refresh_token()])
        assert (page.state, page.json) == (400, {"error": "malformed"})
    assert not stub.asked


@pytest.mark.parametrize("pin", [PIN, KEY_ALONE, TOKEN_ALONE, NEITHER])
def test_a_pin_is_read_as_it_was_written(pin: str) -> None:
    read = Pin.read(pin[1:])
    assert read is not None
    assert f".{read}" == pin
