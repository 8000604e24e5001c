"""Requests that verify, with one thing changed: ATTACKS.md, class by class, for HTTP message signatures."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core.model import Demand, HttpRequest, KeyState, Reason, Rejected, Verified, Window
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.rfc9421 import read_claim
from counterseal.core.verify import conclude, examine
from tests.core.rfc9421.making import (
    ALGORITHMS,
    HMAC,
    NOW,
    PUBLIC,
    header,
    pair,
    public_pem,
    reason,
    signed,
    verdict,
    with_header,
)

GOOD = signed()
Change = Callable[[HttpRequest], HttpRequest]


def in_header(name: bytes, old: bytes, new: bytes) -> Change:
    def change(request: HttpRequest) -> HttpRequest:
        value = header(request, name)
        assert old in value
        return with_header(request, name, value.replace(old, new, 1))

    return change


def added(name: bytes, value: bytes) -> Change:
    return lambda request: replace(request, headers=(*request.headers, (name, value)))


def target(value: bytes) -> Change:
    return lambda request: replace(request, target=value)


INPUT, SIGNATURE = b"signature-input", b"signature"

# One change each, by anybody on the way; the request verified before.
STRANGERS: dict[str, tuple[Change, Reason]] = {
    "method": (lambda r: replace(r, method=b"PUT"), Reason.MISMATCH),
    "method in lower case": (lambda r: replace(r, method=b"post"), Reason.MISMATCH),
    "path": (target(b"/a/paths?x=1&y=a%20b"), Reason.MISMATCH),
    "path with a dot segment": (target(b"/a/./path?x=1&y=a%20b"), Reason.MISMATCH),
    "path with another escape": (target(b"/%61/path?x=1&y=a%20b"), Reason.MISMATCH),
    "path with two slashes": (target(b"//a/path?x=1&y=a%20b"), Reason.MISMATCH),
    "query value": (target(b"/a/path?x=2&y=a%20b"), Reason.MISMATCH),
    "query order": (target(b"/a/path?y=a%20b&x=1"), Reason.MISMATCH),
    "query parameter added": (target(b"/a/path?x=1&y=a%20b&z=3"), Reason.MISMATCH),
    "plus for a space": (target(b"/a/path?x=1&y=a+b"), Reason.MISMATCH),
    "target *": (target(b"*"), Reason.MALFORMED),
    "absolute target": (target(b"https://example.com/a/path?x=1&y=a%20b"), Reason.MALFORMED),
    "host": (lambda r: with_header(r, b"host", b"example.org"), Reason.MISMATCH),
    "host with another port": (lambda r: with_header(r, b"host", b"example.com:8443"), Reason.MISMATCH),
    "host with http's port": (lambda r: with_header(r, b"host", b"example.com:80"), Reason.MISMATCH),
    "host with a user": (lambda r: with_header(r, b"host", b"user@example.com"), Reason.MALFORMED),
    "two hosts": (added(b"host", b"example.com"), Reason.MALFORMED),
    "no host": (lambda r: with_header(r, b"host"), Reason.MALFORMED),
    "body": (lambda r: replace(r, content=b'{"hello": "World"}'), Reason.PAYLOAD_MISMATCH),
    "body gone": (lambda r: replace(r, content=b""), Reason.PAYLOAD_MISMATCH),
    "hash of another body": (lambda r: replace(r, content=None, content_sha256=bytes(32)), Reason.PAYLOAD_MISMATCH),
    "digest of another body": (in_header(b"content-digest", b"=:", b"=:A"), Reason.MALFORMED),
    "a second digest": (added(b"content-digest", b"sha-512=:AAAA:"), Reason.MALFORMED),
    "no digest": (lambda r: with_header(r, b"content-digest"), Reason.MALFORMED),
    "created later": (in_header(INPUT, b"created=1700000000", b"created=1700000001"), Reason.MISMATCH),
    "created a string": (in_header(INPUT, b"created=1700000000", b'created="1700000000"'), Reason.MALFORMED),
    "created a decimal": (in_header(INPUT, b"created=1700000000", b"created=1700000000.0"), Reason.MALFORMED),
    "created a date": (in_header(INPUT, b"created=1700000000", b"created=@1700000000"), Reason.MALFORMED),
    "created a flag": (in_header(INPUT, b"created=1700000000", b"created"), Reason.MALFORMED),
    "created twice": (in_header(INPUT, b";keyid", b";created=1700000000;keyid"), Reason.MALFORMED),
    "created of 16 digits": (in_header(INPUT, b"created=1700000000", b"created=1700000000000000"), Reason.MALFORMED),
    "created in milliseconds": (in_header(INPUT, b"created=1700000000", b"created=1700000000000"), Reason.TOO_NEW),
    "created negative": (in_header(INPUT, b"created=1", b"created=-1"), Reason.TOO_OLD),
    "created gone": (in_header(INPUT, b";created=1700000000", b""), Reason.MALFORMED),
    "expires added": (in_header(INPUT, b";keyid", b";expires=1700000010;keyid"), Reason.MISMATCH),
    "expires passed": (in_header(INPUT, b";keyid", b";expires=1699999999;keyid"), Reason.TOO_OLD),
    "expires a string": (in_header(INPUT, b";keyid", b';expires="1700000010";keyid'), Reason.MALFORMED),
    "keyid gone": (in_header(INPUT, b';keyid="test-key"', b""), Reason.MALFORMED),
    "keyid a word": (in_header(INPUT, b'"test-key"', b"test-key"), Reason.MALFORMED),
    "keyid empty": (in_header(INPUT, b'"test-key"', b'""'), Reason.MALFORMED),
    "keyid with a quote": (in_header(INPUT, b'"test-key"', b'"test\\"key"'), Reason.MALFORMED),
    "keyid with a wildcard": (in_header(INPUT, b'"test-key"', b'"test*"'), Reason.MALFORMED),
    "keyid of 10 kB": (in_header(INPUT, b'"test-key"', b'"%s"' % (b"k" * 10_000)), Reason.MALFORMED),
    "keyid another's": (in_header(INPUT, b'"test-key"', b'"test-kex"'), Reason.UNKNOWN_KEY),
    "nonce added": (in_header(INPUT, b";keyid", b';nonce="n";keyid'), Reason.MISMATCH),
    "nonce a number": (in_header(INPUT, b";keyid", b";nonce=1;keyid"), Reason.MALFORMED),
    "tag added": (in_header(INPUT, b";keyid", b';tag="app";keyid'), Reason.MISMATCH),
    "tag a word": (in_header(INPUT, b";keyid", b";tag=app;keyid"), Reason.MALFORMED),
    "alg added": (in_header(INPUT, b";keyid", b';alg="hmac-sha256";keyid'), Reason.MISMATCH),
    "alg another": (in_header(INPUT, b";keyid", b';alg="ed25519";keyid'), Reason.MISMATCH),
    "alg none": (in_header(INPUT, b";keyid", b';alg="none";keyid'), Reason.UNSUPPORTED_SCHEME),
    "alg empty": (in_header(INPUT, b";keyid", b';alg="";keyid'), Reason.UNSUPPORTED_SCHEME),
    "alg a word": (in_header(INPUT, b";keyid", b";alg=hmac-sha256;keyid"), Reason.MALFORMED),
    "alg in capitals": (in_header(INPUT, b";keyid", b';alg="HMAC-SHA256";keyid'), Reason.UNSUPPORTED_SCHEME),
    "unknown parameter": (in_header(INPUT, b";keyid", b";admin;keyid"), Reason.UNSUPPORTED_SCHEME),
    "parameters reordered": (
        in_header(INPUT, b';created=1700000000;keyid="test-key"', b';keyid="test-key";created=1700000000'),
        Reason.MISMATCH,
    ),
    "components reordered": (in_header(INPUT, b'"@method" "@authority"', b'"@authority" "@method"'), Reason.MISMATCH),
    "component left out": (in_header(INPUT, b'"@query" ', b""), Reason.NOT_COVERED),
    "digest left out": (in_header(INPUT, b' "content-digest"', b""), Reason.NOT_COVERED),
    "component added": (in_header(INPUT, b'"@method"', b'"@method" "content-type"'), Reason.MISMATCH),
    "component twice": (in_header(INPUT, b'"@method"', b'"@method" "@method"'), Reason.MALFORMED),
    "component absent": (in_header(INPUT, b'"@method"', b'"@method" "x-absent"'), Reason.MALFORMED),
    "component a word": (in_header(INPUT, b'"@method"', b"@method"), Reason.MALFORMED),
    "component in capitals": (in_header(INPUT, b'"content-digest"', b'"Content-Digest"'), Reason.MALFORMED),
    "component unknown": (in_header(INPUT, b'"@query"', b'"@query" "@body"'), Reason.UNSUPPORTED_SCHEME),
    "component of the signature": (in_header(INPUT, b'"@query"', b'"@query" "@signature-params"'), Reason.MALFORMED),
    "component status": (in_header(INPUT, b'"@query"', b'"@query" "@status"'), Reason.MALFORMED),
    "component of a request": (in_header(INPUT, b'"@query"', b'"@query";req'), Reason.MALFORMED),
    "field of a request": (in_header(INPUT, b'"content-digest"', b'"content-digest";req'), Reason.MALFORMED),
    "trailer": (in_header(INPUT, b'"content-digest"', b'"content-digest";tr'), Reason.MALFORMED),
    "line injection": (in_header(INPUT, b'"@method"', b'"@method\n\\"@path\\": /b"'), Reason.MALFORMED),
    "injection without a newline": (in_header(INPUT, b'"@method"', b'"@method\\": GET"'), Reason.UNSUPPORTED_SCHEME),
    "no signature": (lambda r: with_header(r, SIGNATURE), Reason.MALFORMED),
    "no input": (lambda r: with_header(r, INPUT), Reason.MALFORMED),
    "empty signature": (lambda r: with_header(r, SIGNATURE, b"sig1=::"), Reason.MALFORMED),
    "empty header": (lambda r: with_header(r, SIGNATURE, b""), Reason.MALFORMED),
    "both headers empty": (lambda r: with_header(with_header(r, SIGNATURE, b""), INPUT, b""), Reason.MALFORMED),
    "signature a string": (lambda r: with_header(r, SIGNATURE, b'sig1="AAAA"'), Reason.MALFORMED),
    "signature a flag": (lambda r: with_header(r, SIGNATURE, b"sig1"), Reason.MALFORMED),
    "signature a list": (lambda r: with_header(r, SIGNATURE, b"sig1=(:AAAA:)"), Reason.MALFORMED),
    "signature with a parameter": (in_header(SIGNATURE, b"=:", b"=:AAAA:;x=:"), Reason.MALFORMED),
    "signature without padding": (in_header(SIGNATURE, b"=:", b"x"), Reason.MALFORMED),
    "signature in hex": (lambda r: with_header(r, SIGNATURE, b"sig1=" + b"ab" * 32), Reason.MALFORMED),
    "signature zeroed": (lambda r: with_header(r, SIGNATURE, b"sig1=:" + b"A" * 43 + b"=:"), Reason.MISMATCH),
    "signature shortened": (lambda r: with_header(r, SIGNATURE, b"sig1=:AAAA:"), Reason.MISMATCH),
    "signature repeated": (lambda r: added(SIGNATURE, header(r, SIGNATURE))(r), Reason.MALFORMED),
    "input repeated": (lambda r: added(INPUT, header(r, INPUT))(r), Reason.MALFORMED),
    "signature under another label": (in_header(SIGNATURE, b"sig1", b"sig2"), Reason.MALFORMED),
    "label in capitals": (in_header(SIGNATURE, b"sig1", b"SIG1"), Reason.MALFORMED),
    "a label more": (added(SIGNATURE, b"sig2=:AAAA:"), Reason.MALFORMED),
    "input no list": (lambda r: with_header(r, INPUT, b"sig1=1"), Reason.MALFORMED),
    "input of 20 kB": (added(INPUT, b"sig2=(" + b'"a" ' * 5000 + b")"), Reason.MALFORMED),
    "hundreds of components": (
        in_header(INPUT, b'"@method"', b" ".join(b'"x-%d"' % number for number in range(200))),
        Reason.MALFORMED,
    ),
    "non-ASCII in the input": (in_header(INPUT, b"sig1", b"sig\xc3"), Reason.MALFORMED),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_one_thing_changed_on_the_way(name: str) -> None:
    change, expected = STRANGERS[name]
    assert isinstance(verdict(GOOD), Verified)
    assert reason(change(GOOD)) is expected


def test_the_right_label_may_be_another_one() -> None:
    """Labels are not signed (RFC 9421 section 7.2.5): renaming both halves changes nothing."""
    renamed = in_header(SIGNATURE, b"sig1", b"other")(in_header(INPUT, b"sig1", b"other")(GOOD))
    assert isinstance(verdict(renamed), Verified)
    assert reason(renamed, demand=Demand(label="sig1")) is Reason.UNSUPPORTED_SCHEME


def test_blanks_in_the_list_are_not_signed() -> None:
    spaced = in_header(INPUT, b'("@method" ', b'(  "@method"   ')(GOOD)
    assert isinstance(verdict(spaced), Verified)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_bit_of_the_signature(algorithm: str) -> None:
    request = signed(algorithm)
    value = bytearray(read_claim(request).signature)
    for position in (0, len(value) // 2, len(value) - 1):
        changed = bytearray(value)
        changed[position] ^= 1
        other = with_header(request, SIGNATURE, b"sig1=:" + base64.b64encode(bytes(changed)) + b":")
        assert reason(other, pair(algorithm).key) is Reason.MISMATCH
    for octets in (value[:-1], value + b"\x00", b"\x00" + value, bytes(len(value)), b"\xff" * len(value)):
        other = with_header(request, SIGNATURE, b"sig1=:" + base64.b64encode(bytes(octets)) + b":")
        assert reason(other, pair(algorithm).key) is Reason.MISMATCH


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("other", ALGORITHMS)
@pytest.mark.parametrize("alg", ["yes", "no"])
def test_a_signature_of_one_algorithm_under_a_key_of_another(algorithm: str, other: str, alg: str) -> None:
    request = signed(algorithm, alg=alg)
    if algorithm == other:
        assert isinstance(verdict(request, pair(other).key), Verified)
    else:
        assert reason(request, pair(other).key) is Reason.MISMATCH


@pytest.mark.parametrize("algorithm", PUBLIC)
@pytest.mark.parametrize("alg", [b"", b';alg="hmac-sha256"', b';alg="%s"'])
def test_a_public_key_is_no_hmac_secret(algorithm: str, alg: bytes) -> None:
    """CVE-2022-29217, CVE-2015-9235: sign with the public key's own bytes, in each form that a server may hold them in."""
    key = pair(algorithm).key
    assert key.public_key
    stated = alg % algorithm.encode() if b"%" in alg else alg
    value = b'sig1=("@method" "@authority" "@path" "@query" "content-digest");created=1700000000;keyid="test-key"' + stated
    unsigned = with_header(with_header(GOOD, INPUT, value), SIGNATURE, b"sig1=:AAAA:")
    base = read_claim(unsigned).base
    for secret in (key.public_key.spki, public_pem(algorithm), public_pem(algorithm).strip(), key.public_key.spki[-32:], b""):
        forged = base64.b64encode(hmac.digest(secret, base, hashlib.sha256))
        request = with_header(unsigned, SIGNATURE, b"sig1=:" + forged + b":")
        assert reason(request, key) is Reason.MISMATCH


