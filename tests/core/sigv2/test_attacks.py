"""ATTACKS.md for Version 2: one change in a request that verifies."""

from collections.abc import Callable
from dataclasses import replace

from counterseal.core.model import HttpRequest, Reason, Rejected, Verified
from tests.core import subjects
from tests.core.attacks.table import Attack, rows
from tests.core.sigv2.parts import QUERY_API, signed, verdict
from tests.core.subjects import and_header, edit_header, edit_target, with_header, without_header

HEADER = signed()
QUERY = signed(expires="3600")
GENERAL = signed(QUERY_API, dialect="query")
AUTHORIZATION = subjects.header_of(HEADER, b"authorization")
SIGNATURE = AUTHORIZATION.rpartition(b":")[2]
MALFORMED, MISMATCH, NOT_COVERED = Reason.MALFORMED, Reason.MISMATCH, Reason.NOT_COVERED


def header(name: bytes, value: bytes) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: with_header(request, name, value)


def add(name: bytes, value: bytes) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: and_header(request, name, value)


def drop(name: bytes) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: without_header(request, name)


def target(old: bytes, new: bytes) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: edit_target(request, old, new)


def more(query: bytes) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: replace(request, target=request.target + b"&" + query)


def word(value: bytes) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: with_header(request, b"authorization", value)


