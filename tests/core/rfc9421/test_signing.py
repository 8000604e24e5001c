"""What is signed here is read and verified here, for every algorithm and option; nothing else is signed at all."""

from dataclasses import replace

import pytest

from counterseal.core.model import Demand, Reason, Rejected, Verified
from counterseal.core.payload import AlreadyChecked, BodyDigests, BodySha256, Unsigned
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.rfc9421 import DEFAULT_COMPONENTS, Rfc9421, read_claim
from tests.core.rfc9421 import making
from tests.core.rfc9421.making import ALGORITHMS, HMAC, NOW, PLAIN, header, pair, reason, signed, verdict


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("options", [{}, {"alg": "yes"}])
def test_every_algorithm(algorithm: str, options: dict[str, str]) -> None:
    request = signed(algorithm, PLAIN, NOW, **options)
    found = verdict(request, pair(algorithm).key)
    assert isinstance(found, Verified), found
    assert found.payload_duty == AlreadyChecked()
    assert found.signed_time == NOW
    assert found.valid_until == NOW + 900
    assert found.verified_path == b"/a/path"
    assert found.scope is None
    wanted = [f'"{name}"' for name in (*DEFAULT_COMPONENTS, "content-digest")]
    assert list(found.coverage.components) == wanted
    assert found.coverage.headers == (b"content-digest", b"host")
    assert found.coverage.method
    assert found.coverage.path
    assert found.coverage.query
    assert (b"alg=" in header(request, b"signature-input")) is bool(options)


def test_every_option() -> None:
    request = signed(
        label="my-label",
        components='"@method" "@target-uri" "x-dict";key="b" "x-list";bs "priority";sf "content-digest"'
        ' "@query-param";name="y"',
        digest="sha-512",
        expires="60",
        nonce="n-1",
        tag="app",
    )
    stated = header(request, b"signature-input")
    assert stated.startswith(b'my-label=("@method" "@target-uri" "x-dict";key="b" "x-list";bs "priority";sf "content-digest" ')
    assert stated.endswith(b');created=1700000000;expires=1700000060;keyid="test-key";nonce="n-1";tag="app"')
    claim = read_claim(request)
    assert (claim.label, claim.nonce, claim.tag, claim.expires, claim.algorithm) == ("my-label", "n-1", "app", NOW + 60, "")
    assert b'"x-dict";key="b": (c d);q\n' in claim.base
    assert b'"x-list";bs: :YQ==:, :Yg==:\n' in claim.base
    assert b'"priority";sf: u=1, i\n' in claim.base
    assert b'"@query-param";name="y": a%20b\n' in claim.base
    found = verdict(request)
    assert isinstance(found, Verified)
    assert found.valid_until == NOW + 60
    assert reason(request, now=NOW + 61) is Reason.TOO_OLD


def test_components_by_name_and_without_a_digest() -> None:
    request = signed(components="@method  @authority content-type", digest="none")
    assert b'("@method" "@authority" "content-type")' in header(request, b"signature-input")
    assert b"content-digest" not in dict(request.headers)
    demand = Demand(required_components=("@method",))
    found = verdict(request, demand=demand)
    assert isinstance(found, Verified)
    assert found.payload_duty == Unsigned()
    assert found.verified_path == b""
    assert reason(request) is Reason.NOT_COVERED


def test_a_digest_that_is_there_is_kept() -> None:
    once = signed(digest="sha-512")
    stated = [pair for pair in once.headers if not pair[0].startswith(b"signature")]
    again = signed(request=replace(once, headers=tuple(stated)))
    assert header(again, b"content-digest") == header(once, b"content-digest")
    assert header(again, b"content-digest").startswith(b"sha-512=")
    assert isinstance(verdict(again), Verified)


