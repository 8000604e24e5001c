"""Scope and time: ATTACKS.md, second section."""

from dataclasses import replace

import pytest

from counterseal.core.model import Demand, HttpRequest, KeyState, Reason, Rejected, Verified, Window
from tests.core import sloppy
from tests.core.attacks.parts import HEADER, QUERY, auth, header, parameter, parameter_value
from tests.core.attacks.table import Attack, refused, rows
from tests.core.subjects import (
    DAY,
    KEY,
    NOW,
    PLAIN,
    STAMP,
    and_header,
    edit_target,
    presigned,
    signed,
    verdict,
    with_header,
    without_header,
)

MALFORMED, MISMATCH = Reason.MALFORMED, Reason.MISMATCH
STAMP_HEADER = b"x-amz-date"
DATE = b"Mon, 21 Sep 2026 14:13:20 GMT"
BAD_STAMPS = {
    "empty": b"",
    "of-a-date-alone": b"20260921",
    "without-z": b"20260921T141320",
    "with-lower-case-t": b"20260921t141320Z",
    "with-lower-case-z": b"20260921T141320z",
    "with-an-offset": b"20260921T141320+0000",
    "extended": b"2026-09-21T14:13:20Z",
    "with-fractions": b"20260921T141320.5Z",
    "in-seconds": b"1790000000",
    "with-a-blank": b"20260921 141320Z",
    "short": b"2026921T141320Z",
    "of-february-30": b"20260230T141320Z",
    "of-month-13": b"20261321T141320Z",
    "of-month-0": b"20260021T141320Z",
    "of-day-0": b"20260900T141320Z",
    "of-hour-24": b"20260921T241320Z",
    "of-minute-60": b"20260921T146020Z",
    "of-second-60": b"20260921T141360Z",
    "of-the-year-0": b"00000921T141320Z",
    "with-a-sign": b"+2026921T141320Z",
    "with-underscores": b"2026_921T141320Z",
    "of-arabic-digits": b"\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa6\xd9\xa0\xd9\xa9\xd9\xa2\xd9\xa1T141320Z",
    "with-nul": b"20260921T141320\x00",
    "of-year-10000": b"100000921T141320Z",
}

HEADER_TIMES = (
    *(Attack(f"x-amz-date-{name}", header(STAMP_HEADER, value), MALFORMED) for name, value in BAD_STAMPS.items()),
    Attack("x-amz-date-twice", lambda r: and_header(r, STAMP_HEADER, STAMP), MALFORMED),
    Attack("x-amz-date-of-another-second", lambda r: with_header(r, STAMP_HEADER, b"20260921T141321Z"), MISMATCH),
    Attack("x-amz-date-of-the-day-before", lambda r: with_header(r, STAMP_HEADER, b"20260920T141320Z"), MALFORMED),
    Attack("scope-of-the-day-before", auth(DAY, b"20260920"), MALFORMED),
    Attack("scope-of-the-day-after", auth(DAY, b"20260922"), MALFORMED),
    Attack("scope-of-a-day-that-does-not-exist", auth(DAY, b"20260999"), MALFORMED),
    Attack("region-changed", auth(b"eu-west-1", b"eu-west-2"), MISMATCH),
    Attack("region-in-capitals", auth(b"eu-west-1", b"EU-WEST-1"), MISMATCH),
    Attack("service-changed", auth(b"/s3/", b"/s3express/"), MISMATCH),
    Attack(
        "time-only-in-an-unsigned-query",
        lambda r: replace(without_header(r, STAMP_HEADER), target=r.target + b"&X-Amz-Date=" + STAMP),
        MALFORMED,
    ),
)

