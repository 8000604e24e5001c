"""The spellings that one signature covers. They are all: test_properties.py shows that any other change is refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest, Rejected, Verified
from tests.core.attacks.parts import Change
from tests.core.attacks.table import rows
from tests.core.meaning import meaning
from tests.core.subjects import KEY, PLAIN, and_header, edit_target, header_of, presigned, signed, verdict, with_header

BASE = replace(
    PLAIN,
    target=b"/photos/~a/b%2Fc/x%2By/%C3%A9$?acl=&prefix=a%2Fb&q=x%2By&x=1&x=2",
    headers=(*PLAIN.headers, (b"x-amz-meta-a", b"one two"), (b"x-amz-meta-b", b"x"), (b"x-amz-meta-b", b"y")),
)
S3 = {"s3-header": signed(BASE), "s3-query": presigned(BASE)}
GENERAL = {"general-header": signed(BASE, service="sqs"), "general-query": presigned(BASE, service="sqs")}


def target(old: bytes, new: bytes) -> Change:
    return lambda request: edit_target(request, old, new)


def reorder(request: HttpRequest) -> HttpRequest:
    path, _, query = request.target.partition(b"?")
    return replace(request, target=path + b"?" + b"&".join(reversed(query.split(b"&"))))


def merge(request: HttpRequest) -> HttpRequest:
    kept = tuple(item for item in request.headers if item[0] != b"x-amz-meta-b")
    return replace(request, headers=(*kept, (b"x-amz-meta-b", b"x,y")))


def turn(request: HttpRequest) -> HttpRequest:
    """Reverse the order of the fields, keeping that of the two of one name."""
    rest = [item for item in request.headers if item[0] != b"x-amz-meta-b"]
    return replace(request, headers=((b"x-amz-meta-b", b"x"), *reversed(rest), (b"x-amz-meta-b", b"y")))


EVERYWHERE: tuple[tuple[str, Change], ...] = (
    ("query: small letters in an escape", target(b"a%2Fb&", b"a%2fb&")),
    ("query: a raw slash for an escaped one", target(b"a%2Fb&", b"a/b&")),
    ("query: a raw plus for an escaped one", target(b"q=x%2By", b"q=x+y")),
    ("query: a needless escape", target(b"prefix=a", b"prefix=%61")),
    ("query: a needless escape in a name", target(b"prefix=", b"pref%69x=")),
    ("query: no equals for an empty value", target(b"acl=", b"acl")),
    ("query: another order of parameters, also of repeats", reorder),
    ("headers: more blanks inside", lambda r: with_header(r, b"x-amz-meta-a", b"one \t two")),
    ("headers: blanks around", lambda r: with_header(r, b"x-amz-meta-a", b" one two\t")),
    ("headers: a tab for a space", lambda r: with_header(r, b"x-amz-meta-a", b"one\ttwo")),
    ("headers: another order of names", turn),
    ("headers: repeats merged with a comma", merge),
    ("headers: one that is not signed added", lambda r: and_header(r, b"x-forwarded-for", b"10.0.0.1")),
)
ONLY_S3: tuple[tuple[str, Change], ...] = (
    ("path: small letters in an escape", target(b"b%2Fc", b"b%2fc")),
    ("path: a needless escape", target(b"/photos/", b"/%70hotos/")),
    ("path: an escape of an unreserved character", target(b"/~a/", b"/%7Ea/")),
    ("path: a raw plus for an escaped one", target(b"/x%2By/", b"/x+y/")),
    ("path: an escape for a raw dollar", target(b"$?", b"%24?")),
)
ONLY_GENERAL: tuple[tuple[str, Change], ...] = (
    ("path: a dot segment", target(b"/photos/", b"/./photos/")),
    ("path: a step down and up", target(b"/photos/", b"/x/../photos/")),
    ("path: a step above the root", target(b"/photos/", b"/../photos/")),
    ("path: a slash twice", target(b"/photos/", b"//photos//")),
)


def accepted(request: HttpRequest, change: Callable[[HttpRequest], HttpRequest], service: str) -> None:
    changed = change(request)
    assert changed != request
    assert meaning(changed, service) == meaning(request, service)
    found = verdict(changed)
    assert isinstance(found, Verified), found


@rows(EVERYWHERE)
def test_spellings_that_are_one_everywhere(row: tuple[str, Change]) -> None:
    for request in S3.values():
        accepted(request, row[1], "s3")
    for request in GENERAL.values():
        accepted(request, row[1], "sqs")


@rows(ONLY_S3)
def test_spellings_that_are_one_for_s3_alone(row: tuple[str, Change]) -> None:
    for request in S3.values():
        accepted(request, row[1], "s3")
    for request in GENERAL.values():
        assert isinstance(verdict(row[1](request)), Rejected)


@rows(ONLY_GENERAL)
def test_spellings_that_are_one_for_general_services_alone(row: tuple[str, Change]) -> None:
    for request in GENERAL.values():
        accepted(request, row[1], "sqs")
    for request in S3.values():
        assert isinstance(verdict(row[1](request)), Rejected)


def test_the_body_of_a_presigned_s3_request_is_not_signed() -> None:
    assert isinstance(verdict(replace(S3["s3-query"], content=b"a dog")), Verified)


def test_an_empty_query_is_none() -> None:
    request = signed(replace(PLAIN, target=b"/a"))
    assert isinstance(verdict(replace(request, target=b"/a?")), Verified)


@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_the_date_may_have_blanks_around_it(service: str) -> None:
    request = signed(service=service)
    stamp = header_of(request, b"x-amz-date")
    assert isinstance(verdict(with_header(request, b"x-amz-date", b" " + stamp + b"\t")), Verified)


def test_a_secret_with_nuls_after_it_is_the_same_secret() -> None:
    """RFC 2104 section 2 fills keys up with NUL. This is why secrets are counted without them."""
    assert isinstance(verdict(S3["s3-header"], key=replace(KEY, secret=KEY.secret + b"\x00")), Verified)