def test_a_second_signature_beside_the_first() -> None:
    both = signed("ed25519", signed(label="first"), label="second", tag="proxy")
    assert reason(both) is Reason.AMBIGUOUS
    assert isinstance(verdict(both, demand=Demand(label="first")), Verified)
    assert isinstance(verdict(both, pair("ed25519").key, Demand(tag="proxy")), Verified)
    assert isinstance(verdict(both, pair("ed25519").key, Demand(tag="proxy", label="second")), Verified)
    assert reason(both, demand=Demand(tag="proxy", label="first")) is Reason.UNSUPPORTED_SCHEME


def test_bodies_that_are_not_here() -> None:
    request = signed()
    streamed = replace(request, content=None)
    found = verdict(streamed)
    assert isinstance(found, Verified)
    assert isinstance(found.payload_duty, BodyDigests)
    assert [name for name, _ in found.payload_duty.digests] == ["sha-256"]
    empty = signed(request=replace(making.with_header(PLAIN, b"content-length"), content=b""))
    found = verdict(empty)
    assert isinstance(found, Verified)
    assert found.payload_duty == AlreadyChecked()
    found = verdict(replace(empty, content=None))
    assert isinstance(found, Verified)
    assert isinstance(found.payload_duty, BodySha256)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"label": "A"}, "key"),
        ({"label": "a", "colour": "red"}, "colour"),
        ({"components": '"@method" "@method"'}, "more than once"),
        ({"components": '"@status"'}, "cannot have"),
        ({"components": '"@method'}, "item"),
        ({"components": '"@method"), ("@path"'}, "between"),
        ({"components": '"@method");x, ("@path"'}, "between"),
        ({"components": '"@method");x=("@path"'}, "item"),
        ({"components": '"@method") ;x'}, "unexpected"),
        ({"components": "@nothing"}, "not known"),
        ({"components": "x-absent"}, "not in the request"),
        ({"components": "X-List"}, "lower-case"),
        ({"digest": "md5"}, "digest"),
        ({"expires": "0"}, "expires"),
        ({"expires": "-1"}, "expires"),
        ({"expires": "9999999999"}, "expires"),
        ({"alg": "maybe"}, "alg"),
        ({"algorithm": "ed25519"}, "algorithm"),
        ({"nonce": "ä"}, "ASCII"),
    ],
)
def test_options_out_of_range(options: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Rfc9421().sign(PLAIN, pair(HMAC).credentials, Signing(now=NOW, options=options))


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(key_id="test-key"),
        Credentials(key_id="test-key", secret=b"s" * 32, private_key=b"p"),
        Credentials(key_id="test-key", private_key=b"nonsense"),
        Credentials(key_id="no key id", secret=b"s" * 32),
        Credentials(key_id="ä", secret=b"s" * 32),
    ],
)
def test_credentials_of_the_wrong_kind(credentials: Credentials) -> None:
    with pytest.raises(ValueError, match=r"key|secret|ASCII"):
        Rfc9421().sign(PLAIN, credentials, Signing(now=NOW))


def test_rsa_has_to_be_told_which() -> None:
    with pytest.raises(ValueError, match="algorithm"):
        Rfc9421().sign(PLAIN, pair("rsa-v1_5-sha256").credentials, Signing(now=NOW))


def test_a_request_that_cannot_be_read_is_not_signed() -> None:
    with pytest.raises(ValueError, match="target"):
        signed(request=replace(PLAIN, target=b"no path"))
    with pytest.raises(ValueError, match="twice"):
        signed(request=signed())


def test_other_structured_fields_by_option() -> None:
    scheme = Rfc9421({"x-dict": "dictionary", "x-list": "list", "content-length": "item"})
    signing = Signing(now=NOW, options={"components": '"x-dict";sf "x-list";sf "content-length";sf'})
    claim = scheme.read(making.http_read(scheme.sign(PLAIN, pair(HMAC).credentials, signing)), Demand())
    assert claim.base.startswith(b'"x-dict";sf: a=1, b=(c d);q\n"x-list";sf: a, b\n"content-length";sf: 18\n')
    found = verdict(signed(components='"x-dict";key="a"'), demand=Demand(required_components=('"x-dict";key="a"',)))
    assert not isinstance(found, Rejected)
