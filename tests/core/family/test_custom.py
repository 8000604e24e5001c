"""Families by configuration: what options they take, and what comes of them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest, Reason, Rejected, Verified
from counterseal.core.payload import Unsigned
from counterseal.core.schemes.base import Signing
from counterseal.core.sigv4.custom import from_options
from counterseal.core.sigv4.family import with_underscores
from counterseal.core.sigv4.scheme import FamilyScheme
from tests.core.subjects import CREDENTIALS, KEY, NOW, PLAIN, and_header, header_of, verdict, without_header

Options = dict[str, object]
BARE = without_header(PLAIN, b"x-amz-acl")


def sign(scheme: FamilyScheme, request: HttpRequest = BARE, **options: str) -> HttpRequest:
    return scheme.sign(request, CREDENTIALS, Signing(now=NOW, options=options))


def outcome(scheme: FamilyScheme, request: HttpRequest) -> Reason | None:
    key = replace(KEY, allowed_schemes=frozenset({scheme.name}))
    found = verdict(request, key=key, schemes={scheme.name: scheme})
    return found.reason if isinstance(found, Rejected) else None


def test_the_words_come_from_the_providers() -> None:
    family = from_options("outscale", {"provider1": "osc", "provider2": "abc"}).family
    assert (family.name, family.algorithm, family.terminator) == ("outscale", b"OSC4-HMAC-SHA256", "osc4_request")
    assert (family.date_header, family.security_token_header) == (b"x-abc-date", b"x-abc-security-token")
    assert family.title == "Signature Version 4 with the words of osc:abc"
    assert from_options("osc", {"provider1": "osc"}).family.date_header == b"x-osc-date"
    assert from_options("osc", {"provider1": "osc", "title": "Outscale"}).title == "Outscale"


def test_signing_takes_its_defaults_from_the_options() -> None:
    scheme = from_options("osc", {"provider1": "osc", "region": "eu-west-2", "service": "api"})
    assert b"/20260921/eu-west-2/api/osc4_request," in header_of(sign(scheme), b"authorization")
    assert outcome(scheme, sign(scheme)) is None
    assert outcome(scheme, sign(scheme, region="us", service="s3")) is None, "demands bind requests, options do not"


def test_presigned_only_where_the_options_say_so() -> None:
    plain, presigning = (from_options("osc", {"provider1": "osc", "presigned": flag}) for flag in (False, True))
    request = sign(presigning, expires="60")
    assert b"X-Osc-Signature=" in request.target
    assert outcome(presigning, request) is None
    assert outcome(plain, request) is Reason.UNSIGNED
    with pytest.raises(ValueError, match="presigns nothing"):
        sign(plain, expires="60")


@pytest.mark.parametrize(("path", "verified"), [("encoded-twice", b"/a/../b"), ("as-sent", b"/a/../b"), ("normalised", b"/b")])
def test_path_rules(path: str, verified: bytes) -> None:
    scheme = from_options("osc", {"provider1": "osc", "path": path})
    request = sign(scheme, replace(BARE, target=b"/a/../b"), service="api")
    found = verdict(request, key=replace(KEY, allowed_schemes=frozenset({"osc"})), schemes={"osc": scheme})
    assert isinstance(found, Verified)
    assert found.verified_path == verified
    others = [from_options("osc", {"provider1": "osc", "path": other}) for other in ("encoded-twice", "as-sent", "normalised")]
    odd = sign(scheme, replace(BARE, target=b"/a%20b/../c"), service="api")
    assert [outcome(other, odd) for other in others].count(None) == 1
    storage = sign(scheme, replace(BARE, target=b"/a%20b/../c"), service="s3")
    assert [outcome(other, storage) for other in others] == [None] * 3


def test_a_stated_payload() -> None:
    lax, strict = (from_options("osc", {"provider1": "osc", "states_payload": flag}) for flag in (False, True))
    assert outcome(lax, sign(lax)) is None
    assert outcome(strict, sign(lax)) is Reason.NOT_COVERED
    assert outcome(strict, sign(strict)) is None
    found = verdict(
        sign(strict, payload="UNSIGNED-PAYLOAD"),
        key=replace(KEY, allowed_schemes=frozenset({"osc"})),
        schemes={"osc": strict},
    )
    assert isinstance(found, Verified)
    assert found.payload_duty == Unsigned()


@pytest.mark.parametrize("name", [b"x-abc-acl", b"x_abc_acl", b"x-osc-acl", b"x_osc-acl", b"x-amz-acl"])
def test_headers_of_either_provider_are_signed(name: bytes) -> None:
    scheme = from_options("osc", {"provider1": "osc", "provider2": "abc"})
    assert outcome(scheme, and_header(sign(scheme), name, b"x")) is Reason.NOT_COVERED


def test_spellings_with_underscores() -> None:
    assert set(with_underscores(b"x-a-")) == {b"x-a-", b"x_a-", b"x-a_", b"x_a_"}


WRONG: dict[str, tuple[Options, str]] = {
    "no provider": ({}, "provider1"),
    "an empty provider": ({"provider1": ""}, "provider1"),
    "capitals": ({"provider1": "OSC"}, "provider1"),
    "a dash": ({"provider1": "o-c"}, "provider1"),
    "a colon": ({"provider1": "osc:abc"}, "provider1"),
    "a long provider": ({"provider1": "o" * 33}, "provider1"),
    "a newline": ({"provider1": "osc\n"}, "provider1"),
    "another letter": ({"provider1": "öc"}, "provider1"),
    "a number": ({"provider1": 1}, "provider1"),
    "a wrong second": ({"provider1": "osc", "provider2": "Abc"}, "provider2"),
    "no text for the second": ({"provider1": "osc", "provider2": None}, "provider2"),
    "AWS's words": ({"provider1": "aws", "provider2": "abc"}, "aws-sigv4"),
    "Google's words": ({"provider1": "goog"}, "goog4"),
    "Alibaba's words": ({"provider1": "oss"}, "oss4"),
    "an unknown option": ({"provider1": "osc", "algorithm": "none"}, "algorithm"),
    "an unknown path rule": ({"provider1": "osc", "path": "raw"}, "path"),
    "a flag in words": ({"provider1": "osc", "presigned": "yes"}, "presigned"),
    "a flag in numbers": ({"provider1": "osc", "states_payload": 1}, "states_payload"),
    "an odd region": ({"provider1": "osc", "region": "a/b"}, "region"),
    "an empty service": ({"provider1": "osc", "service": ""}, "service"),
    "two lines of title": ({"provider1": "osc", "title": "a\nb"}, "title"),
    "a long title": ({"provider1": "osc", "title": "a" * 201}, "title"),
}


@pytest.mark.parametrize(("options", "named"), WRONG.values(), ids=WRONG.keys())
def test_options_that_are_refused(options: Mapping[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        from_options("osc", options)


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a" * 64, "a\n", "ä"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        from_options(name, {"provider1": "osc"})
