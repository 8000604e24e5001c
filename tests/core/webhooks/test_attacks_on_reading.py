"""One change in a delivery that verifies: choosing and reading the signature. ATTACKS.md, first section."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core import asymmetric
from counterseal.core.model import (
    Key,
    PublicKey,
    Reason,
    Rejected,
    Verified,
)
from counterseal.core.payload import AlreadyChecked
from counterseal.core.schemes.base import Credentials
from counterseal.core.schemes.webhooks import GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX, WebhookScheme
from tests.core.webhooks.exchange import (
    KEY,
    KEY_ID,
    NOW,
    PLAIN,
    PRIVATE_CREDENTIALS,
    PUBLIC_KEY,
    WINDOW,
    header_of,
    put_header,
    signed,
    verdict,
    verifies,
)
from tests.core.webhooks.refusing import SIGNED, edited, every, listed, refused


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


@pytest.mark.parametrize("scheme", [STANDARD_WEBHOOKS, SVIX], ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("key", [KEY, PUBLIC_KEY], ids=["secret", "public"])
def test_public_signatures_are_few_whatever_the_key(scheme: WebhookScheme, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is verified over the whole body, under a decoy also: their number is what a stranger may make the service do."""
    done: list[bytes] = []
    real = asymmetric.verify

    def counted(of: PublicKey, signature: bytes, text: bytes) -> bool:
        done.append(signature)
        return real(of, signature, text)

    monkeypatch.setattr(asymmetric, "verify", counted)
    credentials = PRIVATE_CREDENTIALS if key.public_key else Credentials(key_id=KEY_ID, secret=key.secret)
    request, name = signed(scheme, credentials=credentials), scheme.layout.header
    own = header_of(request, name)
    room = 4 - bool(key.public_key)
    others = [b"v1a," + base64.b64encode(bytes([number]) * 64) for number in range(room + 1)]
    assert verifies(put_header(request, name, b" ".join([*others[:room], own])), key=key)
    assert len(done) == len(set(done)) == 4
    done.clear()
    assert verifies(put_header(request, name, b" ".join([*others[:room], *others[:room], own, own])), key=key)
    assert len(done) == 4
    done.clear()
    detail = refused(put_header(request, name, b" ".join([own, *others])), Reason.MALFORMED, key=key)
    assert "more than 4 Ed25519 signatures" in detail
    assert done == []


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
