"""One change in a delivery that verifies: its time, what the signature covers, and one delivery in several spellings."""

import hashlib
from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import (
    HttpRequest,
    Reason,
    Rejected,
    Verified,
)
from counterseal.core.payload import Unsigned
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.webhooks import GITHUB, STANDARD_WEBHOOKS, STRIPE, WebhookScheme
from counterseal.core.verify import examine
from tests.core.webhooks.exchange import (
    CREDENTIALS,
    DEMAND,
    KEY,
    KEY_ID,
    NAMED,
    NOW,
    PLAIN,
    PRIVATE_CREDENTIALS,
    WINDOW,
    configured,
    header_of,
    put_header,
    signed,
    verdict,
    verifies,
)
from tests.core.webhooks.refusing import ALL, SIGNED, edited, every, refused

# Scope and time


@pytest.mark.parametrize("scheme", [s for s in ALL if s is not GITHUB], ids=lambda scheme: scheme.name)
def test_the_window(scheme: WebhookScheme) -> None:
    request = SIGNED[scheme.name]
    for off in (-300, 300):
        assert verifies(request, now=NOW + off)
    refused(request, Reason.TOO_OLD, now=NOW + 301)
    refused(request, Reason.TOO_NEW, now=NOW - 301)


def test_github_has_no_time() -> None:
    found = verdict(SIGNED["github"], now=0)
    assert isinstance(found, Verified)
    assert found.signed_time is None


# What the signature covers


@every
def test_one_change_in_what_is_signed(scheme: WebhookScheme) -> None:
    request, layout = SIGNED[scheme.name], scheme.layout
    body = request.content or b""
    for other in (body + b" ", body[1:], b"", body.replace(b"7", b"8"), body + b"\n"):
        refused(replace(request, content=other), Reason.MISMATCH)
    if layout.id is not None:
        refused(put_header(request, layout.id.header, b"another"), Reason.MISMATCH)
    if layout.timestamp is not None:
        at = b"%d" % (NOW + 1)
        moved = (
            put_header(request, layout.timestamp.header, at)
            if layout.timestamp.header
            else edited(scheme, lambda v: v.replace(b"%d" % NOW, at))
        )
        refused(moved, Reason.MISMATCH)


@every
def test_demands_beyond_what_is_signed(scheme: WebhookScheme) -> None:
    request = SIGNED[scheme.name]
    for name in (b"host", b"content-type", scheme.layout.header):
        refused(request, Reason.NOT_COVERED, demand=replace(DEMAND, required_headers=frozenset({name})))
    for demand in (
        replace(DEMAND, required_components=('"@method"',)),
        replace(DEMAND, label="sig1"),
        replace(DEMAND, tag="app"),
    ):
        refused(request, Reason.NOT_COVERED, demand=demand)
    refused(request, Reason.OUT_OF_SCOPE, demand=replace(DEMAND, regions=frozenset({"eu-west-1"})))
    refused(request, Reason.OUT_OF_SCOPE, demand=replace(DEMAND, services=frozenset({"s3"})))


def test_headers_that_are_signed_may_be_demanded() -> None:
    demand = replace(DEMAND, required_headers=frozenset({b"webhook-id", b"webhook-timestamp"}))
    assert isinstance(verdict(SIGNED["standard-webhooks"], demand=demand), Verified)
    demand = replace(DEMAND, required_headers=frozenset({b"x-slack-request-timestamp"}))
    assert isinstance(verdict(SIGNED["slack"], demand=demand), Verified)


@every
def test_without_the_body_nothing_can_be_said(scheme: WebhookScheme) -> None:
    request = SIGNED[scheme.name]
    refused(replace(request, content=None), Reason.BODY_REQUIRED)
    sha256 = hashlib.sha256(request.content or b"").digest()
    refused(replace(request, content=None, content_sha256=sha256), Reason.BODY_REQUIRED)
    claim = scheme.read(read_request(replace(request, content=None)), DEMAND)
    with pytest.raises(ValueError, match="without the body"):
        scheme.matches(claim, KEY, lambda key, scope: b"")


