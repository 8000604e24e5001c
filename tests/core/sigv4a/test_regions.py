"""Sets of regions: read exactly, signed, and matched against a demand."""

import random
import re
from dataclasses import replace

import pytest

from counterseal.core.model import Demand, Reason, Refusal, Rejected, StringToSignSubject, Verified
from counterseal.core.schemes.aws_sigv4a import AwsSigV4A
from counterseal.core.schemes.base import Signing
from counterseal.core.scope import MAX_REGIONS, is_in_region_set, read_region_set
from tests.core.sigv4a.cases import KEY_4A, presigned, signature_of, signed, signed_again, text_of
from tests.core.subjects import (
    CREDENTIALS,
    NOW,
    PLAIN,
    and_header,
    edit_header,
    edit_target,
    verdict,
    with_header,
    without_header,
)

MALFORMED, AMBIGUOUS, NOT_COVERED = Reason.MALFORMED, Reason.AMBIGUOUS, Reason.NOT_COVERED
MISMATCH, OUT_OF_SCOPE = Reason.MISMATCH, Reason.OUT_OF_SCOPE
REGION_SET = b"x-amz-region-set"


def reason(request: object, demand: Demand = Demand()) -> Reason | None:  # noqa: B008
    found = verdict(request, key=KEY_4A, demand=demand)  # type: ignore[arg-type]
    return found.reason if isinstance(found, Rejected) else None


@pytest.mark.parametrize("make", [signed, presigned], ids=["header", "query"])
@pytest.mark.parametrize(
    ("signed_for", "met", "unmet"),
    [
        ("eu-west-1", {"eu-west-1"}, {"eu-west-2", "eu-west", "eu-west-11", "EU-WEST-1", "*", ""}),
        ("*", {"anywhere"}, set()),
        ("us-*", {"us-east-1", "us-"}, {"eu-us-1", "us", "*"}),
        ("*-west-*", {"eu-west-1", "-west-"}, {"west-1", "eu-west", "eu-wes-t-1"}),
        ("a,b*c,d", {"a", "bc", "bxxc", "d"}, {"b", "c", "a,b", "bcd"}),
        ("a*a", {"aa", "aba"}, {"a"}),
        ("**", {"x"}, set()),
        ("a**b*", {"ab", "axbx"}, {"a", "b"}),
    ],
)
def test_a_demand_for_regions(make: object, signed_for: str, met: set[str], unmet: set[str]) -> None:
    request = make(signed_for)  # type: ignore[operator]
    assert reason(request) is None
    for region in met:
        assert reason(request, Demand(regions=frozenset({region}))) is None, region
        assert reason(request, Demand(regions=frozenset({region, "nowhere"}))) is None
    for region in unmet:
        assert reason(request, Demand(regions=frozenset({region}))) is OUT_OF_SCOPE, region
    if unmet:
        assert reason(request, Demand(regions=frozenset(unmet))) is OUT_OF_SCOPE


def test_matching_agrees_with_regular_expressions() -> None:
    dice = random.Random(5)
    hits = 0
    for _ in range(20_000):
        entry = "".join(dice.choice("ab*-") for _ in range(dice.randint(1, 8)))
        region = "".join(dice.choice("ab-") for _ in range(dice.randint(0, 8)))
        wanted = re.fullmatch(entry.replace("*", ".*"), region) is not None
        assert is_in_region_set(region, ("x", entry)) is wanted, (entry, region)
        hits += wanted
    assert hits > 1_000


