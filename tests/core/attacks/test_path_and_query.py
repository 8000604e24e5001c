"""Path and query: ATTACKS.md, fourth section."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core.model import Demand, HttpRequest, Reason, Rejected, Verified
from tests.core import sloppy
from tests.core.attacks.parts import Change
from tests.core.attacks.table import Attack, refused, rows
from tests.core.subjects import PLAIN, edit_target, presigned, signed, verdict

MALFORMED, MISMATCH = Reason.MALFORMED, Reason.MISMATCH
ODD = replace(PLAIN, target=b"/photos/a%2Fb/c%20d/x+y/%C3%A9.jpg?prefix=a%2Fb&x=1&x=2&acl&empty=")
S3 = {"header": signed(ODD), "query": presigned(ODD)}
GENERAL = {"header": signed(ODD, service="sqs"), "query": presigned(ODD, service="sqs")}


def target(old: bytes, new: bytes) -> Change:
    return lambda request: edit_target(request, old, new)


def appended(more: bytes) -> Change:
    return lambda request: replace(request, target=request.target + more)


def path(value: bytes) -> Change:
    """Return a change of the whole path."""
    return lambda request: replace(request, target=value + b"?" + request.target.partition(b"?")[2])


def method(value: bytes) -> Change:
    return lambda request: replace(request, method=value)


METHODS = (
    Attack("another-method", method(b"GET"), MISMATCH),
    Attack("method-in-lower-case", method(b"put"), MISMATCH),
    Attack("method-empty", method(b""), MALFORMED),
    Attack("method-with-a-blank", method(b"PUT "), MALFORMED),
    Attack("method-with-a-line-feed", method(b"PUT\n/photos"), MALFORMED),
    Attack("method-with-nul", method(b"PUT\x00"), MALFORMED),
    Attack("method-of-33", method(b"P" * 33), MALFORMED),
    Attack("method-of-utf8", method("PÜT".encode()), MALFORMED),
)
PATHS = (
    Attack("another-key", target(b".jpg", b".png"), MISMATCH),
    Attack("path-in-other-letters", target(b"/photos/", b"/Photos/"), MISMATCH),
    Attack("slash-at-the-end", target(b".jpg?", b".jpg/?"), MISMATCH),
    Attack("encoded-slash-decoded", target(b"/a%2Fb/", b"/a/b/"), MISMATCH),
    Attack("encoded-slash-encoded-again", target(b"/a%2Fb/", b"/a%252Fb/"), MISMATCH),
    Attack("slash-encoded", target(b"/photos/", b"/photos%2F"), MISMATCH),
    Attack("dots-escaping", target(b"/photos/", b"/photos/../secrets/"), MISMATCH),
    Attack("dots-escaping-encoded", target(b"/photos/", b"/photos/%2e%2e/secrets/"), MISMATCH),
    Attack("dots-escaping-half-encoded", target(b"/photos/", b"/photos/.%2E/secrets/"), MISMATCH),
    Attack("dots-escaping-encoded-twice", target(b"/photos/", b"/photos/%252e%252e/secrets/"), MISMATCH),
    Attack("dots-with-a-semicolon", target(b"/photos/", b"/photos/..;/secrets/"), MISMATCH),
    Attack("a-path-parameter", target(b".jpg?", b".jpg;v=1?"), MISMATCH),
    Attack("encoded-nul-at-the-end", target(b".jpg?", b".jpg%00?"), MISMATCH),
    Attack("encoded-line-feed", target(b".jpg?", b".jpg%0A?"), MISMATCH),
    Attack("plus-for-a-space", target(b"c%20d", b"c+d"), MISMATCH),
    Attack("space-for-a-plus", target(b"x+y", b"x%20y"), MISMATCH),
    Attack("another-normal-form-of-unicode", target(b"%C3%A9", b"e%CC%81"), MISMATCH),
    Attack("latin-1-for-utf8", target(b"%C3%A9", b"%E9"), MISMATCH),
    *(
        Attack(f"path-{name}", path(value), MALFORMED)
        for name, value in {
            "empty": b"",
            "star": b"*",
            "absolute": b"http://photos.example.com/photos/cat.jpg",
            "authority": b"photos.example.com:443",
            "without-slash": b"photos/cat.jpg",
            "with-a-raw-space": b"/photos/c d.jpg",
            "with-a-tab": b"/photos/c\td.jpg",
            "with-raw-utf8": "/photos/é.jpg".encode(),
            "with-a-backslash": b"/photos\\..\\secrets",
            "with-a-fragment": b"/photos/cat.jpg#x",
            "with-raw-nul": b"/photos/cat.jpg\x00",
            "with-a-raw-line-feed": b"/photos/cat.jpg\nhost:x",
            "with-a-broken-escape": b"/photos/%2",
            "with-a-percent-alone": b"/photos/100%",
            "with-an-escape-of-other-letters": b"/photos/%zz",
            "with-an-escape-of-a-sign": b"/photos/%+1",
            "with-an-escape-of-unicode": b"/photos/%u002e",
            "with-a-quote": b'/photos/"cat"',
            "with-angle-brackets": b"/photos/<cat>",
            "with-braces": b"/photos/{cat}",
            "with-brackets": b"/photos/[cat]",
            "with-a-bar": b"/photos/a|b",
            "with-a-caret": b"/photos/a^b",
            "with-a-backtick": b"/photos/a`b",
            "too-long": b"/" + b"a" * 32 * 1024,
        }.items()
    ),
)
QUERIES = (
    Attack("a-parameter-added", appended(b"&versionId=1"), MISMATCH),
    Attack("a-parameter-added-without-value", appended(b"&delete"), MISMATCH),
    Attack("a-parameter-gone", target(b"&acl", b""), MISMATCH),
    Attack("a-parameter-repeated", target(b"&acl", b"&acl&acl"), MISMATCH),
    Attack("a-repeat-gone", target(b"x=1&x=2", b"x=2"), MISMATCH),
    Attack("a-name-in-other-letters", target(b"prefix=", b"Prefix="), MISMATCH),
    Attack("a-value-in-other-letters", target(b"prefix=a", b"prefix=A"), MISMATCH),
    Attack("a-value-changed", target(b"prefix=a", b"prefix=b"), MISMATCH),
    Attack("equals-encoded", target(b"prefix=", b"prefix%3D"), MISMATCH),
    Attack("ampersand-encoded", target(b"&x=1", b"%26x=1"), MISMATCH),
    Attack("ampersand-as-semicolon", target(b"&x=1", b";x=1"), MISMATCH),
    Attack("an-escape-encoded-again", target(b"a%2Fb&", b"a%252Fb&"), MISMATCH),
    Attack("values-of-two-names-swapped", target(b"x=1&x=2&acl&empty=", b"x=1&acl&empty=2&x="), MISMATCH),
    *(
        Attack(f"query-{name}", appended(value), MALFORMED)
        for name, value in {
            "with-an-empty-name": b"&=x",
            "with-two-ampersands": b"&&x",
            "with-an-ampersand-at-the-end": b"&",
            "with-a-raw-space": b"&q=a b",
            "with-raw-utf8": b"&q=\xc3\xa9",
            "with-a-quote": b"&q='\"",
            "with-a-fragment": b"#x",
            "with-raw-nul": b"&q=\x00",
            "with-a-line-feed": b"&q=\nhost:x",
            "with-a-backslash": b"&q=\\",
            "with-a-broken-escape": b"&q=%2",
            "with-a-percent-alone": b"&q=100%",
            "with-an-escape-of-other-letters": b"&q=%gg",
            "with-braces": b"&q={}",
            "with-a-caret": b"&q=^",
            "with-thousands-of-parameters": b"&a" * 1000,
            "too-long": b"&q=" + b"a" * 32 * 1024,
        }.items()
    ),
)


@rows(METHODS + PATHS + QUERIES)
@pytest.mark.parametrize(
    "base", [*S3.values(), *GENERAL.values()], ids=["s3-header", "s3-query", "general-header", "general-query"]
)
def test_refused(base: HttpRequest, row: Attack) -> None:
    refused(base, row)


def test_head_for_get() -> None:
    got = signed(replace(PLAIN, method=b"GET"))
    found = verdict(replace(got, method=b"HEAD"))
    assert isinstance(found, Rejected)
    assert found.reason is MISMATCH


S3_PATHS = (b"/a/../b", b"/a/./b", b"/a//b", b"//a", b"//host/path", b"/a/..", b"/%2e%2e/a", b"/a%00", b"/a;b", b"/..", b"/a/")


@pytest.mark.parametrize("value", S3_PATHS)
def test_s3_signs_the_path_as_sent_and_says_so(value: bytes) -> None:
    """The upstream must be given this very path (SeaweedFS CVE-2026-54917, s3-proxy CVE-2026-42882)."""
    request = signed(replace(PLAIN, target=value))
    found = verdict(request)
    assert isinstance(found, Verified)
    assert found.verified_path == value
    for other in (b"/b", b"/a/b", b"/a", b"/"):
        if other != value:
            assert isinstance(verdict(replace(request, target=other)), Rejected)


GENERAL_PATHS = (
    (b"/a/../b", b"/b"),
    (b"/a/./b", b"/a/b"),
    (b"/a//b", b"/a/b"),
    (b"//a", b"/a"),
    (b"//host/path", b"/host/path"),
    (b"/../../a", b"/a"),
    (b"/a/..", b"/"),
    (b"/a/b/..", b"/a"),
    (b"/a/b/../", b"/a/"),
    (b"/a/.", b"/a"),
    (b"/a//", b"/a/"),
    (b"//", b"/"),
    (b"/..", b"/"),
    (b"/...", b"/..."),
    (b"/.a/..b", b"/.a/..b"),
    (b"/a/%2e%2e/b", b"/a/%2e%2e/b"),
    (b"/a/%2E%2E/b", b"/a/%2E%2E/b"),
    (b"/a%2F..%2Fb", b"/a%2F..%2Fb"),
    (b"/a/..;/b", b"/a/..;/b"),
    (b"/a%00", b"/a%00"),
)


@pytest.mark.parametrize(("sent", "meant"), GENERAL_PATHS)
def test_general_services_sign_the_path_without_dot_segments_and_say_so(sent: bytes, meant: bytes) -> None:
    """The verdict names the path that was verified: the one on the wire may be another way of saying it."""
    found = verdict(signed(replace(PLAIN, target=sent), service="sqs"))
    assert isinstance(found, Verified)
    assert found.verified_path == meant


def test_dots_are_removed_for_the_signature_only_as_far_as_the_upstream_is_told() -> None:
    """Who signs /public/x may send /public/../public/x, and gets /public/x; never what `..` leads to elsewhere."""
    request = signed(replace(PLAIN, target=b"/public/x"), service="sqs")
    found = verdict(replace(request, target=b"/secret/../public//x"))
    assert isinstance(found, Verified)
    assert found.verified_path == b"/public/x"
    assert isinstance(verdict(replace(request, target=b"/public/../secret/x")), Rejected)


@pytest.mark.parametrize("sign", [sloppy.sign, sloppy.presign], ids=["header", "query"])
@pytest.mark.parametrize("wire", [b"/a b", "/é".encode(), b"/a?b c=1", b"/a#b", b"/a?&x=1", b"/a?=1", b"/%zz", b"/a?q=%"])
def test_a_good_signature_over_a_bad_target(sign: Callable[..., HttpRequest], wire: bytes) -> None:
    """Not MISMATCH: signed so by a holder of the key, and refused all the same."""
    request = replace(PLAIN, target=wire, headers=PLAIN.headers[:1])
    assert isinstance(verdict(sign(replace(request, target=b"/a?q=1"))), Verified)
    found = verdict(sign(request))
    assert isinstance(found, Rejected)
    assert found.reason is MALFORMED


def test_brackets_in_queries() -> None:
    for value in (b"/?a[]=1&a[]=2", b"/?a%5B%5D=1"):
        assert isinstance(verdict(signed(replace(PLAIN, target=value)), demand=Demand()), Verified)


def test_as_many_parameters_as_are_allowed() -> None:
    request = replace(PLAIN, target=b"/?" + b"&".join(b"p%d" % n for n in range(1000)))
    assert isinstance(verdict(signed(request)), Verified)
