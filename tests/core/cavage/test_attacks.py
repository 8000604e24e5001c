"""One change in a request that verifies, for each class of attack. The suite of `conformance` does the bytewise ones."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Demand, HttpRequest, KeyKind, Reason, Refusal, Rejected, Verified
from counterseal.core.payload import AlreadyChecked, BodyDigests, BodySha256, Unsigned
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.cavage import CAVAGE, CAVAGE_APISIX, CAVAGE_KONG, Cavage, from_options
from tests.core.asymmetric import keys
from tests.core.cavage import world
from tests.core.cavage.world import added, changed, judge, sign, without

SCHEMES = tuple(world.SCHEMES.values())
AUTHORIZATION = b"authorization"
all_schemes = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)


def refused(request: HttpRequest, reason: Reason, **changes: object) -> Rejected:
    found = judge(request, **changes)  # type: ignore[arg-type]
    assert isinstance(found, Rejected), found
    assert found.reason is reason, found
    return found


def hmac_signed(scheme: Cavage, request: HttpRequest = world.POST, **options: str) -> HttpRequest:
    """Sign with hmac-sha256 over target, date, host and digest, by name."""
    target = next(iter(scheme.dialect.targets)).decode()
    return sign(scheme, request, **{"algorithm": "hmac-sha256", "headers": f"{target} date host digest", **options})


@all_schemes
def test_what_is_changed_below_verifies(scheme: Cavage) -> None:
    for request in (sign(scheme, world.POST), sign(scheme, world.GET), hmac_signed(scheme)):
        found = judge(request)
        assert isinstance(found, Verified)
        assert found.scheme == scheme.name
        assert found.verified_path == b"/foo"
        assert found.payload_duty == AlreadyChecked()


# Where the signature stands, and of which scheme it is.


@all_schemes
def test_a_dialect_never_accepts_anothers_request(scheme: Cavage) -> None:
    for request in (sign(scheme, world.POST), hmac_signed(scheme)):
        for other in SCHEMES:
            if other is not scheme:
                refused(request, Reason.UNSUPPORTED_SCHEME, scheme=other)
                refused(request, Reason.UNSUPPORTED_SCHEME, demand=Demand(allowed_schemes=frozenset({other.name})))


@all_schemes
def test_a_dialects_signature_in_anothers_clothes_does_not_match(scheme: Cavage) -> None:
    # Word, key parameter and the name of the target changed, so that the other dialect reads it: the string differs.
    signed = hmac_signed(scheme)
    target = next(iter(scheme.dialect.targets))
    for other in SCHEMES:
        if other is scheme:
            continue
        text = world.field(signed, AUTHORIZATION)
        text = text.replace(scheme.dialect.word + b" ", other.dialect.word + b" ", 1)
        text = text.replace(scheme.dialect.key_parameter + b"=", other.dialect.key_parameter + b"=")
        for name in other.dialect.targets:
            clothed = changed(signed, AUTHORIZATION, world.field(signed, AUTHORIZATION), text.replace(target, name))
            refused(clothed, Reason.MISMATCH, scheme=other)


@all_schemes
def test_a_key_is_bound_to_its_schemes(scheme: Cavage) -> None:
    for other in SCHEMES:
        key = replace(world.symmetric_key(), allowed_schemes=frozenset({other.name}))
        found = judge(sign(scheme, world.POST), key)
        assert isinstance(found, Verified) is (other is scheme)


@pytest.mark.parametrize(
    "word", [b"signature", b"SIGNATURE", b"Signature2", b"Signaturex", b"Hmac", b"HMAC", b"hmacs", b"AWS4-HMAC-SHA256"]
)
@all_schemes
def test_words_are_exact(scheme: Cavage, word: bytes) -> None:
    signed = sign(scheme, world.POST)
    refused(changed(signed, AUTHORIZATION, scheme.dialect.word + b" ", word + b" "), Reason.UNSUPPORTED_SCHEME)
    refused(changed(signed, AUTHORIZATION, scheme.dialect.word + b" ", scheme.dialect.word), Reason.UNSUPPORTED_SCHEME)


def test_signatures_in_two_places_are_ambiguous() -> None:
    signed = sign(CAVAGE, world.POST)
    bare = world.field(sign(CAVAGE, world.POST, field="signature"), b"signature")
    refused(added(signed, (b"signature", bare)), Reason.AMBIGUOUS)
    refused(added(sign(CAVAGE_APISIX, world.POST), (b"signature", bare)), Reason.AMBIGUOUS)
    refused(added(sign(CAVAGE_APISIX, world.POST), (b"signature", bare)), Reason.AMBIGUOUS, scheme=CAVAGE)
    kong = sign(CAVAGE_KONG, world.POST)
    refused(added(kong, (b"proxy-authorization", world.field(kong, AUTHORIZATION))), Reason.AMBIGUOUS)
    refused(added(kong, (b"signature", bare)), Reason.AMBIGUOUS)


def test_a_field_twice_is_malformed_in_either_order() -> None:
    for name, signed in (
        (AUTHORIZATION, sign(CAVAGE, world.POST)),
        (b"signature", sign(CAVAGE, world.POST, field="signature")),
    ):
        value = world.field(signed, name)
        for other in (value, b"Basic eDp5", b"x=1"):
            refused(added(signed, (name, other)), Reason.MALFORMED)
            refused(added(without(signed, name), (name, other), (name, value)), Reason.MALFORMED)


def test_rfc9421_and_this_scheme_share_a_field_and_never_a_request() -> None:
    signed = sign(CAVAGE, world.POST, field="signature")
    assert isinstance(judge(signed), Verified)
    other = added(signed, (b"signature-input", b'sig1=("@method");keyid="client-1"'))
    refused(other, Reason.UNSUPPORTED_SCHEME)
    dictionary = added(world.POST, (b"signature", b"keyId=:AAAA:"), (b"date", world.DATE))
    refused(dictionary, Reason.UNSUPPORTED_SCHEME)
    refused(added(world.POST, (b"signature", b"sig1=:AAAA:")), Reason.UNSUPPORTED_SCHEME)
    # In Authorization it stands beside a signature of RFC 9421, as proxies add: with both enabled, a demand has to choose.
    both = added(sign(CAVAGE, world.POST), (b"signature-input", b'sig1=("@method")'), (b"signature", b"sig1=:AAAA:"))
    assert isinstance(judge(both), Verified)
    for request, names in ((signed, {"cavage"}), (other, {"rfc9421"}), (both, {"cavage", "rfc9421"})):
        assert {scheme.name for scheme in BUILT_IN.values() if scheme.recognises(read_request(request))} == names


# Parameters.


@pytest.mark.parametrize("name", ["keyId", "algorithm", "headers", "signature", "created"])
def test_repeated_parameters(name: str) -> None:
    signed = sign(CAVAGE, world.POST)
    text = world.field(signed, AUTHORIZATION).removeprefix(b"Signature ")
    (parameter,) = [part for part in text.split(b",") if part.startswith(name.encode() + b"=")]
    for repeated in (parameter + b"," + text, text + b"," + parameter):
        refused(changed(signed, AUTHORIZATION, text, repeated), Reason.MALFORMED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'keyId="client-1",', b""),
        (b'keyId="client-1"', b'keyId=""'),
        (b'keyId="client-1"', b"keyId=client-1"),
        (b'keyId="client-1"', b'keyId="client*"'),
        (b'keyId="client-1"', b'keyId="cl"'),
        (b'keyId="client-1"', b'keyId="' + b"a" * 10_000 + b'"'),
        (b'keyId="client-1"', b'keyId="client\\-1"'),
        (b'keyId="client-1"', b'keyid="client-1"'),
        (b'keyId="client-1"', b"keyId='client-1'"),
        (b'keyId="client-1"', b'keyId ="client-1"'),
        (b'keyId="client-1",', b'keyId="client-1",,'),
        (b'keyId="client-1",', b'keyId="client-1"'),
        (b'keyId="client-1",', b'keyId="client-1";'),
        (b'keyId="client-1",', b'keyId="client-1",realm="x",'),
        (b'keyId="client-1",', b'keyId="client-1\xff",'),
        (b'algorithm="hs2019"', b"algorithm=2019"),
        (b"created=1790000000", b'created="1790000000"'),
        (b"created=1790000000", b"created=1790000000.5"),
        (b"created=1790000000", b"created=01790000000"),
        (b"created=1790000000", b"created=-1790000000"),
        (b"created=1790000000", b"created=1e9"),
        (b"created=1790000000", b"created=99999999999999999999"),
        (b"created=1790000000,", b""),
        (b"created=1790000000", b"expires=1790000000"),
        (b'headers="', b'headers=" '),
        (b" host", b"  host"),
        (b" host", b" Host"),
        (b" host", b" host host"),
        (b" host", b" (algorithm)"),
        (b" host", b" x-absent"),
        (b" host", b" \x7fhost"),
        (b" host", b" " + b" ".join(b"x-%d" % n for n in range(200))),
        (b"headers=", b"header="),
        (b'signature="', b'signature="!'),
        (b'signature="', b'signature=" '),
        (b'signature="', b'signature="' + b"A" * 20_000),
    ],
)
def test_parameters_are_read_exactly(old: bytes, new: bytes) -> None:
    refused(changed(sign(CAVAGE, world.POST), AUTHORIZATION, old, new), Reason.MALFORMED)


def test_an_empty_or_half_signature() -> None:
    signed = sign(CAVAGE, world.POST)
    text = world.field(signed, AUTHORIZATION).partition(b'signature="')[2]
    for other in (
        b'"',
        b"",
        b'=="',
        b'AA"',
        text[:-3] + b'"',
        text[:-4] + b'R=="',
        base64.b64encode(b"\x00" * 64).replace(b"A", b"-") + b'"',
    ):
        refused(changed(signed, AUTHORIZATION, text, other), Reason.MALFORMED)
    for size in (1, 32, 63, 65, 1000):
        refused(changed(signed, AUTHORIZATION, text, base64.b64encode(b"\x00" * size) + b'"'), Reason.MISMATCH)


def test_any_order_and_spacing_isread_request() -> None:
    signed = sign(CAVAGE, world.POST)
    text = world.field(signed, AUTHORIZATION).removeprefix(b"Signature ")
    parts = text.split(b",")
    for other in (b", ".join(reversed(parts)), b"\t,  ".join(parts), b",".join(parts[2:] + parts[:2])):
        assert isinstance(judge(changed(signed, AUTHORIZATION, text, other)), Verified)


# Algorithms and kinds of key.


@pytest.mark.parametrize(
    "name", ["rsa-sha1", "hmac-sha1", "md5", "none", "HS2019", "hmac", "rsa-sha512", "ecdsa-sha384", "dsa-sha1", "hmac-sha256 "]
)
@all_schemes
def test_unknown_and_broken_algorithms(scheme: Cavage, name: str) -> None:
    refused(changed(hmac_signed(scheme), AUTHORIZATION, b"hmac-sha256", name.encode()), Reason.UNSUPPORTED_SCHEME)


@pytest.mark.parametrize("algorithm", ["rsa-v1_5-sha256", "ecdsa-p256-sha256", "ed25519"])
def test_a_public_key_is_no_hmac_secret(algorithm: str) -> None:
    # CVE-2022-29217: whatever spelling of the public key the attacker signs with.
    key = world.public_key(algorithm)
    assert key.public_key is not None
    pem = keys.spki_pem(key.public_key)
    for secret in (pem, pem.strip(), key.public_key.spki, key.public_key.spki[-32:], b"\x00" * 16):
        attacker = replace(world.credentials(), secret=secret)
        for options in ({"algorithm": "hmac-sha256"}, {"algorithm": "hs2019"}):
            headers = "(request-target) date host digest"
            refused(sign(CAVAGE, world.POST, attacker, headers=headers, **options), Reason.MISMATCH, key=key)


def test_a_named_algorithm_is_the_keys_own() -> None:
    names = {"rsa-v1_5-sha256": b"rsa-sha256", "ecdsa-p256-sha256": b"ecdsa-sha256", "ed25519": b"ed25519"}
    for algorithm, own in names.items():
        headers = "(request-target) date host digest"
        signed = sign(CAVAGE, world.POST, world.credentials(algorithm), algorithm=own.decode(), headers=headers)
        assert isinstance(judge(signed, world.public_key(algorithm)), Verified)
        for name in (*names.values(), b"hmac-sha256", b"hmac-sha512"):
            if name != own:
                other = changed(signed, AUTHORIZATION, b'algorithm="' + own, b'algorithm="' + name)
                refused(other, Reason.MISMATCH, key=world.public_key(algorithm))
        # A key of the kind that the message names, and not the one that signed.
        refused(signed, Reason.MISMATCH)


def test_hs2019_and_no_name_leave_it_to_the_key() -> None:
    for algorithm in ("rsa-pss-sha512", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519"):
        signed = sign(CAVAGE, world.POST, world.credentials(algorithm), algorithm="hs2019")
        unnamed = changed(signed, AUTHORIZATION, b'algorithm="hs2019",', b"")
        for request in (signed, unnamed):
            assert isinstance(judge(request, world.public_key(algorithm)), Verified)
            refused(request, Reason.MISMATCH)
    # PKCS #1 v1.5 and PSS are two keys, even over one modulus.
    signed = sign(CAVAGE, world.POST, world.credentials("rsa-pss-sha512"), algorithm="hs2019")
    refused(signed, Reason.MISMATCH, key=world.public_key("rsa-v1_5-sha256"))


def test_hs2019_with_a_secret_is_sha512_alone() -> None:
    signed = sign(CAVAGE, world.POST)
    found = CAVAGE.read(read_request(signed), Demand())
    (string,) = found.strings
    assert found.signature == hmac.digest(world.SECRET, string, "sha512")
    other = base64.b64encode(hmac.digest(world.SECRET, string, "sha256"))
    refused(changed(signed, AUTHORIZATION, base64.b64encode(found.signature), other), Reason.MISMATCH)


@all_schemes
def test_kinds_never_cross(scheme: Cavage) -> None:
    key = world.public_key("ed25519")
    expected = Reason.MISMATCH if KeyKind.PUBLIC in scheme.key_kinds else Reason.UNSUPPORTED_SCHEME
    refused(sign(scheme, world.POST), expected, key=key)


@pytest.mark.parametrize("secret", [b"", b"short", b"\x00" * 32])
@all_schemes
def test_no_secret_or_a_short_one_never_verifies(scheme: Cavage, secret: bytes) -> None:
    attacker = replace(world.credentials(), secret=secret or b"\x00")
    refused(sign(scheme, world.POST, attacker), Reason.MISMATCH, key=world.symmetric_key(secret))


@all_schemes
def test_an_unknown_key(scheme: Cavage) -> None:
    refused(sign(scheme, world.POST), Reason.UNKNOWN_KEY, unknown=True)
    for algorithm in ("ed25519", "ecdsa-p256-sha256"):
        if KeyKind.PUBLIC in scheme.key_kinds:
            signed = sign(scheme, world.POST, world.credentials(algorithm))
            refused(signed, Reason.UNKNOWN_KEY, unknown=True)
    if KeyKind.PUBLIC in scheme.key_kinds:
        rsa = sign(scheme, world.POST, world.credentials("rsa-v1_5-sha256"), algorithm="rsa-sha256")
        refused(rsa, Reason.UNKNOWN_KEY, unknown=True)


# Time.


@pytest.mark.parametrize(("offset", "reason"), [(-900, None), (900, None), (-901, Reason.TOO_NEW), (901, Reason.TOO_OLD)])
@all_schemes
def test_the_window(scheme: Cavage, offset: int, reason: Reason | None) -> None:
    for request in (sign(scheme, world.POST), hmac_signed(scheme)):
        if reason is None:
            assert isinstance(judge(request, now=world.NOW + offset), Verified)
        else:
            refused(request, reason, now=world.NOW + offset)


def test_an_end_only_shortens() -> None:
    signed = sign(CAVAGE, world.POST, expires="60")
    assert isinstance(judge(signed, now=world.NOW + 60), Verified)
    refused(signed, Reason.TOO_OLD, now=world.NOW + 61)
    longer = sign(CAVAGE, world.POST, expires="100000")
    refused(longer, Reason.TOO_OLD, now=world.NOW + 901)
    refused(changed(signed, AUTHORIZATION, b"expires=1790000060", b"expires=1790009999"), Reason.MISMATCH)
    refused(changed(signed, AUTHORIZATION, b"expires=1790000060,", b""), Reason.MALFORMED)
    for text in (b"1790000060.", b".5", b"1.2.3", b"1e9", b"", b"-1"):
        refused(changed(signed, AUTHORIZATION, b"expires=1790000060", b"expires=" + text), Reason.MALFORMED)


def test_an_end_with_decimals_is_signed_as_written() -> None:
    # Section 2.1.5 allows them; here they are cut off, which only shortens.
    signed = sign(CAVAGE, world.POST, headers="(request-target) (created) host digest")
    later = changed(signed, AUTHORIZATION, b"created=", b"expires=1790000030.75,created=")
    assert isinstance(judge(later, now=world.NOW + 30), Verified)
    refused(later, Reason.TOO_OLD, now=world.NOW + 31)


@pytest.mark.parametrize("name", ["rsa-sha256", "ecdsa-sha256"])
def test_times_in_the_parameters_are_errors_with_older_names(name: str) -> None:
    # Sections 2.3.1.2 and 2.3.1.3. The algorithm is changed only in its name, which hs2019 leaves to the key.
    algorithm = {"rsa-sha256": "rsa-v1_5-sha256", "ecdsa-sha256": "ecdsa-p256-sha256"}[name]
    signed = sign(CAVAGE, world.POST, world.credentials("ecdsa-p256-sha256"), algorithm="hs2019")
    other = changed(signed, AUTHORIZATION, b"hs2019", name.encode())
    refused(other, Reason.MALFORMED, key=world.public_key(algorithm))
    with pytest.raises(ValueError, match="must not be listed"):
        sign(CAVAGE, world.POST, algorithm="hmac-sha256", headers="(request-target) (created) host digest")


@all_schemes
def test_no_time_at_all(scheme: Cavage) -> None:
    target = next(iter(scheme.dialect.targets))
    signed = hmac_signed(scheme)
    bare = without(changed(signed, AUTHORIZATION, b" date", b""), b"date")
    assert target in world.field(bare, AUTHORIZATION)
    refused(bare, Reason.MALFORMED)
    refused(changed(signed, AUTHORIZATION, b" date", b""), Reason.NOT_COVERED)


@all_schemes
def test_an_unsigned_time_is_never_the_one_used(scheme: Cavage) -> None:
    # X-Date goes before Date in one dialect, and after it in another: the signed one counts in both.
    for own, other in (("date", b"x-date"), ("x-date", b"date")):
        target = next(iter(scheme.dialect.targets)).decode()
        signed = hmac_signed(scheme, headers=f"{target} {own} host digest")
        stale = added(signed, (other, b"Mon, 21 Sep 2020 14:13:20 GMT"))
        found = judge(stale)
        assert isinstance(found, Verified)
        assert found.signed_time == world.NOW


@pytest.mark.parametrize(
    "stated",
    [
        b"",
        b"Mon, 21 Sep 2026 14:13:20 +0000",
        b"Tue, 21 Sep 2026 14:13:20 GMT",
        b"2026-09-21T14:13:20Z",
        b"1790000000",
        b"Mon, 21 sep 2026 14:13:20 GMT",
    ],
)
@all_schemes
def test_dates_are_read_exactly(scheme: Cavage, stated: bytes) -> None:
    refused(changed(hmac_signed(scheme), b"date", world.DATE, stated), Reason.MALFORMED)


def test_an_unsigned_created_says_nothing() -> None:
    signed = hmac_signed(CAVAGE)
    found = judge(changed(signed, AUTHORIZATION, b'keyId="', b'created=1,keyId="'))
    assert isinstance(found, Verified)
    assert found.signed_time == world.NOW


# Coverage.


@all_schemes
def test_what_has_to_be_covered(scheme: Cavage) -> None:
    target = next(iter(scheme.dialect.targets)).decode()
    listed = [target, "date", "host", "digest"]
    for left in listed[1:]:
        kept = " ".join(name for name in listed if name != left)
        with pytest.raises(ValueError, match=r"not signed|missing"):
            hmac_signed(scheme, headers=kept)
        found = judge(changed(hmac_signed(scheme), AUTHORIZATION, " ".join(listed).encode(), kept.encode()))
        assert isinstance(found, Rejected)
        assert found.reason is Reason.NOT_COVERED
        assert left in found.detail or left == "date"


def test_the_target_has_to_be_covered() -> None:
    for scheme, listed in ((CAVAGE, b"(request-target) "), (CAVAGE_KONG, b"@request-target ")):
        refused(changed(hmac_signed(scheme), AUTHORIZATION, listed, b""), Reason.NOT_COVERED)
    # Without it a request is not APISIX's, but the draft's.
    other = changed(hmac_signed(CAVAGE_APISIX), AUTHORIZATION, b"@request-target ", b"")
    refused(other, Reason.NOT_COVERED)
    refused(other, Reason.UNSUPPORTED_SCHEME, scheme=CAVAGE_APISIX)


@all_schemes
def test_demanded_headers(scheme: Cavage) -> None:
    demand = Demand(required_headers=frozenset({b"content-type"}))
    found = refused(hmac_signed(scheme), Reason.NOT_COVERED, demand=demand)
    assert "content-type" in found.detail


@all_schemes
def test_a_listed_header_that_is_absent(scheme: Cavage) -> None:
    # Kong signs `name:` for it, APISIX leaves it out, and a query parameter of that name is no header.
    target = next(iter(scheme.dialect.targets)).decode()
    signed = hmac_signed(scheme, headers=f"{target} date host digest content-type")
    refused(without(signed, b"content-type"), Reason.MALFORMED)
    query = replace(without(signed, b"content-type"), target=b"/foo?content-type=application/json")
    refused(query, Reason.MALFORMED)


def test_a_header_with_the_name_of_the_request_line() -> None:
    # Kong would sign the header in its place, so that the target were not covered.
    signed = hmac_signed(CAVAGE_KONG, headers="request-line date host digest")
    assert isinstance(judge(signed), Verified)
    refused(added(signed, (b"request-line", b"GET / HTTP/1.1")), Reason.MALFORMED)


def test_the_request_line_of_either_version() -> None:
    signed = hmac_signed(CAVAGE_KONG, headers="request-line date host digest")
    first, second = CAVAGE_KONG.read(read_request(signed), Demand()).strings
    assert first.startswith(b"POST /foo?param=value&pet=dog HTTP/1.1\n")
    text = base64.b64encode(hmac.digest(world.SECRET, second, "sha256"))
    old = world.field(signed, AUTHORIZATION).rpartition(b'signature="')[2].rstrip(b'"')
    assert isinstance(judge(changed(signed, AUTHORIZATION, old, text)), Verified)
    third = base64.b64encode(hmac.digest(world.SECRET, first.replace(b"HTTP/1.1", b"HTTP/1.0"), "sha256"))
    refused(changed(signed, AUTHORIZATION, old, third), Reason.MISMATCH)


@all_schemes
def test_repeated_headers(scheme: Cavage) -> None:
    target = next(iter(scheme.dialect.targets)).decode()
    signed = hmac_signed(scheme, headers=f"{target} date host digest content-type")
    other = added(signed, (b"content-type", b"text/html"))
    # The plugins sign the first alone; the draft signs both as one.
    refused(other, Reason.MISMATCH if scheme is CAVAGE else Reason.MALFORMED)


@all_schemes
def test_methods(scheme: Cavage) -> None:
    signed = hmac_signed(scheme)
    for method in (b"PUT", b"HEAD"):
        refused(replace(signed, method=method), Reason.MISMATCH)
    lower = Reason.MISMATCH if scheme is CAVAGE_APISIX else Reason.MALFORMED
    refused(replace(signed, method=b"post"), lower)
    refused(replace(signed, method=b"Post"), lower)


# The body.


@all_schemes
def test_another_body(scheme: Cavage) -> None:
    signed = hmac_signed(scheme)
    for content in (b"", world.BODY + b" ", world.BODY[:-1], b"x"):
        refused(replace(signed, content=content), Reason.PAYLOAD_MISMATCH)
    refused(replace(signed, content=None, content_sha256=hashlib.sha256(b"x").digest()), Reason.PAYLOAD_MISMATCH)
    refused(changed(signed, b"digest", b"SHA-256=", b"SHA-256=A"), Reason.MALFORMED)


@all_schemes
def test_a_body_added_to_a_request_without(scheme: Cavage) -> None:
    signed = sign(scheme, world.GET)
    refused(replace(signed, content=b"x"), Reason.NOT_COVERED)
    refused(replace(signed, content=None, content_sha256=hashlib.sha256(b"x").digest()), Reason.NOT_COVERED)
    for line in ((b"transfer-encoding", b"chunked"), (b"content-length", b"1"), (b"content-length", b"0, 5")):
        refused(added(replace(signed, content=None), line), Reason.NOT_COVERED)
    # An unsigned digest that fits is no signed one.
    digest = b"SHA-256=" + base64.b64encode(hashlib.sha256(b"x").digest())
    refused(added(replace(signed, content=b"x"), (b"digest", digest)), Reason.NOT_COVERED)


@all_schemes
def test_what_is_left_to_the_gateway(scheme: Cavage) -> None:
    empty = hashlib.sha256(b"").digest()
    signed = replace(sign(scheme, world.GET), content=None)
    for request in (signed, added(signed, (b"content-length", b"0"))):
        found = judge(request)
        assert isinstance(found, Verified)
        assert found.payload_duty == BodySha256(sha256=empty)
    found = judge(replace(signed, content_sha256=empty))
    assert isinstance(found, Verified)
    assert found.payload_duty == AlreadyChecked()
    streamed = replace(hmac_signed(scheme), content=None)
    found = judge(streamed)
    assert isinstance(found, Verified)
    assert found.payload_duty == BodyDigests(digests=(("sha-256", hashlib.sha256(world.BODY).digest()),))


@pytest.mark.parametrize(
    "digest", [b"MD5=AAAA", b"SHA=AAAA", b"", b"SHA-256", b"unixsum=1", b"sha-256=:%s:" % base64.b64encode(b"\x00" * 32)]
)
@all_schemes
def test_digests_that_prove_nothing(scheme: Cavage, digest: bytes) -> None:
    refused(changed(hmac_signed(scheme), b"digest", world.field(hmac_signed(scheme), b"digest"), digest), Reason.MALFORMED)


def test_unsigned_bodies_only_where_configured() -> None:
    acme = from_options("acme", {"unsigned_body": True})
    signed = sign(acme, world.POST, algorithm="hmac-sha256", headers="(request-target) date host")
    found = judge(signed, scheme=acme)
    assert isinstance(found, Verified)
    assert found.payload_duty == Unsigned()
    refused(signed, Reason.NOT_COVERED, scheme=CAVAGE)
    # A digest that is signed is checked all the same.
    signed = sign(acme, world.POST, algorithm="hmac-sha256", headers="(request-target) date host digest")
    refused(replace(signed, content=b"x"), Reason.PAYLOAD_MISMATCH, scheme=acme)


@pytest.mark.parametrize("scheme", [CAVAGE_KONG, CAVAGE_APISIX], ids=lambda scheme: scheme.name)
def test_the_plugins_have_no_defaults(scheme: Cavage) -> None:
    # Kong takes a missing list or algorithm from its configuration. Here a request says what it is signed with.
    signed = hmac_signed(scheme)
    refused(changed(signed, AUTHORIZATION, b'algorithm="hmac-sha256",', b""), Reason.MALFORMED)
    listed = b'headers="' + world.field(signed, AUTHORIZATION).partition(b'headers="')[2].partition(b",")[0] + b","
    other = changed(signed, AUTHORIZATION, listed, b"")
    refused(other, Reason.MALFORMED if scheme is CAVAGE_KONG else Reason.UNSUPPORTED_SCHEME, scheme=scheme)


def test_without_a_list_only_created_is_signed() -> None:
    # Section 2.1.6. So little is signed that nothing of it is accepted.
    signed = sign(CAVAGE, world.POST)
    listed = b'headers="(request-target) (created) host digest",'
    found = CAVAGE.read(read_request(changed(signed, AUTHORIZATION, listed, b"")), Demand())
    assert found.strings == (b"(created): 1790000000",)
    refused(changed(signed, AUTHORIZATION, listed, b""), Reason.NOT_COVERED)


def test_reading_what_is_not_signed() -> None:
    for scheme in SCHEMES:
        assert not scheme.recognises(read_request(world.POST))
        with pytest.raises(Refusal) as caught:
            scheme.read(read_request(world.POST), Demand())
        assert caught.value.reason is Reason.UNSIGNED
    refused(world.POST, Reason.UNSIGNED)