def test_many_stars_are_not_slow() -> None:
    """No backtracking: 32 stars against 64 letters take a few steps, not billions."""
    assert not is_in_region_set("a" * 63 + "b", (("a*" * 32)[:-1] + "c",))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b",",
        b"a,",
        b",a",
        b"a,,b",
        b" ",
        b"a b",
        b"a;b",
        b"a\tb",
        b"-a",
        b"_",
        b"\xc3\xa9",
        b"a" * 65,
        b"a/b",
        b"?",
        b"[a]",
    ],
)
def test_sets_that_cannot_be_read(text: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_region_set(text)
    assert refused.value.reason is MALFORMED
    request = and_header(without_header(signed(), REGION_SET), REGION_SET, text)
    assert reason(request) is MALFORMED


def test_limits_of_a_set() -> None:
    assert len(read_region_set(b",".join([b"a" * 64] * MAX_REGIONS))) == MAX_REGIONS
    with pytest.raises(Refusal):
        read_region_set(b",".join([b"a"] * (MAX_REGIONS + 1)))
    assert read_region_set(b"a ,\tb") == ("a", "b")


def test_a_set_changed_after_signing() -> None:
    assert reason(with_header(signed(), REGION_SET, b"*")) is MISMATCH
    assert reason(with_header(signed("a,b"), REGION_SET, b"b,a")) is MISMATCH
    assert reason(with_header(signed("a"), REGION_SET, b"a,b")) is MISMATCH
    assert reason(edit_target(presigned(), b"Region-Set=eu-west-1", b"Region-Set=%2A")) is MISMATCH


def test_a_set_that_is_missing_or_twice() -> None:
    header, query = signed(), presigned()
    assert reason(without_header(header, REGION_SET)) is MALFORMED
    assert reason(and_header(header, REGION_SET, b"*")) is MALFORMED
    assert reason(edit_target(query, b"&X-Amz-Region-Set=eu-west-1", b"")) is MALFORMED
    assert reason(edit_target(query, b"&X-Amz-Region-Set=eu-west-1", b"&X-Amz-Region-Set=")) is MALFORMED
    assert reason(edit_target(query, b"X-Amz-Region-Set", b"x-amz-region-set")) is MALFORMED
    assert reason(replace(query, target=query.target + b"&X-Amz-Region-Set=eu-west-1")) is MALFORMED


def test_a_set_in_both_places() -> None:
    """Whatever the other place says, even the same."""
    for spelled in (b"X-Amz-Region-Set", b"x-amz-region-set", b"X-AMZ-REGION-SET"):
        target = PLAIN.target + b"&" + spelled + b"=eu-west-1"
        assert reason(replace(signed(), target=target)) is AMBIGUOUS
    assert reason(and_header(presigned(), REGION_SET, b"eu-west-1")) is AMBIGUOUS


def test_a_set_that_is_not_signed() -> None:
    request = edit_header(signed(), b"authorization", b";x-amz-region-set", b"")
    assert reason(signed_again(request)) is NOT_COVERED
    assert reason(and_header(signed(), b"x_amz_region_set", b"*")) is NOT_COVERED


def test_a_set_in_a_request_of_the_older_scheme_means_nothing() -> None:
    """SigV4's scope has a region: no header widens it."""
    from tests.core.subjects import KEY, REGION
    from tests.core.subjects import signed as signed_v4

    request = signed_v4(and_header(PLAIN, REGION_SET, b"*"))
    assert isinstance(verdict(request), Verified)
    found = verdict(request, key=KEY, demand=Demand(regions=frozenset({"us-east-1"})))
    assert isinstance(found, Rejected)
    assert found.reason is OUT_OF_SCOPE
    assert isinstance(verdict(request, demand=Demand(regions=frozenset({REGION}))), Verified)


def test_a_string_to_sign_meets_no_demand_for_regions() -> None:
    """The set stands in the canonical request, of which only a hash is seen."""
    request = signed("*")
    subject = StringToSignSubject(
        scheme="aws-sigv4a",
        credential=b"AKIDEXAMPLE/20260921/s3/aws4_request",
        string_to_sign=text_of(request),
        signature=signature_of(request),
    )
    assert reason(subject) is None
    assert reason(subject, Demand(regions=frozenset({"eu-west-1"}))) is OUT_OF_SCOPE


def test_a_scope_with_a_region() -> None:
    for made in (signed(), presigned()):
        slash = b"%2F" if b"X-Amz-Signature" in made.target else b"/"
        old, new = b"20260921" + slash + b"s3", b"20260921" + slash + b"eu-west-1" + slash + b"s3"
        headers = tuple((name, value.replace(old, new)) for name, value in made.headers)
        request = replace(made, headers=headers, target=made.target.replace(old, new))
        # What stands left of the date belongs to the key id, so the date is where the region was.
        assert reason(request) is MALFORMED


@pytest.mark.parametrize("region", ["", "a,,b", "a b", "x" * 65])
def test_a_signer_does_not_sign_what_cannot_be_read(region: str) -> None:
    for options in ({}, {"expires": "60"}):
        with pytest.raises(ValueError, match=r"(?i)region"):
            AwsSigV4A().sign(PLAIN, CREDENTIALS, Signing(now=NOW, options={"region": region, **options}))
