"""What the signature covers: ATTACKS.md, third section."""

from dataclasses import replace

import pytest

from counterseal.core.model import Coverage, Demand, HttpRequest, Reason, Rejected, Verified
from tests.core import sloppy
from tests.core.attacks.parts import AUTH, Change, auth, header
from tests.core.attacks.table import Attack, refused, rows
from tests.core.subjects import (
    PLAIN,
    and_header,
    edit_target,
    presigned,
    signed,
    verdict,
    with_header,
    without_header,
)

MALFORMED, MISMATCH, NOT_COVERED = Reason.MALFORMED, Reason.MISMATCH, Reason.NOT_COVERED
META = replace(PLAIN, headers=(*PLAIN.headers, (b"x-amz-meta-a", b"one two"), (b"x-amz-meta-b", b"x"), (b"x-amz-meta-b", b"y")))
HEADER = signed(META)
QUERY = presigned(META)
NAMES = b"content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-amz-meta-b"


def listed(value: bytes) -> Change:
    return auth(NAMES, value)


def added(name: bytes, value: bytes = b"public-read") -> Change:
    return lambda request: and_header(request, name, value)


def second(*values: bytes) -> Change:
    """Return a change of `x-amz-meta-b`, which is given twice, to other values in another number of fields."""

    def changed(request: HttpRequest) -> HttpRequest:
        kept = [item for item in request.headers if item[0] != b"x-amz-meta-b"]
        return replace(request, headers=(*kept, *((b"x-amz-meta-b", value) for value in values)))

    return changed


ADDED = tuple(
    Attack(f"unsigned-{name.decode()}", added(name), NOT_COVERED)
    for name in (
        b"x-amz-grant-full-control",
        b"x-amz-copy-source",
        b"x-amz-website-redirect-location",
        b"x-amz-server-side-encryption-customer-key",
        b"x-amz-",
        b"x_amz_tagging",
        b"x-amz_tagging",
        b"x_amz-tagging",
    )
)
VALUES = (
    Attack("a-signed-value-changed", header(b"content-type", b"image/png"), MISMATCH),
    Attack("a-signed-value-in-other-letters", header(b"content-type", b"image/JPEG"), MISMATCH),
    Attack("a-signed-value-emptied", header(b"content-type", b""), MISMATCH),
    Attack("host-changed", header(b"host", b"other.example.com"), MISMATCH),
    Attack("host-with-a-port", header(b"host", b"photos.example.com:443"), MISMATCH),
    Attack("host-in-capitals", header(b"host", b"PHOTOS.example.com"), MISMATCH),
    Attack("host-twice", added(b"host", b"photos.example.com"), MALFORMED),
    Attack("host-twice-another", added(b"host", b"other.example.com"), MALFORMED),
    Attack("host-gone", lambda r: without_header(r, b"host"), MALFORMED),
    Attack(
        "host-gone-forwarded-host-there",
        lambda r: added(b"x-forwarded-host", b"photos.example.com")(without_header(r, b"host")),
        MALFORMED,
    ),
    Attack("a-signed-header-gone", lambda r: without_header(r, b"content-type"), MALFORMED),
    Attack(
        "a-signed-header-gone-a-parameter-there",
        lambda r: edit_target(without_header(r, b"x-amz-acl"), b"?", b"?x-amz-acl=private&"),
        MALFORMED,
    ),
    Attack("a-signed-header-repeated", added(b"content-type", b"image/jpeg"), MISMATCH),
    Attack("repeats-reordered", second(b"y", b"x"), MISMATCH),
    Attack("repeats-cut", second(b"x"), MISMATCH),
    Attack("repeats-merged-with-a-blank", second(b"x, y"), MISMATCH),
    Attack("repeats-one-more", second(b"x", b"y", b"y"), MISMATCH),
    Attack("a-blank-gone", header(b"x-amz-meta-a", b"onetwo"), MISMATCH),
    Attack("a-value-in-quotes", header(b"x-amz-meta-a", b'"one two"'), MISMATCH),
    Attack("a-value-with-a-no-break-space", header(b"x-amz-meta-a", b"one\xa0two"), MISMATCH),
    *(
        Attack(f"a-value-with-{name}", header(b"x-amz-meta-a", value), MALFORMED)
        for name, value in {
            "nul": b"one two\x00",
            "a-line-feed": b"one two\nx-amz-acl:public-read",
            "a-line-feed-at-the-end": b"one two\n",
            "a-carriage-return": b"one two\r",
            "a-fold": b"one\r\n two",
            "a-vertical-tab": b"one\x0btwo",
            "a-form-feed": b"one\x0ctwo",
            "a-file-separator": b"one\x1ctwo",
            "delete": b"one two\x7f",
            "escape": b"\x1b[2Jone two",
        }.items()
    ),
    *(
        Attack(f"a-name-{name}", added(value), MALFORMED)
        for name, value in {
            "empty": b"",
            "in-capitals": b"X-Amz-Meta-C",
            "with-a-blank": b"x meta",
            "with-a-blank-at-the-end": b"content-type ",
            "with-a-colon": b"x:meta",
            "with-a-line-feed": b"a\nb",
            "with-nul": b"a\x00",
            "of-utf8": b"\xc3\xa4",
            "too-long": b"a" * 257,
        }.items()
    ),
)
BOTH = ADDED + VALUES
LISTS = tuple(
    Attack(f"signed-headers-{name}", listed(value), MALFORMED)
    for name, value in {
        "with-a-capital": NAMES.replace(b"host", b"Host"),
        "with-an-empty-name": NAMES.replace(b"host;", b"host;;"),
        "with-an-empty-name-first": b";" + NAMES,
        "with-an-empty-name-last": NAMES + b";",
        "with-a-repeat": NAMES.replace(b"host;", b"host;host;"),
        "in-another-order": b"host;content-type;" + NAMES.removeprefix(b"content-type;host;"),
        "with-blanks": NAMES.replace(b";", b"; "),
        "with-an-odd-letter": NAMES.replace(b"host", b"ho/st"),
        "with-nul": NAMES + b"\x00",
        "with-a-colon": NAMES.replace(b"host", b"ho:st"),
        "with-utf8": NAMES + b";\xc3\xa9",
        "with-a-name-that-is-absent": NAMES + b";x-amz-tagging",
        "with-101-names": NAMES + b"".join(b";z%03d" % n for n in range(101)),
        "with-ten-thousand-names": NAMES + b"".join(b";z%05d" % n for n in range(10_000)),
        "with-encoded-semicolons": NAMES.replace(b";", b"%3B"),
    }.items()
)
FEWER = (
    *tuple(
        Attack(f"signed-headers-without-{name.decode()}", listed(NAMES.replace(name + b";", b"")), NOT_COVERED)
        for name in (b"host", b"x-amz-acl", b"x-amz-content-sha256", b"x-amz-date")
    ),
    Attack("signed-headers-without-one-that-may-be-left-out", listed(NAMES.replace(b"content-type;", b"")), MISMATCH),
    Attack("signed-headers-with-authorization", listed(b"authorization;" + NAMES), MISMATCH),
)


