"""One change in a request that verifies, for every member of the family: scope, time, signature, coverage and body."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest, Reason, Rejected, Verified
from counterseal.core.schemes.aws_sigv4a import AwsSigV4A
from counterseal.core.schemes.base import Signing
from counterseal.core.schemes.goog4 import Goog4
from counterseal.core.sigv4.custom import from_options
from counterseal.core.sigv4.scheme import FamilyScheme
from tests.core.subjects import CREDENTIALS, KEY, NOW, PLAIN, and_header, verdict, without_header

MALFORMED, NOT_COVERED, MISMATCH = Reason.MALFORMED, Reason.NOT_COVERED, Reason.MISMATCH
SCHEMES: dict[str, FamilyScheme] = {
    scheme.name: scheme for scheme in (AwsSigV4A(), Goog4(), from_options("osc", {"provider1": "osc", "presigned": True}))
}
BARE = without_header(PLAIN, b"x-amz-acl")
Change = Callable[[FamilyScheme, HttpRequest], HttpRequest]


def judge(scheme: FamilyScheme, request: HttpRequest, now: float = NOW) -> Reason | None:
    key = replace(KEY, allowed_schemes=frozenset({scheme.name}))
    found = verdict(request, key=key, schemes=SCHEMES, now=now)
    assert isinstance(found, Verified | Rejected)
    return found.reason if isinstance(found, Rejected) else None


def swapped(old: bytes, new: bytes) -> Change:
    """Replace text in the header's signature or the query's; `/` is spelled as each place wants it."""

    def change(scheme: FamilyScheme, request: HttpRequest) -> HttpRequest:
        escaped_old, escaped_new = old.replace(b"/", b"%2F"), new.replace(b"/", b"%2F")
        headers = tuple(
            (name, value.replace(old, new) if name == b"authorization" else value) for name, value in request.headers
        )
        changed = replace(request, headers=headers, target=request.target.replace(escaped_old, escaped_new))
        assert changed != request
        return changed

    return change


def ended(new: bytes) -> Change:
    return lambda scheme, request: swapped(scheme.family.terminator.encode(), new)(scheme, request)


# Region or none, every scope here has a date in front and its terminator at the end.
SCOPES: dict[str, tuple[Change, Reason]] = {
    "another day": (swapped(b"/20260921/", b"/20260920/"), MALFORMED),
    "a day that is none": (swapped(b"/20260921/", b"/20260931/"), MALFORMED),
    "a dashed day": (swapped(b"/20260921/", b"/2026-09-21/"), MALFORMED),
    "no day": (swapped(b"/20260921/", b"/"), MALFORMED),
    "an empty part": (swapped(b"/20260921/", b"/20260921//"), MALFORMED),
    "a part too many": (swapped(b"/20260921/", b"/20260921/x/"), MALFORMED),
    "another key id": (swapped(b"AKIDEXAMPLE/", b"AKIDEXAMPLF/"), Reason.UNKNOWN_KEY),
    "no key id": (swapped(b"AKIDEXAMPLE/", b"/"), MALFORMED),
    "a key id with a blank": (swapped(b"AKIDEXAMPLE/", b"AKID\xa0EXAMPLE/"), MALFORMED),
    "AWS4's end": (ended(b"aws4_reques"), MALFORMED),
    "another end": (ended(b"tc3_request"), MALFORMED),
    "an end in capitals": (ended(b"AWS4_REQUEST"), MALFORMED),
}


@pytest.mark.parametrize("options", [{}, {"expires": "600"}], ids=["header", "query"])
@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("attack", SCOPES)
def test_scopes(attack: str, name: str, options: dict[str, str]) -> None:
    scheme, (change, expected) = SCHEMES[name], SCOPES[attack]
    request = scheme.sign(BARE, CREDENTIALS, Signing(now=NOW, options=options))
    assert judge(scheme, request) is None
    found = judge(scheme, change(scheme, request))
    assert found is expected, found


@pytest.mark.parametrize("name", SCHEMES)
def test_another_service(name: str) -> None:
    scheme = SCHEMES[name]
    service = scheme.family.sign_service.encode()
    for options in ({}, {"expires": "600"}):
        request = scheme.sign(BARE, CREDENTIALS, Signing(now=NOW, options=options))
        end = b"/" + scheme.family.terminator.encode()
        assert judge(scheme, swapped(b"/" + service + end, b"/sns" + end)(scheme, request)) in (MISMATCH, NOT_COVERED)


@pytest.mark.parametrize("name", SCHEMES)
def test_times(name: str) -> None:
    scheme = SCHEMES[name]
    header = scheme.sign(BARE, CREDENTIALS, Signing(now=NOW))
    query = scheme.sign(BARE, CREDENTIALS, Signing(now=NOW, options={"expires": "600"}))
    for now, expected in ((NOW + 900, None), (NOW + 901, Reason.TOO_OLD), (NOW - 900, None), (NOW - 901, Reason.TOO_NEW)):
        assert judge(scheme, header, now) is expected
    for now, expected in ((NOW + 600, None), (NOW + 601, Reason.TOO_OLD), (NOW - 900, None), (NOW - 901, Reason.TOO_NEW)):
        assert judge(scheme, query, now) is expected
    assert judge(scheme, without_header(header, scheme.family.date_header)) is MALFORMED
    for text in (b"0", b"-1", b"604801", b"6e2", b"+600", b"600 ", b"600.0", b"0x258", b"", b"9223372036854775808"):
        target = query.target.replace(b"-Expires=600", b"-Expires=" + text.replace(b" ", b"%20").replace(b"+", b"%2B"))
        assert judge(scheme, replace(query, target=target)) is MALFORMED, text


@pytest.mark.parametrize("options", [{}, {"expires": "600"}], ids=["header", "query"])
@pytest.mark.parametrize("name", SCHEMES)
def test_signatures(name: str, options: dict[str, str]) -> None:
    scheme = SCHEMES[name]
    request = scheme.sign(BARE, CREDENTIALS, Signing(now=NOW, options=options))
    signature = next(
        value.rpartition(b"Signature=")[2]
        for value in (request.target, *(value for _, value in request.headers))
        if b"Signature=" in value
    )
    for other in (signature.upper(), signature[:-1], signature + b"0", signature[:-2], b"0" * len(signature), b"A" * 64):
        found = judge(scheme, swapped(signature, other)(scheme, request))
        assert found is MALFORMED or (found is MISMATCH and other == b"0" * 64), other


@pytest.mark.parametrize("options", [{}, {"expires": "600"}], ids=["header", "query"])
@pytest.mark.parametrize("name", SCHEMES)
def test_what_is_covered(name: str, options: dict[str, str]) -> None:
    scheme = SCHEMES[name]
    family = scheme.family
    request = scheme.sign(BARE, CREDENTIALS, Signing(now=NOW, options=options))
    assert judge(scheme, replace(request, method=b"GET")) is MISMATCH
    assert judge(scheme, replace(request, target=request.target.replace(b"cat", b"dog"))) is MISMATCH
    assert judge(scheme, replace(request, target=request.target + b"&x=")) is MISMATCH
    own = family.must_sign[0] + b"acl"
    assert judge(scheme, and_header(request, own, b"public-read")) is NOT_COVERED
    assert judge(scheme, and_header(request, own.replace(b"-", b"_"), b"public-read")) is NOT_COVERED
    assert judge(scheme, and_header(request, family.security_token_header, b"token")) in (NOT_COVERED, Reason.AMBIGUOUS)
    lists = b"SignedHeaders=content-type%3Bhost" if options else b"SignedHeaders=content-type;host"
    assert judge(scheme, swapped(lists, lists.replace(b"host", b""))(scheme, request)) is MALFORMED
    for changed in (b"host;content-type", b"content-type;host;host", b"Content-Type;host", b"content-type;host;x"):
        spelled = changed.replace(b";", b"%3B") if options else changed
        assert judge(scheme, swapped(lists, b"SignedHeaders=" + spelled)(scheme, request)) is MALFORMED
