"""ATTACKS for webhooks: one change in a delivery that verifies, and the reason for which it is refused."""

import hashlib
import hmac
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core import asymmetric
from counterseal.core.http import read_request
from counterseal.core.model import (
    Demand,
    HttpRequest,
    Key,
    KeyState,
    PublicKey,
    Reason,
    Rejected,
    StringToSignSubject,
    Verified,
)
from counterseal.core.payload import AlreadyChecked, Unsigned
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.webhooks import GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX, WebhookScheme
from counterseal.core.verify import DUMMY_KEY, conclude, examine
from tests.core.webhooks.exchange import (
    CREDENTIALS,
    DEMAND,
    KEY,
    KEY_ID,
    NAMED,
    NOW,
    PLAIN,
    PRIVATE,
    PRIVATE_CREDENTIALS,
    PUBLIC_KEY,
    WINDOW,
    configured,
    header_of,
    put_header,
    signed,
    verdict,
    verifies,
    with_secret,
)

ALL = list(NAMED.values())
LISTS = [STANDARD_WEBHOOKS, SVIX, STRIPE]
SIGNED = {scheme.name: signed(scheme) for scheme in ALL}
every = pytest.mark.parametrize("scheme", ALL, ids=list(NAMED))
listed = pytest.mark.parametrize("scheme", LISTS, ids=lambda scheme: scheme.name)


def refused(request: HttpRequest, reason: Reason, *, key: Key | None = KEY, demand: Demand = DEMAND, now: float = NOW) -> str:
    found = verdict(request, key=key, demand=demand, now=now)
    assert isinstance(found, Rejected), found
    assert found.reason is reason, found
    return found.detail


def edited(scheme: WebhookScheme, edit: Callable[[bytes], bytes]) -> HttpRequest:
    """Return a signed request with another signature header."""
    request, name = SIGNED[scheme.name], scheme.layout.header
    return put_header(request, name, edit(header_of(request, name)))


@every
def test_what_is_signed_here_verifies(scheme: WebhookScheme) -> None:
    found = verdict(SIGNED[scheme.name])
    assert isinstance(found, Verified)
    assert found.scheme == scheme.name
    assert found.scope is None
    assert found.payload_duty == AlreadyChecked()
    assert found.verified_path == b""
    coverage = found.coverage
    assert (coverage.method, coverage.path, coverage.query) == (False, False, False)
    assert found.valid_until == (None if scheme is GITHUB else NOW + WINDOW.skew)


# Choosing and reading the signature


@every
@pytest.mark.parametrize("spoil", [lambda v: v + v, lambda v: v[:-2], lambda v: v + b"00", lambda v: b"", lambda v: b"x" + v])
def test_signatures_that_are_none(scheme: WebhookScheme, spoil: Callable[[bytes], bytes]) -> None:
    refused(edited(scheme, spoil), Reason.MALFORMED)


@pytest.mark.parametrize("scheme", [GITHUB, SLACK, STRIPE], ids=lambda scheme: scheme.name)
def test_hexadecimal_in_capitals(scheme: WebhookScheme) -> None:
    prefix = scheme.layout.prefix
    refused(edited(scheme, lambda v: v.partition(prefix)[0] + prefix + v.partition(prefix)[2].upper()), Reason.MALFORMED)


@every
def test_every_header_repeated(scheme: WebhookScheme) -> None:
    request, layout = SIGNED[scheme.name], scheme.layout
    places = [place.header for place in (layout.timestamp, layout.id) if place is not None and place.header]
    for name in (layout.header, *places):
        value = header_of(request, name)
        for pair in ((value, value), (value, b"v1,AAAA"), (b"", value)):
            assert "more than once" in refused(put_header(request, name, *pair), Reason.MALFORMED)
        if name != layout.header:
            assert "missing" in refused(put_header(request, name), Reason.MALFORMED)


@every
def test_without_the_signature_header_nothing_is_signed(scheme: WebhookScheme) -> None:
    request = put_header(SIGNED[scheme.name], scheme.layout.header)
    found = verdict(request)
    assert isinstance(found, Rejected)
    assert found.reason in {Reason.UNSIGNED, Reason.UNSUPPORTED_SCHEME}