def test_an_ed25519_key_for_both_rsa_names() -> None:
    key = pair("rsa-pss-sha512").key
    assert key.public_key
    confused = replace(key, public_key=replace(key.public_key, algorithm="rsa-v1_5-sha256"))
    assert reason(signed("rsa-pss-sha512"), confused) is Reason.MISMATCH


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_unknown_keys_cost_a_computation_and_are_unknown(algorithm: str) -> None:
    for alg in ("yes", "no"):
        request = signed(algorithm, alg=alg)
        claim = examine(request, Demand(), schemes=BUILT_IN, window=Window(), now=NOW)
        assert not isinstance(claim, Rejected)
        found = conclude(claim, request, None, Demand(), schemes=BUILT_IN, window=Window(), now=NOW)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.UNKNOWN_KEY


def test_keys_that_may_not() -> None:
    key = pair(HMAC).key
    assert reason(GOOD, replace(key, allowed_schemes=frozenset({"aws-sigv4"}))) is Reason.UNSUPPORTED_SCHEME
    assert reason(GOOD, replace(key, state=KeyState.REVOKED)) is Reason.KEY_REVOKED
    assert reason(GOOD, replace(key, secret=b"")) is Reason.MISMATCH
    assert reason(GOOD, replace(key, secret=bytes(64))) is Reason.MISMATCH
    assert reason(GOOD, demand=Demand(key_id="other-key")) is Reason.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("now", "expected"), [(NOW + 900, None), (NOW + 901, Reason.TOO_OLD), (NOW - 900, None), (NOW - 901, Reason.TOO_NEW)]
)
def test_the_window(now: int, expected: Reason | None) -> None:
    found = verdict(GOOD, now=now)
    assert isinstance(found, Verified) if expected is None else found.reason is expected  # type: ignore[union-attr]