@rows(BOTH + LISTS + FEWER)
def test_header(row: Attack) -> None:
    refused(HEADER, row)


@rows(BOTH)
def test_query(row: Attack) -> None:
    refused(QUERY, row)


@pytest.mark.parametrize("name", [b"host", b"x-amz-acl", b"x-amz-content-sha256", b"x-amz-date"])
def test_a_good_signature_that_covers_too_little(name: bytes) -> None:
    """Not MISMATCH: signed so by a holder of the key, and refused all the same."""
    names = b"content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date".replace(name, b"").replace(b";;", b";").strip(b";")
    found = verdict(sloppy.sign(PLAIN, names=names))
    assert isinstance(found, Rejected)
    assert (found.reason, found.detail.split(":")[0]) == (NOT_COVERED, f"header {name.decode()}")


@pytest.mark.parametrize(
    "names",
    [b"host;content-type", b"content-type;Host", b"content-type;host;host", b"content-type;;host", b"content-type;host;x-gone"],
)
def test_a_good_signature_over_a_bad_list(names: bytes) -> None:
    request = replace(PLAIN, headers=PLAIN.headers[:2])
    assert isinstance(verdict(sloppy.presign(request, names=b"content-type;host")), Verified)
    found = verdict(sloppy.presign(request, names=names))
    assert isinstance(found, Rejected)
    assert found.reason is MALFORMED


@pytest.mark.parametrize("base", [HEADER, QUERY], ids=["header", "query"])
@pytest.mark.parametrize(
    "name", [b"x-forwarded-host", b"forwarded", b"x-http-method-override", b"x-amzn-trace-id", b"user-agent", b"x-user-id"]
)
def test_other_headers_may_come_unsigned_and_are_not_covered(base: HttpRequest, name: bytes) -> None:
    """Proxies add them. Nothing is taken from them; a caller that relies on one demands it."""
    request = and_header(base, name, b"DELETE")
    found = verdict(request)
    assert isinstance(found, Verified)
    assert name not in found.coverage.headers
    demanded = verdict(request, demand=Demand(required_headers=frozenset({name})))
    assert isinstance(demanded, Rejected)
    assert (demanded.reason, name.decode() in demanded.detail) == (NOT_COVERED, True)


def test_demanded_headers_that_are_signed() -> None:
    found = verdict(HEADER, demand=Demand(required_headers=frozenset({b"content-type", b"host"})))
    assert isinstance(found, Verified)
    assert found.coverage == Coverage(headers=tuple(NAMES.split(b";")), method=True, path=True, query=True)


def test_the_forwarded_host_is_never_the_signed_one() -> None:
    """Conjur CVE-2025-49827."""
    request = and_header(with_header(HEADER, b"host", b"internal:8080"), b"x-forwarded-host", b"photos.example.com")
    found = verdict(request)
    assert isinstance(found, Rejected)
    assert found.reason is MISMATCH


def test_the_authorization_of_one_request_on_another() -> None:
    other = signed(replace(META, target=b"/photos/2026/dog.jpg"))
    stolen = dict(HEADER.headers)[AUTH]
    found = verdict(with_header(other, AUTH, stolen))
    assert isinstance(found, Rejected)
    assert found.reason is MISMATCH