def test_a_layout_that_signs_no_body_says_so() -> None:
    scheme = configured(signature_header="x-sig", template="{method}{target}")
    request = signed(scheme, replace(PLAIN, content=None))
    found = verdict(request, scheme)
    assert isinstance(found, Verified)
    assert found.payload_duty == Unsigned()
    assert found.verified_path == b"/hooks/in"
    for other in (
        replace(request, method=b"PUT"),
        replace(request, target=b"/hooks/in?from=x"),
        replace(request, target=b"/%68ooks/in"),
    ):
        assert not verifies(other, scheme)


# The same delivery is one delivery


def test_a_list_in_another_order_is_the_same_delivery() -> None:
    request = SIGNED["standard-webhooks"]
    value = header_of(request, b"webhook-signature")
    more = put_header(request, b"webhook-signature", value + b" " + value + b" v9,x")
    claims = [examine(r, DEMAND, schemes=NAMED, window=WINDOW, now=NOW) for r in (request, more)]
    other = examine(signed(STANDARD_WEBHOOKS, now=NOW + 1), DEMAND, schemes=NAMED, window=WINDOW, now=NOW)
    first, second = (claim.signature for claim in claims if not isinstance(claim, Rejected))
    assert first == second
    assert not isinstance(other, Rejected)
    assert other.signature != first


def test_nothing_secret_in_repr() -> None:
    claim = examine(SIGNED["stripe"], DEMAND, schemes=NAMED, window=WINDOW, now=NOW)
    value = header_of(SIGNED["stripe"], b"stripe-signature")[-64:]
    assert value.decode() not in repr(claim)
    assert bytes.fromhex(value.decode()) not in repr(claim).encode()
    assert "seal.pressed" not in repr(claim)


# Signing


@pytest.mark.parametrize(
    ("request_", "credentials", "options", "what"),
    [
        (PLAIN, CREDENTIALS, {"id": "a.b"}, "separates"),
        (PLAIN, CREDENTIALS, {"id": "a b"}, "visible"),
        (PLAIN, CREDENTIALS, {"expires": "7"}, "option expires"),
        (replace(PLAIN, content=None), CREDENTIALS, {}, "the body is to be signed"),
        (replace(PLAIN, method=b"P T"), CREDENTIALS, {}, "method"),
        (put_header(PLAIN, b"webhook-id", b"x"), CREDENTIALS, {}, "carries a header"),
        (SIGNED["standard-webhooks"], CREDENTIALS, {}, "carries a header"),
        (PLAIN, Credentials(key_id=KEY_ID, secret=b"whsec_AAAA"), {}, "too short, or not whsec"),
        (PLAIN, Credentials(key_id=KEY_ID), {}, "too short"),
    ],
)
def test_what_cannot_be_signed(request_: HttpRequest, credentials: Credentials, options: dict[str, str], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        STANDARD_WEBHOOKS.sign(request_, credentials, Signing(now=NOW, options=options))


def test_private_keys_and_options_where_there_are_none() -> None:
    with pytest.raises(ValueError, match="not with a private key"):
        signed(GITHUB, credentials=PRIVATE_CREDENTIALS)
    with pytest.raises(ValueError, match="option id"):
        signed(GITHUB, id="x")
    with pytest.raises(ValueError, match="timestamp"):
        signed(STRIPE, now=7)
    with pytest.raises(ValueError, match="header x-a"):
        signed(configured(signature_header="x-sig", template="{header:x-a}\n{body}"))


def test_ids_by_default_tell_deliveries_apart() -> None:
    first, second = (header_of(signed(STANDARD_WEBHOOKS, now=now), b"webhook-id") for now in (NOW, NOW + 1))
    assert first != second
    assert first.startswith(b"msg_")