@every
def test_names_are_exact(scheme: WebhookScheme) -> None:
    request, name = SIGNED[scheme.name], scheme.layout.header
    for other in (name + b"x", b"x" + name, name.replace(b"-", b"_"), name[:-1]):
        moved = put_header(put_header(request, name), other, header_of(request, name))
        found = verdict(moved)
        assert isinstance(found, Rejected)
        assert found.reason in {Reason.UNSIGNED, Reason.UNSUPPORTED_SCHEME}


def test_github_sha1_alone_is_refused() -> None:
    mac = hmac.new(KEY.secret, PLAIN.content, hashlib.sha1).hexdigest().encode()
    found = verdict(put_header(PLAIN, b"x-hub-signature", b"sha1=" + mac))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNSUPPORTED_SCHEME
    # Beside the real one it changes nothing, and under the real one's name it is none.
    assert verifies(put_header(SIGNED["github"], b"x-hub-signature", b"sha1=" + mac))
    refused(put_header(PLAIN, b"x-hub-signature-256", b"sha1=" + mac), Reason.MALFORMED)
    refused(put_header(PLAIN, b"x-hub-signature-256", b"sha256=" + mac), Reason.MALFORMED)


@listed
def test_huge_and_empty_lists(scheme: WebhookScheme) -> None:
    separator, prefix = scheme.layout.separator, scheme.layout.prefix
    nothing = prefix + (b"0" * 64 if scheme is STRIPE else b"A" * 43 + b"=")
    for count, reason in ((29, None), (32, Reason.MALFORMED), (10_000, Reason.MALFORMED)):
        request = edited(scheme, lambda v, n=count: v + (separator + nothing) * n)  # type: ignore[misc]
        if reason is None:
            assert verifies(request)
        else:
            refused(request, reason)
    for junk in (separator, separator * 20, separator * 100_000, b"v9" + separator + b"v8", b"\xff" * 9000):
        refused(edited(scheme, lambda v, j=junk: j), Reason.MALFORMED)  # type: ignore[misc]
    if separator.strip():  # Blanks around a header's value are none of it.
        refused(edited(scheme, lambda v: v + separator), Reason.MALFORMED)
    refused(edited(scheme, lambda v: v + separator + separator + nothing), Reason.MALFORMED)
    refused(edited(scheme, lambda v: v + separator + b"v\t9"), Reason.MALFORMED)


@listed
def test_a_broken_entry_spoils_the_list(scheme: WebhookScheme) -> None:
    separator, prefix = scheme.layout.separator, scheme.layout.prefix
    for entry in (prefix, prefix + b"00", prefix + b"A" * 43):
        refused(edited(scheme, lambda v, e=entry: v + separator + e), Reason.MALFORMED)  # type: ignore[misc]


@listed
def test_only_wrong_signatures(scheme: WebhookScheme) -> None:
    value = header_of(
        signed(scheme, credentials=Credentials(key_id=KEY_ID, secret=b"another secret altogether")), scheme.layout.header
    )
    refused(put_header(SIGNED[scheme.name], scheme.layout.header, value), Reason.MISMATCH)


def test_two_times_or_none_in_a_list() -> None:
    refused(edited(STRIPE, lambda v: v + b",t=%d" % NOW), Reason.MALFORMED)
    refused(edited(STRIPE, lambda v: v.partition(b",")[2]), Reason.MALFORMED)
    refused(edited(STRIPE, lambda v: v.replace(b"t=", b"T=")), Reason.MALFORMED)


@pytest.mark.parametrize(
    "text", [b"", b"0", b"17900000000", b"1790000000.0", b"+790000000", b"1e9", "١٧٩٠٠٠٠٠٠٠".encode(), b"9" * 5000]
)
def test_times_that_are_none(text: bytes) -> None:
    refused(put_header(SIGNED["standard-webhooks"], b"webhook-timestamp", text), Reason.MALFORMED)
    refused(put_header(SIGNED["slack"], b"x-slack-request-timestamp", text), Reason.MALFORMED)
    refused(edited(STRIPE, lambda v: v.replace(b"%d" % NOW, text)), Reason.MALFORMED)


