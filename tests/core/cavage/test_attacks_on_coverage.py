"""One change in a request that verifies: what is covered, and the body."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Demand, Reason, Refusal, Rejected, Verified
from counterseal.core.payload import AlreadyChecked, BodyDigests, BodySha256, Unsigned
from counterseal.core.schemes.cavage import CAVAGE, CAVAGE_APISIX, CAVAGE_KONG, Cavage, from_options
from tests.core.cavage import world
from tests.core.cavage.refusing import AUTHORIZATION, SCHEMES, all_schemes, hmac_signed, refused
from tests.core.cavage.world import added, changed, judge, sign, without

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