QUERY_TIMES = (
    *(
        Attack(f"X-Amz-Date-{name}", parameter_value(b"X-Amz-Date", sloppy.encode(value)), MALFORMED)
        for name, value in BAD_STAMPS.items()
    ),
    *(
        Attack(f"X-Amz-Expires-{name}", parameter_value(b"X-Amz-Expires", value), MALFORMED)
        for name, value in {
            "0": b"0",
            "negative": b"-1",
            "signed": b"%2B60",
            "plus": b"+60",
            "a-second-too-much": b"604801",
            "exponent": b"6e1",
            "space-before": b"%2060",
            "space-after": b"60%20",
            "decimal": b"60.0",
            "unit": b"60s",
            "hex": b"0x3c",
            "leading-zero": b"060",
            "underscore": b"6_0",
            "arabic-digits": b"%D9%A6%D9%A0",
            "full-width-digits": b"%EF%BC%96",
            "2^63": b"9223372036854775808",
            "2^64": b"18446744073709551616",
            "thousand-digits": b"9" * 1000,
            "infinity": b"inf",
            "line-feed": b"60%0A",
            "comma": b"60,3600",
        }.items()
    ),
    Attack("X-Amz-Expires-longer", parameter(b"X-Amz-Expires", lambda item: b"X-Amz-Expires=604800"), MISMATCH),
    Attack("scope-of-the-day-before", lambda r: edit_target(r, b"%2F20260921%2F", b"%2F20260920%2F"), MALFORMED),
    Attack("region-changed", lambda r: edit_target(r, b"eu-west-1", b"eu-west-2"), MISMATCH),
    Attack(
        "time-only-in-a-header",
        lambda r: and_header(parameter(b"X-Amz-Date", lambda i: b"")(r), STAMP_HEADER, STAMP),
        MALFORMED,
    ),
)


@rows(HEADER_TIMES)
def test_header(row: Attack) -> None:
    refused(HEADER, row)


@rows(QUERY_TIMES)
def test_query(row: Attack) -> None:
    refused(QUERY, row)


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        (-901, Reason.TOO_OLD),
        (-900, None),
        (900, None),
        (901, Reason.TOO_NEW),
        (10**9, Reason.TOO_NEW),
        (-(10**9), Reason.TOO_OLD),
    ],
)
def test_a_second_past_the_window_on_either_side(offset: int, reason: Reason | None) -> None:
    found = verdict(signed(now=NOW + offset))
    assert (found.reason if isinstance(found, Rejected) else None) is reason


def test_fractions_of_a_second_past_the_window() -> None:
    assert isinstance(verdict(HEADER, now=NOW + 900.0), Verified)
    assert isinstance(verdict(HEADER, now=NOW + 900.001), Rejected)
    assert isinstance(verdict(HEADER, now=NOW - 900.001), Rejected)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW - 901, Reason.TOO_NEW),
        (NOW - 900, None),
        (NOW + 3600, None),
        (NOW + 3600.001, Reason.TOO_OLD),
        (NOW + 3601, Reason.TOO_OLD),
    ],
)
def test_presigned_requests_begin_and_end(now: float, reason: Reason | None) -> None:
    """A start in the future is bounded by the skew; the end is given none."""
    found = verdict(QUERY, now=now)
    assert (found.reason if isinstance(found, Rejected) else None) is reason


def test_presigned_for_the_longest_time() -> None:
    request = presigned(expires=604_800)
    found = verdict(request, now=NOW + 604_800)
    assert isinstance(found, Verified)
    assert found.valid_until == NOW + 604_800


def test_another_skew() -> None:
    assert isinstance(verdict(HEADER, now=NOW + 60, window=Window(skew=60)), Verified)
    assert isinstance(verdict(HEADER, now=NOW + 61, window=Window(skew=60)), Rejected)


def test_a_scope_of_yesterday_shortly_after_midnight() -> None:
    midnight = 1_790_035_200
    late = signed(now=midnight - 1)
    found = verdict(late, now=midnight + 899)
    assert isinstance(found, Verified)
    assert found.scope is not None
    assert found.scope.date == "20260921"


def dated(value: bytes, names: bytes | None = None) -> HttpRequest:
    """Return a request whose only time is a `Date` header."""
    return sloppy.sign(and_header(PLAIN, b"date", value), stamp=None, signed_stamp=STAMP, names=names)