@pytest.mark.parametrize("text", [b"", b"a.b", b"a b", b"a\tb", "é".encode(), b"a" * 257, b"."])
def test_ids_that_are_none(text: bytes) -> None:
    refused(put_header(SIGNED["standard-webhooks"], b"webhook-id", text), Reason.MALFORMED)


def test_an_id_cannot_swallow_the_time() -> None:
    """`a` + `b.c` and `a.b` + `c`: the second spelling of one signed string is no request."""
    request = SIGNED["standard-webhooks"]
    moved = put_header(request, b"webhook-id", header_of(request, b"webhook-id") + b".%d" % NOW)
    moved = replace(moved, content=(request.content or b"")[11:])
    refused(moved, Reason.MALFORMED)


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


# Keys


@every
def test_the_caller_names_the_key(scheme: WebhookScheme) -> None:
    refused(SIGNED[scheme.name], Reason.UNSUPPORTED_SCHEME, demand=Demand())
    refused(SIGNED[scheme.name], Reason.UNKNOWN_KEY, key=None)
    refused(SIGNED[scheme.name], Reason.UNKNOWN_KEY, key=replace(KEY, key_id="other"))
    refused(SIGNED[scheme.name], Reason.MISMATCH, key=with_secret(b"another secret altogether"))
    refused(SIGNED[scheme.name], Reason.UNSUPPORTED_SCHEME, key=replace(KEY, allowed_schemes=frozenset({"aws-sigv4"})))
    refused(SIGNED[scheme.name], Reason.KEY_REVOKED, key=replace(KEY, state=KeyState.REVOKED))


@every
@pytest.mark.parametrize("secret", [b"", b"\x00" * 32, b"short", b"whsec_", b"whsec_AAAA", b"whsec_" + b"A" * 44])
def test_weak_secrets_never_verify(scheme: WebhookScheme, secret: bytes) -> None:
    request = SIGNED[scheme.name]
    claim = examine(request, DEMAND, schemes=NAMED, window=WINDOW, now=NOW)
    assert not isinstance(claim, Rejected)
    pieces = getattr(claim, "pieces")  # noqa: B009
    if len(secret) >= 16 and not secret.startswith(b"\x00") and scheme not in (STANDARD_WEBHOOKS, SVIX):
        return  # A text of its own, good enough for a vendor that takes secrets as they are.
    for weak in (secret, b"", bytes(32), secret.removeprefix(b"whsec_")):
        mac = hmac.new(weak, b"".join(pieces), hashlib.sha256).digest()
        forged = conclude(
            replace(claim, signatures=(mac,)),  # type: ignore[call-arg]
            request,
            replace(with_secret(secret), allowed_schemes=frozenset({scheme.name})),
            DEMAND,
            schemes=NAMED,
            window=WINDOW,
            now=NOW,
        )
        assert isinstance(forged, Rejected)
        assert forged.reason is Reason.MISMATCH


def test_the_dummy_verifies_nothing() -> None:
    with pytest.raises(ValueError, match="too short"):
        signed(GITHUB, credentials=Credentials(key_id=KEY_ID, secret=DUMMY_KEY.secret))
    for scheme in ALL:
        claim = examine(SIGNED[scheme.name], DEMAND, schemes=NAMED, window=WINDOW, now=NOW)
        assert not isinstance(claim, Rejected)
        assert not scheme.matches(claim, DUMMY_KEY, lambda key, scope: b"")


def test_public_keys() -> None:
    for scheme in (STANDARD_WEBHOOKS, SVIX):
        request = signed(scheme, credentials=PRIVATE_CREDENTIALS)
        assert verifies(request, key=PUBLIC_KEY)
        refused(request, Reason.MISMATCH, key=KEY)
        refused(SIGNED[scheme.name], Reason.MISMATCH, key=PUBLIC_KEY)
        refused(replace(request, content=b"x"), Reason.MISMATCH, key=PUBLIC_KEY)
        both = header_of(SIGNED[scheme.name], scheme.layout.header) + b" " + header_of(request, scheme.layout.header)
        assert verifies(put_header(request, scheme.layout.header, both), key=PUBLIC_KEY)
        assert verifies(put_header(request, scheme.layout.header, both), key=KEY)
        refused(put_header(request, scheme.layout.header, both), Reason.MISMATCH, key=with_secret(b"another secret altogether"))