IN_HEADER = [
    Attack("another method", lambda r: replace(r, method=b"GET"), MISMATCH),
    Attack("a method in small letters", lambda r: replace(r, method=b"put"), MISMATCH),
    Attack("another path", target(b"cat", b"dog"), MISMATCH),
    Attack("an escape in small letters", target(b"cat", b"c%61t"), MISMATCH),
    Attack("a dot segment", target(b"/2026/", b"/2026/./"), MISMATCH),
    Attack("another sub-resource", target(b"&acl", b"&tagging"), MISMATCH),
    Attack("a sub-resource less", target(b"&acl", b""), MISMATCH),
    Attack("a sub-resource more", more(b"uploads"), MISMATCH),
    Attack("a sub-resource twice", more(b"acl"), MALFORMED),
    Attack("a sub-resource's value", target(b"versionId=7", b"versionId=8"), MISMATCH),
    Attack("a response override", more(b"response-content-type=text%2Fhtml"), MISMATCH),
    Attack("an operation that nobody signs", more(b"encryption"), NOT_COVERED),
    Attack("a sub-resource in capitals", more(b"ACL"), NOT_COVERED),
    Attack("a header moved to the query", more(b"x-amz-acl=public-read"), NOT_COVERED),
    Attack("a security token in the query", more(b"x-amz-security-token=abc"), NOT_COVERED),
    Attack("another content-type", header(b"content-type", b"text/html"), MISMATCH),
    Attack("no content-type", drop(b"content-type"), MISMATCH),
    Attack("two content-types", add(b"content-type", b"text/html"), MALFORMED),
    Attack("another content-md5", header(b"content-md5", b"AAAA"), MISMATCH),
    Attack("another date", lambda r: edit_header(r, b"date", b":20 ", b":21 "), MISMATCH),
    Attack("no date", drop(b"date"), MALFORMED),
    Attack("two dates", add(b"date", b"Mon, 21 Sep 2026 14:13:20 GMT"), MALFORMED),
    Attack("x-amz-date added", add(b"x-amz-date", b"Mon, 21 Sep 2026 14:13:20 GMT"), MISMATCH),
    Attack("x-amz-date of another form", add(b"x-amz-date", b"20260921T141320Z"), MALFORMED),
    Attack("a date with an offset", lambda r: edit_header(r, b"date", b"GMT", b"+0100"), MALFORMED),
    Attack("a date in small letters", lambda r: edit_header(r, b"date", b"GMT", b"gmt"), MALFORMED),
    Attack("an amz header more", add(b"x-amz-copy-source", b"/other/secret"), MISMATCH),
    Attack("an amz header less", drop(b"x-amz-meta-a"), MISMATCH),
    Attack("an amz header twice", add(b"x-amz-meta-a", b"1"), MISMATCH),
    Attack("an amz header with underscores", add(b"x_amz_acl", b"public-read"), NOT_COVERED),
    Attack("an amz header for some", add(b"x-amz_acl", b"public-read"), NOT_COVERED),
    Attack("a line in an amz header", header(b"x-amz-acl", b"private\nx-amz-meta-b:1"), MALFORMED),
    Attack("a bucket in the host", header(b"host", b"other.s3.amazonaws.com"), MISMATCH),
    Attack("no bucket in the host", header(b"host", b"_.s3.amazonaws.com"), MALFORMED),
    Attack("two hosts", add(b"host", b"s3.amazonaws.com"), MALFORMED),
    Attack("two signatures", add(b"authorization", AUTHORIZATION), MALFORMED),
    Attack("no colon", word(b"AWS AKIDEXAMPLE"), MALFORMED),
    Attack("no key id", word(b"AWS :" + SIGNATURE), MALFORMED),
    Attack("two blanks", word(AUTHORIZATION.replace(b" ", b"  ")), MALFORMED),
    Attack("a tab", word(AUTHORIZATION.replace(b" ", b"\t")), Reason.UNSUPPORTED_SCHEME),
    Attack("small letters", word(AUTHORIZATION.replace(b"AWS", b"aws")), Reason.UNSUPPORTED_SCHEME),
    Attack("a longer word", word(AUTHORIZATION.replace(b"AWS", b"AWSX")), Reason.UNSUPPORTED_SCHEME),
    Attack("a key id with a quote", word(AUTHORIZATION.replace(b"AKID", b"AK'D")), MALFORMED),
    Attack("a key id of 10 kB", word(b"AWS " + b"A" * 10_000 + b":" + SIGNATURE), MALFORMED),
    Attack("another key id", word(AUTHORIZATION.replace(b"AKIDE", b"AKIDF")), Reason.UNKNOWN_KEY),
    Attack("an empty signature", word(b"AWS AKIDEXAMPLE:"), MALFORMED),
    Attack("a signature without its end", word(AUTHORIZATION[:-1]), MALFORMED),
    Attack("a signature and more", word(AUTHORIZATION + b"="), MALFORMED),
    Attack("another signature", word(b"AWS AKIDEXAMPLE:" + b"A" * 27 + b"="), MISMATCH),
    Attack("a signature in another spelling", word(b"AWS AKIDEXAMPLE:" + b"A" * 26 + b"B="), MALFORMED),
    Attack("a signature in hex", word(b"AWS AKIDEXAMPLE:" + b"a" * 40), MALFORMED),
    Attack("a signature of 32 bytes", word(b"AWS AKIDEXAMPLE:" + b"A" * 43 + b"="), MALFORMED),
    Attack("a query signature beside", more(QUERY.target.partition(b"acl&")[2]), Reason.AMBIGUOUS),
]
IN_QUERY = [
    Attack("another method", lambda r: replace(r, method=b"DELETE"), MISMATCH),
    Attack("another path", target(b"cat", b"dog"), MISMATCH),
    Attack("a sub-resource more", more(b"uploads"), MISMATCH),
    Attack("a sub-resource less", target(b"&acl", b""), MISMATCH),
    Attack("a parameter more", more(b"retention"), NOT_COVERED),
    Attack("an amz parameter more", more(b"x-amz-copy-source=%2Fa%2Fb"), MISMATCH),
    Attack("an amz parameter in capitals", more(b"X-Amz-Acl=public-read"), NOT_COVERED),
    Attack("an amz parameter beside the header", more(b"x-amz-acl=public-read"), Reason.AMBIGUOUS),
    Attack("an amz parameter twice", more(b"x-amz-meta-b=1&x-amz-meta-b=1"), MALFORMED),
    Attack("a line in an amz parameter", more(b"x-amz-meta-b=1%0Ax-amz-meta-c:2"), MALFORMED),
    Attack("an odd name of an amz parameter", more(b"x-amz-meta-b%3Ac=1"), MALFORMED),
    Attack("a content-type beside the header", more(b"content-type=text%2Fhtml"), Reason.AMBIGUOUS),
    Attack("a later end", target(b"Expires=179000", b"Expires=179010"), MISMATCH),
    Attack("no end", target(b"&Expires=", b"&Ends="), MALFORMED),
    Attack("two ends", more(b"Expires=1790003600"), MALFORMED),
    Attack("an end in capitals", more(b"EXPIRES=1790003600"), MALFORMED),
    Attack("a negative end", target(b"Expires=", b"Expires=-"), MALFORMED),
    Attack("an end with zeros", target(b"Expires=", b"Expires=0"), MALFORMED),
    Attack("an end beyond all", target(b"Expires=", b"Expires=1"), MALFORMED),
    Attack("an end with a blank", target(b"Expires=", b"Expires=%20"), MALFORMED),
    Attack("no key id", target(b"AKIDEXAMPLE", b""), MALFORMED),
    Attack("two key ids", more(b"AWSAccessKeyId=AKIDEXAMPLE"), MALFORMED),
    Attack("no signature", target(b"&Signature=", b"&S="), MALFORMED),
    Attack("two signatures", more(b"Signature=" + b"A" * 27 + b"%3D"), MALFORMED),
    Attack("another signature's name", more(b"signature=x"), MALFORMED),
    Attack("an Authorization beside", add(b"authorization", b"Basic YTpi"), Reason.AMBIGUOUS),
    Attack(
        "as for the Query API", more(b"SignatureVersion=2&SignatureMethod=HmacSHA1&Timestamp=2026-09-21T14:13:20Z"), MALFORMED
    ),
    Attack("another content-type", header(b"content-type", b"text/html"), MISMATCH),
]
IN_GENERAL = [
    Attack("another host", header(b"host", b"example.com"), MISMATCH),
    Attack("no host", drop(b"host"), MALFORMED),
    Attack("another method", lambda r: replace(r, method=b"POST"), MISMATCH),
    Attack("another path", target(b"/?", b"/a?"), MISMATCH),
    Attack("a parameter more", more(b"Force=1"), MISMATCH),
    Attack("a parameter twice", more(b"Action=X"), MALFORMED),
    Attack("a parameter's value", target(b"Describe", b"Delete"), MISMATCH),
    Attack("a plus for a space", target(b"a%20b", b"a+b"), MISMATCH),
    Attack("another version", target(b"SignatureVersion=2", b"SignatureVersion=1"), MALFORMED),
    Attack("another hash", target(b"HmacSHA256", b"HmacMD5"), MALFORMED),
    Attack("a weaker hash", target(b"HmacSHA256", b"HmacSHA1"), MALFORMED),
    Attack("no hash", target(b"&SignatureMethod=HmacSHA256", b""), MALFORMED),
    Attack("no version", target(b"&SignatureVersion=2", b""), MALFORMED),
    Attack("another time", target(b"14%3A13%3A20Z", b"14%3A13%3A21Z"), MISMATCH),
    Attack("the time without Z", target(b"20Z", b"20"), MISMATCH),
    Attack("a time that is none", target(b"14%3A13%3A20Z", b"14%3A13%3A61Z"), MALFORMED),
    Attack("an offset", target(b"20Z", b"20%2B01:00"), MALFORMED),
    Attack("no time", target(b"&Timestamp=", b"&T="), MALFORMED),
    Attack("an end", more(b"Expires=2026-09-21T14%3A13%3A20Z"), MALFORMED),
    Attack("an amz header", add(b"x-amz-acl", b"public-read"), NOT_COVERED),
    Attack("other letters", target(b"Timestamp", b"timestamp"), MALFORMED),
    Attack("S3's rules", target(b"&SignatureVersion=2&SignatureMethod=HmacSHA256", b"&Expires=1790000600"), MALFORMED),
]


def refused(base: HttpRequest, row: Attack) -> None:
    assert isinstance(verdict(base), Verified)
    changed = row.change(base)
    assert changed != base, "the change changes nothing"
    found = verdict(changed)
    assert isinstance(found, Rejected), "verified in spite of the change"
    assert found.reason is row.reason, found


@rows(IN_HEADER)
def test_header(row: Attack) -> None:
    refused(HEADER, row)


@rows(IN_QUERY)
def test_query(row: Attack) -> None:
    refused(QUERY, row)


@rows(IN_GENERAL)
def test_query_api(row: Attack) -> None:
    refused(GENERAL, row)
