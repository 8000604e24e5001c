"""Edges of the engine that no family of today reaches alone."""

from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest, Reason, Refusal, Verified
from counterseal.core.schemes.aws_sigv4 import AWS
from counterseal.core.schemes.base import Signing
from counterseal.core.schemes.goog4 import Goog4
from counterseal.core.scope import read_credential
from counterseal.core.sigv4 import parts
from counterseal.core.sigv4.claim import read_claim
from counterseal.core.sigv4.family import QueryNames
from tests.core.subjects import CREDENTIALS, NOW, PLAIN, signed, verdict, without_header


def refusal(family: object, request: HttpRequest) -> Refusal:
    with pytest.raises(Refusal) as refused:
        read_claim(family, request)  # type: ignore[arg-type]
    return refused.value


def test_a_family_without_the_plain_date() -> None:
    family = replace(AWS, name="strict", date_fallback=False)
    request = without_header(signed(), b"x-amz-date")
    found = refusal(family, replace(request, headers=(*request.headers, (b"date", b"20260921T141320Z"))))
    assert (found.reason, found.detail) == (Reason.MALFORMED, "no time: no x-amz-date")


def test_an_optional_list_of_headers() -> None:
    """A family may sign a fixed set, and list only what it signs beside it."""
    family = replace(AWS, name="lists-less", list_optional=True, read_names=lambda text, request: (b"host", b"x-amz-date"))
    request = signed()
    value = dict(request.headers)[b"authorization"]
    bare = value.replace(value[value.index(b"SignedHeaders=") : value.index(b"Signature=")], b"")
    headers = tuple((name, bare if name == b"authorization" else old) for name, old in request.headers)
    claim = read_claim(family, replace(request, headers=headers))
    assert (claim.signed_headers, claim.coverage.headers) == (b"", (b"host", b"x-amz-date"))
    assert refusal(AWS, replace(request, headers=headers)).detail == "Authorization: SignedHeaders is missing"


def test_names_of_parameters_that_are_left_out() -> None:
    names = QueryNames(
        algorithm=b"x-a",
        credential=b"x-c",
        date=b"x-d",
        expires=b"x-e",
        signed_headers=b"x-h",
        signature=b"x-s",
        security_token=b"",
        signed_headers_optional=True,
    )
    assert names.required == (b"x-a", b"x-c", b"x-d", b"x-e", b"x-s")
    assert b"" not in names.all
    assert not names.twins
    assert names.telling == {b"x-a", b"x-c", b"x-h", b"x-s"}


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (b"AKID/2026-09-21/s3/end", None),
        (b"AKID/20260921/s3/end", "Credential: the scope's date must be YYYY-MM-DD"),
        (b"AKID/2026-09-21/s!/end", "Credential: the service must be 1 to 64 characters of [A-Za-z0-9._-]"),
        (b"2026-09-21/s3/end", "Credential: must be key id, date, service and terminator, separated by /"),
    ],
)
def test_credentials_without_a_region_and_with_dashes(text: bytes, detail: str | None) -> None:
    if detail is None:
        key_id, scope = read_credential(text, "end", "x", has_region=False, dashed_date=True)
        assert (key_id, scope.text(), scope.scheme) == ("AKID", "2026-09-21/s3/end", "x")
        return
    with pytest.raises(Refusal) as refused:
        read_credential(text, "end", "x", has_region=False, dashed_date=True)
    assert refused.value.detail == detail


@pytest.mark.parametrize(
    "options",
    [
        {"expires": "1.5"},
        {"expires": "0"},
        {"expires": "604801"},
        {"expires": "60", "payload": "UNSIGNED-PAYLOAD"},
        {"nonce": "1"},
    ],
)
def test_options_that_no_family_takes(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"expires|nonce"):
        Goog4().sign(PLAIN, CREDENTIALS, Signing(now=NOW, options=options))


def test_two_families_are_equal_only_when_they_are_one() -> None:
    """Caches are asked by family: a configured one never finds what another left there."""
    twin = replace(AWS, name="aws-sigv4")
    assert twin != AWS
    assert read_claim(twin, signed()).scope == read_claim(AWS, signed()).scope


def test_long_lists_of_headers_are_read_and_not_remembered() -> None:
    """Strangers send them, for keys and headers that do not exist: what is remembered of them is bounded by size, too."""
    fields = tuple((b"x-%02d-" % number + b"b" * 70, b"%d" % number) for number in range(90))
    request = signed(replace(PLAIN, headers=(*PLAIN.headers, *fields)))
    before = parts._split_remembered.cache_info()
    claim = read_claim(AWS, request)
    assert len(claim.signed_headers) > 6000
    assert claim.coverage.headers == tuple(claim.signed_headers.split(b";"))
    assert isinstance(verdict(request), Verified)
    for wrong in (
        b";".join(reversed(claim.coverage.headers)),
        claim.signed_headers + b";y" * 2,
        claim.signed_headers + b";z",
        claim.signed_headers.upper(),
        b";".join(b"%05d" % number for number in range(101)),
    ):
        assert len(wrong) > 512
        headers = tuple((name, value.replace(claim.signed_headers, wrong)) for name, value in request.headers)
        assert refusal(AWS, replace(request, headers=headers)).detail.startswith("SignedHeaders:")
    assert parts._split_remembered.cache_info() == before
    read_claim(AWS, signed())
    assert parts._split_remembered.cache_info() != before
