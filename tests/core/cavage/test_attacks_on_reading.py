"""One change in a request that verifies: where the signature stands, and its parameters."""

import base64
from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Demand, Reason, Verified
from counterseal.core.payload import AlreadyChecked
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.cavage import CAVAGE, CAVAGE_APISIX, CAVAGE_KONG, Cavage
from tests.core.cavage import world
from tests.core.cavage.refusing import AUTHORIZATION, SCHEMES, all_schemes, hmac_signed, refused
from tests.core.cavage.world import added, changed, judge, sign, without


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