def test_a_public_key_is_no_secret() -> None:
    """CVE-2022-29217: everybody knows the public key, so a MAC keyed with it says nothing."""
    assert PUBLIC_KEY.public_key is not None
    for scheme, material in itertools.product(ALL, (PUBLIC_KEY.public_key.spki, PUBLIC_KEY.public_key.spki[-32:])):
        if scheme in (STANDARD_WEBHOOKS, SVIX) or scheme.layout.secrets.encoding == "raw":
            forged = signed(scheme, credentials=Credentials(key_id=KEY_ID, secret=material))
            found = verdict(forged, key=PUBLIC_KEY)
            assert isinstance(found, Rejected)
            assert found.reason in {Reason.MISMATCH, Reason.UNSUPPORTED_SCHEME}


def test_a_key_of_another_algorithm_never_verifies() -> None:
    request = signed(STANDARD_WEBHOOKS, credentials=PRIVATE_CREDENTIALS)
    assert PUBLIC_KEY.public_key is not None
    other = PublicKey(algorithm="ecdsa-p256-sha256", spki=PUBLIC_KEY.public_key.spki)
    refused(request, Reason.MISMATCH, key=replace(PUBLIC_KEY, public_key=other))
    stranger = asymmetric.public_of(PRIVATE[:-1] + b"\x00", "ed25519")
    refused(request, Reason.MISMATCH, key=replace(PUBLIC_KEY, public_key=stranger))


# From one scheme to another


@pytest.mark.parametrize(("source", "target"), [(a, b) for a in ALL for b in ALL if a is not b], ids=lambda s: s.name)
def test_a_signature_of_one_vendor_is_none_of_another(source: WebhookScheme, target: WebhookScheme) -> None:
    request, layout = SIGNED[source.name], target.layout
    value = header_of(request, source.layout.header)
    raw = value.rpartition(b"=" if source.layout.encoding == "hex" else b",")[2]
    stamp = b"%d" % NOW
    moved = PLAIN
    if layout.timestamp is not None and layout.timestamp.header:
        moved = put_header(moved, layout.timestamp.header, stamp)
    if layout.id is not None:
        moved = put_header(moved, layout.id.header, b"msg_1")
    start = b"t=" + stamp + b"," if target is STRIPE else b""
    for text in (value, raw, layout.prefix + raw, start + layout.prefix + raw):
        if {source, target} == {SVIX, STANDARD_WEBHOOKS}:
            assert source.layout.template == layout.template  # One scheme in two dialects; the key says which it allows.
            key = replace(KEY, allowed_schemes=frozenset({source.name}))
        else:
            key = KEY
        found = verdict(put_header(moved, layout.header, text), key=key)
        assert isinstance(found, Rejected), text


def test_two_vendors_signatures_at_once() -> None:
    both = replace(PLAIN, headers=(*SIGNED["svix"].headers, *SIGNED["standard-webhooks"].headers[len(PLAIN.headers) :]))
    refused(both, Reason.AMBIGUOUS)
    demand = replace(DEMAND, allowed_schemes=frozenset({"svix"}))
    found = verdict(both, demand=demand)
    assert isinstance(found, Verified)
    assert found.scheme == "svix"
    refused(SIGNED["slack"], Reason.UNSUPPORTED_SCHEME, demand=demand)


def test_authorization_is_shared() -> None:
    scheme = configured(signature_header="authorization", signature_prefix="HMAC ", template="{body}")
    assert verifies(signed(scheme), scheme)
    for value in (b"Bearer x", b"hmac " + b"0" * 64, b"HMACx " + b"0" * 64, b"AWS4-HMAC-SHA256 Credential=x"):
        found = verdict(put_header(PLAIN, b"authorization", value), scheme)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.UNSUPPORTED_SCHEME


def test_a_string_to_sign_is_no_webhook() -> None:
    subject = StringToSignSubject(scheme="stripe", credential=b"x", string_to_sign=b"x", signature=b"x")
    found = examine(subject, DEMAND, schemes=NAMED, window=WINDOW, now=NOW)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNSUPPORTED_SCHEME


def test_a_claim_of_another_scheme_is_a_bug() -> None:
    with pytest.raises(TypeError):
        GITHUB.verified_path(object())  # type: ignore[arg-type]


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
