"""Inputs made to be slow or large: work grows with the input and no faster, and limits come before work.

Work is counted in steps of the interpreter and in the times of two sizes compared, never in seconds on a clock of this machine.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core import http
from counterseal.core.model import HttpRequest, Reason, Rejected, StringToSignSubject, Verified
from counterseal.core.sigv4.canonical import normalise_path
from tests.core import sloppy
from tests.core.attacks.parts import AUTH, HEADER
from tests.core.subjects import PLAIN, and_header, header_of, signed, verdict, with_header

Make = Callable[[int], HttpRequest]


def target(value: Callable[[int], bytes]) -> Make:
    return lambda size: replace(HEADER, target=value(size))


def auth(value: Callable[[int], bytes]) -> Make:
    return lambda size: with_header(HEADER, AUTH, value(size))


SIGNED_HEADERS = b"AWS4-HMAC-SHA256 Credential=AKID/20260921/a/s3/aws4_request, Signature=" + b"0" * 64 + b", SignedHeaders="
# What backtracks in a careless expression, or is quadratic in a careless loop. Sizes are up to the limits.
WORST: dict[str, Make] = {
    "percent signs": target(lambda n: b"/" + b"%" * n),
    "broken escapes": target(lambda n: b"/" + b"%2" * (n // 2)),
    "escapes and a bad end": target(lambda n: b"/" + b"%20" * (n // 3) + b" "),
    "path characters and a bad end": target(lambda n: b"/" + b"a" * n + b"\x00"),
    "slashes and a bad end": target(lambda n: b"/" * n + b" "),
    "mixed path and a bad end": target(lambda n: b"/" + b"a%20" * (n // 4) + b"\\"),
    "query characters and a bad end": target(lambda n: b"/?" + b"a" * n + b"\x00"),
    "query escapes": target(lambda n: b"/?a=" + b"%2F" * (n // 3)),
    "ampersands": target(lambda n: b"/?" + b"&" * n),
    "equals": target(lambda n: b"/?a" + b"=" * n),
    "dot segments": target(lambda n: b"/" + b"../" * (n // 3)),
    "down and up": target(lambda n: b"/" + b"a/../" * (n // 5)),
    "blanks in a header": lambda n: and_header(HEADER, b"x-b", b" " * n + b"\x00"),
    "blanks in a signed header": lambda n: with_header(HEADER, b"content-type", b"a " * (n // 2)),
    "a long name": lambda n: and_header(HEADER, b"a" * n, b""),
    "a long authorization": auth(lambda n: b"AWS4-HMAC-SHA256 " + b"A" * n),
    "blanks in the authorization": auth(lambda n: b"AWS4-HMAC-SHA256 " + b" " * n + b"x"),
    "commas in the authorization": auth(lambda n: b"AWS4-HMAC-SHA256 " + b"," * n),
    "slashes in the credential": auth(lambda n: b"AWS4-HMAC-SHA256 Credential=" + b"/" * n + b",SignedHeaders=a,Signature=b"),
    "semicolons": auth(lambda n: SIGNED_HEADERS + b";" * n),
    "names and a bad end": auth(lambda n: SIGNED_HEADERS + b"a;" * (n // 2) + b"/"),
    "one long name and a bad end": auth(lambda n: SIGNED_HEADERS + b"a" * n + b"/"),
}


def took(request: HttpRequest) -> float:
    """Return nanoseconds of processor time."""
    begin = time.process_time_ns()
    for _ in range(3):
        verdict(request)
    return time.process_time_ns() - begin


@pytest.mark.parametrize("make", WORST.values(), ids=WORST.keys())
def test_work_grows_no_faster_than_the_input(make: Make) -> None:
    """Sixteen times the input: linear work is 16 times as long at most, quadratic 256, and exponential never ends.

    The least of some times is what it takes when nothing else is going on; on a noisy machine that takes more of them.
    """
    small, large = make(2_000), make(32_000)
    assert isinstance(verdict(large), Rejected)
    floor = 50_000  # nanoseconds; below, the clock and everything around count for more than the input
    fastest_small = fastest_large = float("inf")
    for number in range(200):
        fastest_small, fastest_large = min(fastest_small, took(small)), min(fastest_large, took(large))
        if number >= 6 and fastest_large < 64 * max(fastest_small, floor):
            return
    raise AssertionError(f"{fastest_large} ns for 16 times what took {fastest_small} ns")


@pytest.mark.parametrize(
    ("name", "request_"),
    {
        "64k headers": replace(HEADER, headers=HEADER.headers + tuple((b"x-%d" % n, b"") for n in range(65_536))),
        "64k headers of one name": replace(HEADER, headers=HEADER.headers + ((b"x", b""),) * 65_536),
        "a header of 1 MB": and_header(HEADER, b"x", b"a" * 2**20),
        "many headers of 1 kB": replace(HEADER, headers=HEADER.headers + ((b"x", b"a" * 1024),) * 200),
        "a name of 1 MB": and_header(HEADER, b"x" * 2**20, b""),
        "a target of 1 MB": replace(HEADER, target=b"/" + b"a" * 2**20),
        "a target of 32 KiB of percent signs": replace(HEADER, target=b"/" + b"%" * (32 * 1024 - 1)),
        "a million parameters": replace(HEADER, target=b"/?" + b"&".join([b"a"] * 10**6)),
        "thousands of parameters": replace(HEADER, target=b"/?" + b"&".join([b"a"] * 5_000)),
        "a method of 1 MB": replace(HEADER, method=b"A" * 2**20),
        "a credential of 100 kB": with_header(HEADER, AUTH, header_of(HEADER, AUTH).replace(b"AKID", b"A" * 100_000)),
    }.items(),
)
def test_limits(name: str, request_: HttpRequest) -> None:
    found = verdict(request_)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.MALFORMED
    assert len(found.detail) < 200


def test_strings_to_sign_of_a_megabyte() -> None:
    for text in (b"\n" * 2**20, b"AWS4-HMAC-SHA256\n" * 60_000, b"a" * 2**20):
        subject = StringToSignSubject(
            scheme="aws-sigv4",
            credential=b"/" * 2**20,
            string_to_sign=text,
            signature=b"0" * 2**20,
            security_token=b"a" * 2**20,
        )
        found = verdict(subject)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.MALFORMED
        found = verdict(replace(subject, credential=sloppy.credential()))
        assert isinstance(found, Rejected)
        assert found.reason is Reason.MALFORMED


def test_as_much_as_is_allowed_verifies() -> None:
    request = replace(
        PLAIN,
        target=b"/" + b"%C3%A9" * 4_000 + b"?" + b"&".join(b"p%d" % n for n in range(1000)),
        headers=PLAIN.headers + tuple((b"x-%02d" % n, b"v " * 500) for n in range(90)),
    )
    assert len(request.target) < http.MAX_TARGET
    assert isinstance(verdict(signed(request)), Verified)


def test_ten_thousand_steps_up() -> None:
    assert normalise_path(b"/" + b"a/" * 5_000 + b"../" * 5_000) == b"/"
    assert normalise_path(b"/" + b"../" * 10_000 + b"a") == b"/a"