DATED = dated(DATE)
DATES = tuple(
    Attack(f"date-{name}", header(b"date", value), MALFORMED)
    for name, value in {
        "of-another-weekday": b"Tue, 21 Sep 2026 14:13:20 GMT",
        "of-an-unknown-month": b"Mon, 21 Foo 2026 14:13:20 GMT",
        "of-a-lower-case-month": b"Mon, 21 sep 2026 14:13:20 GMT",
        "of-february-30": b"Mon, 30 Feb 2026 14:13:20 GMT",
        "of-hour-24": b"Mon, 21 Sep 2026 24:13:20 GMT",
        "with-another-zone": b"Mon, 21 Sep 2026 14:13:20 CET",
        "with-an-offset": b"Mon, 21 Sep 2026 14:13:20 +0000",
        "of-rfc-850": b"Monday, 21-Sep-26 14:13:20 GMT",
        "of-asctime": b"Mon Sep 21 14:13:20 2026",
        "extended": b"2026-09-21T14:13:20Z",
        "with-one-digit": b"Mon, 1 Sep 2026 14:13:20 GMT",
        "empty": b"",
    }.items()
)


@rows(DATES)
def test_date(row: Attack) -> None:
    refused(DATED, row)


def test_dates_that_are_signed_count() -> None:
    assert isinstance(verdict(DATED), Verified)
    assert isinstance(verdict(dated(STAMP)), Verified)
    found = verdict(dated(DATE, names=b"content-type;host;x-amz-acl;x-amz-content-sha256"))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.NOT_COVERED


def test_no_time_at_all() -> None:
    """Keystone CVE-2020-12692, lakeFS CVE-2025-68671."""
    found = verdict(sloppy.sign(PLAIN, stamp=None, signed_stamp=STAMP))
    assert isinstance(found, Rejected)
    assert (found.reason, found.detail) == (MALFORMED, "no time: neither x-amz-date nor date")


def test_x_amz_date_beats_an_unsigned_date() -> None:
    """The one used is the one signed, whatever the other says; nobody can move the time with the other."""
    assert isinstance(verdict(and_header(HEADER, b"date", b"Mon, 21 Sep 2020 14:13:20 GMT")), Verified)
    late = and_header(signed(now=NOW - 901), b"date", DATE)
    found = verdict(late)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.TOO_OLD


def test_x_amz_date_unsigned_beside_a_signed_date() -> None:
    names = b"content-type;date;host;x-amz-acl;x-amz-content-sha256"
    request = sloppy.sign(and_header(PLAIN, b"date", DATE), names=names)
    found = verdict(request)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.NOT_COVERED


DEMANDS = (
    ("region", Demand(regions=frozenset({"us-east-1"}))),
    ("region-in-other-letters", Demand(regions=frozenset({"EU-WEST-1"}))),
    ("service", Demand(services=frozenset({"sqs", "s3express"}))),
)


@rows(DEMANDS)
@pytest.mark.parametrize("request_", [HEADER, QUERY], ids=["header", "query"])
def test_outside_the_demand(row: tuple[str, Demand], request_: HttpRequest) -> None:
    found = verdict(request_, demand=row[1])
    assert isinstance(found, Rejected)
    assert found.reason is Reason.OUT_OF_SCOPE


def test_inside_the_demand() -> None:
    demand = Demand(regions=frozenset({"eu-west-1"}), services=frozenset({"s3"}), tenants=frozenset({"acme"}))
    assert isinstance(verdict(HEADER, demand=demand), Verified)


@pytest.mark.parametrize("tenants", [frozenset(), frozenset({"other"})], ids=["none", "another"])
def test_another_tenant_reads_as_unknown(tenants: frozenset[str]) -> None:
    assert verdict(HEADER, demand=Demand(tenants=tenants)) == verdict(HEADER, key=None)


def test_a_presigned_request_whose_key_was_revoked_since() -> None:
    found = verdict(QUERY, key=replace(KEY, state=KeyState.REVOKED))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.KEY_REVOKED
