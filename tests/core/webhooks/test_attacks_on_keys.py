"""One change in a delivery that verifies: keys, and the way from one scheme to another."""

import hashlib
import hmac
import itertools
from dataclasses import replace

import pytest

from counterseal.core import asymmetric
from counterseal.core.model import (
    Demand,
    KeyState,
    PublicKey,
    Reason,
    Rejected,
    StringToSignSubject,
    Verified,
)
from counterseal.core.schemes.base import Credentials
from counterseal.core.schemes.webhooks import GITHUB, STANDARD_WEBHOOKS, STRIPE, SVIX, WebhookScheme
from counterseal.core.verify import DUMMY_KEY, conclude, examine
from tests.core.webhooks.exchange import (
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
from tests.core.webhooks.refusing import ALL, SIGNED, every, refused

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