def test_expires_never_makes_the_window_longer() -> None:
    request = signed(expires="86400")
    assert reason(request, now=NOW + 901) is Reason.TOO_OLD


def test_required_headers_are_whole_ones() -> None:
    demand = Demand(required_headers=frozenset({b"x-dict"}))
    rest = ["@method", "@authority", "@path", "@query", "content-digest"]
    quoted = " ".join(f'"{name}"' for name in rest)
    assert reason(signed(components=f'{quoted} "x-dict";key="a"'), demand=demand) is Reason.NOT_COVERED
    for whole in ('"x-dict"', '"x-dict";bs'):
        assert isinstance(verdict(signed(components=f"{quoted} {whole}"), demand=demand), Verified)
    assert isinstance(verdict(GOOD, demand=Demand(required_headers=frozenset({b"host"}))), Verified)


def test_lines_of_one_header() -> None:
    request = signed(components='"@method" "x-list" "x-dict"')
    demand = Demand(required_components=("@method",))
    assert isinstance(verdict(request, demand=demand), Verified)
    assert isinstance(verdict(with_header(request, b"x-list", b" a, b\t"), demand=demand), Verified)
    assert reason(with_header(request, b"x-list", b"b", b"a"), demand=demand) is Reason.MISMATCH
    assert reason(with_header(request, b"x-list", b"a,b"), demand=demand) is Reason.MISMATCH
    assert reason(with_header(request, b"x-list", b"a", b"b", b""), demand=demand) is Reason.MISMATCH
    assert reason(with_header(request, b"x-dict", b"a=1, b=(c   d);q"), demand=demand) is Reason.MISMATCH
    wrapped = signed(components='"@method" "x-list";bs')
    assert reason(with_header(wrapped, b"x-list", b"a, b"), demand=demand) is Reason.MISMATCH


def test_other_schemes_are_no_way_in() -> None:
    """A request valid here is nothing to another scheme, and draft-cavage's field of the same name is nothing here."""
    for name, scheme in BUILT_IN.items():
        demand = Demand(allowed_schemes=frozenset({name}), key_id="test-key")
        found = examine(GOOD, demand, schemes=BUILT_IN, window=Window(), now=NOW)
        assert isinstance(found, Rejected) is (name != "rfc9421"), scheme.title
    cavage = b'keyId="test-key",algorithm="hs2019",headers="host",signature="AAAA"'
    old = with_header(with_header(GOOD, INPUT), SIGNATURE, cavage)
    assert isinstance(verdict(old), Rejected)
    assert reason(old) is Reason.UNSUPPORTED_SCHEME  # Told by its name, and not enabled here.
