"""ATTACKS.md for forms: one change in a form that verifies, under Version 4 and under Version 2."""

import base64
import functools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from counterseal.core.model import HttpRequest, Reason, Rejected, Verified
from counterseal.core.post_form import Part
from tests.core import subjects
from tests.core.attacks.table import Attack, rows
from tests.core.post_form.parts import (
    adding,
    dropping,
    edit,
    form2,
    form4,
    parts_of,
    setting,
    verdict,
)
from tests.core.subjects import and_header, with_header, without_header

FORM4, FORM2 = form4(), form2()
MALFORMED, MISMATCH, NOT_COVERED, UNSIGNED = Reason.MALFORMED, Reason.MISMATCH, Reason.NOT_COVERED, Reason.UNSIGNED
SIGNATURE4 = next(part.content for part in parts_of(FORM4) if part.name == b"x-amz-signature")
POLICY4 = next(part.content for part in parts_of(FORM4) if part.name == b"policy")

HEAD = b"Content-Disposition"


def body(old: bytes, new: bytes) -> Callable[[HttpRequest], HttpRequest]:
    """Return a change of the raw body, where `old` occurs."""

    def changed(request: HttpRequest) -> HttpRequest:
        content = request.content or b""
        assert old in content
        return replace(request, content=content.replace(old, new, 1))

    return changed


def hosted(request: HttpRequest, bucket: bytes) -> HttpRequest:
    return with_header(request, b"host", bucket + b".s3.example.com")


def target(value: bytes) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: replace(request, target=value)


def file(**changes: Any) -> Callable[[HttpRequest], HttpRequest]:
    return edit(lambda parts: [*parts[:-1], replace(parts[-1], **changes)])


def both(*changes: Callable[[HttpRequest], HttpRequest]) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: functools.reduce(lambda made, change: change(made), changes, request)


def policy(change: Callable[[Any], Any]) -> Callable[[HttpRequest], HttpRequest]:
    """Return a change of the policy document, signed anew by nobody."""
    document = json.loads(base64.b64decode(POLICY4))
    return setting(b"policy", base64.b64encode(json.dumps(change(document)).encode()))


def content_type(value: bytes) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: with_header(request, b"content-type", value)


def in_content_type(old: bytes, new: bytes) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: subjects.edit_header(request, b"content-type", old, new)


BOTH = [
    # The policy and what it covers.
    Attack("a field outside the conditions", adding(b"x-amz-storage-class", b"GLACIER"), NOT_COVERED),
    Attack("a redirect outside the conditions", adding(b"success_action_redirect", b"https://evil.example"), NOT_COVERED),
    Attack("a field covered, changed", setting(b"acl", b"public-read-write"), NOT_COVERED),
    Attack("a field covered, in other letters", setting(b"acl", b"Public-read"), NOT_COVERED),
    Attack("a field covered, gone", dropping(b"acl"), NOT_COVERED),
    Attack("a field of any value, gone", dropping(b"x-amz-meta-tag"), NOT_COVERED),
    Attack("a key beside the prefix", setting(b"key", b"user/user2/a"), NOT_COVERED),
    Attack("no key", dropping(b"key"), MALFORMED),
    Attack("an empty key", setting(b"key", b""), MALFORMED),
    Attack("a type beside the prefix", setting(b"Content-Type", b"text/html"), NOT_COVERED),
    Attack("a second type beside the prefix", setting(b"Content-Type", b"image/jpeg,text/html"), NOT_COVERED),
    Attack("a field twice", adding(b"acl", b"public-read"), MALFORMED),
    Attack("a field twice, in other letters", adding(b"ACL", b"public-read"), MALFORMED),
    Attack("a field behind the file", edit(lambda p: [*p, Part(name=b"acl", content=b"private")]), MALFORMED),
    Attack("two files", edit(lambda p: [p[-1], *p]), MALFORMED),
    Attack("two files, in other letters", edit(lambda p: [replace(p[-1], name=b"FILE", filename=None), *p]), MALFORMED),
    Attack("no file", edit(lambda p: p[:-1]), MALFORMED),
    Attack("a file as a field", edit(lambda p: [replace(p[0], filename=b"x"), *p[1:]]), MALFORMED),
    Attack("another policy", policy(lambda d: d | {"expiration": "2026-09-21T16:00:00Z"}), MISMATCH),
    Attack("no policy", dropping(b"policy"), MALFORMED),
    Attack("a policy without an end", policy(lambda d: {"conditions": d["conditions"]}), MALFORMED),
    Attack("a policy without conditions", policy(lambda d: {"expiration": d["expiration"]}), MALFORMED),
    Attack("a policy with no conditions", policy(lambda d: d | {"conditions": []}), NOT_COVERED),
    Attack("a policy with more", policy(lambda d: d | {"version": 1}), MALFORMED),
    Attack("a policy with too many conditions", policy(lambda d: d | {"conditions": [{"bucket": "photos"}] * 101}), MALFORMED),
    Attack("a policy of a name with a line break", policy(lambda d: d | {"conditions": [{"a\r\nb": "c"}]}), MALFORMED),
    Attack("text behind the policy", setting(b"policy", base64.b64encode(base64.b64decode(POLICY4) + b"{}")), MALFORMED),
    Attack("a line break in the policy", setting(b"policy", POLICY4[:60] + b"\r\n" + POLICY4[60:]), MALFORMED),
    Attack("a policy without padding", setting(b"policy", POLICY4.rstrip(b"=")[:-1]), MALFORMED),
    Attack("a longer file", file(content=b"x" * 101), Reason.PAYLOAD_MISMATCH),
    Attack("an empty file", file(content=b""), Reason.PAYLOAD_MISMATCH),
    Attack("a file's name with a path", file(filename=b"../../etc/x"), MALFORMED),
    Attack("a file's name of dots", file(filename=b".."), MALFORMED),
    Attack("a file without a name", file(filename=None), MALFORMED),
    Attack("a file's name that names itself", file(filename=b"${filename}"), MALFORMED),
    Attack("a file's name that names itself in two halves", both(setting(b"key", b"user/user1/${file${filename}name}"),
           file(filename=b"name}a${file")), MALFORMED),
    Attack("a file's name with an escaped quote", file(filename=b"a%22; x=%22b"), MALFORMED),
    Attack("a file's name with an escaped line break", file(filename=b"a%0d%0aX-Amz-Acl: public-read"), MALFORMED),
    Attack("a file's name five times", setting(b"key", b"user/user1/" + b"${filename}" * 5), MALFORMED),
    Attack("a long field with the file's name", setting(b"key", b"user/user1/${filename}" + b"a" * 2027), MALFORMED),
    Attack("a long name in a field", both(setting(b"key", b"user/user1/" + b"${filename}" * 3), file(filename=b"a" * 1000)),
           MALFORMED),
    Attack("a long type", setting(b"Content-Type", b"image/" + b"a" * 1019), MALFORMED),
    Attack("many types", setting(b"Content-Type", b",".join([b"image/a"] * 17)), MALFORMED),
    Attack("many types in the file's name", both(setting(b"Content-Type", b"image/${filename}"), file(filename=b"," * 16)),
           MALFORMED),
    Attack("a file's name that is no text", file(filename=b"\xff"), MALFORMED),
    Attack("a line break in a field", setting(b"x-amz-meta-tag", b"a\r\nx-amz-acl: public-read"), MALFORMED),
    Attack("a field that is no text", setting(b"x-amz-meta-tag", b"\xff"), MALFORMED),
    Attack("too many bytes of fields", adding(b"x-ignore-a", b"a" * 65_536), MALFORMED),
    Attack("too many parts", edit(lambda p: [Part(name=b"x-ignore-%d" % n, content=b"") for n in range(300)] + p), MALFORMED),
    # Where it was posted to.
    Attack("another bucket", target(b"/others"), NOT_COVERED),
    Attack("another bucket in the host", lambda r: hosted(replace(r, target=b"/"), b"others"), NOT_COVERED),
    Attack("a bucket in the host and one in the path", lambda r: hosted(r, b"photos"), MALFORMED),
    Attack("no bucket", target(b"/"), MALFORMED),
    Attack("a path below the bucket", target(b"/photos/a"), MALFORMED),
    Attack("an escape in the bucket", target(b"/phot%6Fs"), MALFORMED),
    Attack("two slashes", target(b"//photos"), MALFORMED),
    Attack("a query", target(b"/photos?acl"), NOT_COVERED),
    Attack("a bucket in a field", adding(b"bucket", b"others"), MALFORMED),
    Attack("an amz header", lambda r: and_header(r, b"x-amz-acl", b"public-read"), NOT_COVERED),
    Attack("an amz header with underscores", lambda r: and_header(r, b"x_amz_acl", b"public-read"), NOT_COVERED),
    # Slipping past classification (SeaweedFS #7912).
    Attack("another method", lambda r: replace(r, method=b"PUT"), UNSIGNED),
    Attack("another content-type", content_type(b"application/octet-stream"), UNSIGNED),
    Attack("no content-type", lambda r: without_header(r, b"content-type"), UNSIGNED),
    Attack("two content-types", lambda r: and_header(r, b"content-type", b"multipart/form-data; boundary=x"), MALFORMED),
    Attack("no boundary", content_type(b"multipart/form-data"), MALFORMED),
    Attack("another boundary", content_type(b"multipart/form-data; boundary=x"), MALFORMED),
    Attack("a parameter more", in_content_type(b"; ", b"; charset=utf-8; "), MALFORMED),
    Attack("mixed", in_content_type(b"form-data", b"mixed"), UNSIGNED),
    Attack("something before the form", lambda r: replace(r, content=b"\r\n" + (r.content or b"")), MALFORMED),
    Attack("something behind the form", lambda r: replace(r, content=(r.content or b"") + b"x"), MALFORMED),
    Attack("a second form behind", lambda r: replace(r, content=(r.content or b"") * 2), MALFORMED),
    Attack("no last delimiter", lambda r: replace(r, content=(r.content or b"")[:-6]), MALFORMED),
    Attack("a bare line feed", body(b"\r\n\r\n", b"\n\n"), MALFORMED),
    Attack("a folded header", body(b"; name=", b";\r\n name="), MALFORMED),
    Attack("a backslash in a name", body(b'name="acl"', b'name="a\\cl"'), MALFORMED),
    Attack("a second name", body(b'name="acl"', b'name="acl"; name="key"'), MALFORMED),
    Attack("an extended name", body(b'filename="MyPicture.jpg"', b"filename*=utf-8''a"), MALFORMED),
    Attack("a header more", body(HEAD, b"X-Amz-Acl: public-read\r\n" + HEAD), MALFORMED),
    Attack("a field in another charset", body(HEAD, b"Content-Type: text/plain; charset=iso-8859-1\r\n" + HEAD), MALFORMED),
    Attack("a field of another type", body(HEAD, b"Content-Type: text/html\r\n" + HEAD), MALFORMED),
    Attack("a field that names another charset", adding(b"_charset_", b"utf-16"), MALFORMED),
    Attack("a transfer encoding", body(HEAD, b"Content-Transfer-Encoding: base64\r\n" + HEAD), MALFORMED),
    Attack("a body that is none", lambda r: replace(r, content=b""), UNSIGNED),
    # Beside another signature, which then counts.
    Attack("an Authorization beside", lambda r: and_header(r, b"authorization", b"Basic YTpi"), Reason.UNSUPPORTED_SCHEME),
]  # fmt: skip
ONLY4 = [
    Attack("another signature", setting(b"x-amz-signature", b"0" * 64), MISMATCH),
    Attack("an empty signature", setting(b"x-amz-signature", b""), MALFORMED),
    Attack("a signature in capitals", setting(b"x-amz-signature", SIGNATURE4.upper()), MALFORMED),
    Attack("no signature", dropping(b"x-amz-signature"), MALFORMED),
    Attack("two signatures", adding(b"X-Amz-Signature", b"0" * 64), MALFORMED),
    Attack("another algorithm", setting(b"x-amz-algorithm", b"AWS4-HMAC-SHA512"), MALFORMED),
    Attack("no algorithm", dropping(b"x-amz-algorithm"), MALFORMED),
    Attack("another day", setting(b"x-amz-date", b"20260922T000000Z"), MALFORMED),
    Attack("another time of the day", setting(b"x-amz-date", b"20260921T141321Z"), NOT_COVERED),
    Attack("a time of another form", setting(b"x-amz-date", b"2026-09-21T14:13:20Z"), MALFORMED),
    Attack("no time", dropping(b"x-amz-date"), MALFORMED),
    Attack("another region", setting(b"x-amz-credential", b"AKIDEXAMPLE/20260921/us-east-1/s3/aws4_request"), NOT_COVERED),
    Attack("another service", setting(b"x-amz-credential", b"AKIDEXAMPLE/20260921/eu-west-1/sqs/aws4_request"), MALFORMED),
    Attack("another terminator", setting(b"x-amz-credential", b"AKIDEXAMPLE/20260921/eu-west-1/s3/aws5_request"), MALFORMED),
    Attack("a key id with a quote", setting(b"x-amz-credential", b"AK'D/20260921/eu-west-1/s3/aws4_request"), MALFORMED),
    Attack("a security token", adding(b"x-amz-security-token", b"abc"), NOT_COVERED),
    Attack("Version 2's fields beside", adding(b"AWSAccessKeyId", b"AKIDEXAMPLE"), Reason.AMBIGUOUS),
    Attack("a query signature beside", target(b"/photos?X-Amz-Signature=" + SIGNATURE4), MALFORMED),
]
ONLY2 = [
    Attack("another signature", setting(b"signature", b"A" * 27 + b"="), MISMATCH),
    Attack("a signature in another spelling", setting(b"signature", b"A" * 26 + b"B="), MALFORMED),
    Attack("no signature", dropping(b"signature"), MALFORMED),
    Attack("another key", setting(b"AWSAccessKeyId", b"AKIDOTHER"), Reason.UNKNOWN_KEY),
    Attack("no key id", dropping(b"AWSAccessKeyId"), UNSIGNED),
    Attack("a security token", adding(b"x-amz-security-token", b"abc"), NOT_COVERED),
    Attack("Version 4's fields beside", adding(b"x-amz-signature", SIGNATURE4), Reason.AMBIGUOUS),
    Attack("a query signature beside", target(b"/photos?AWSAccessKeyId=AKIDEXAMPLE"), MALFORMED),
]


def refused(base: HttpRequest, row: Attack) -> None:
    assert isinstance(verdict(base), Verified), verdict(base)
    changed = row.change(base)
    assert changed != base, "the change changes nothing"
    found = verdict(changed)
    assert isinstance(found, Rejected), "verified in spite of the change"
    assert found.reason is row.reason, found


@rows(BOTH)
def test_version_4_and_2(row: Attack) -> None:
    refused(FORM4, row)
    if "policy" not in row.name or row.name == "no policy":  # the changed policies are Version 4's
        refused(FORM2, row)


@rows(ONLY4)
def test_version_4(row: Attack) -> None:
    refused(FORM4, row)


@rows(ONLY2)
def test_version_2(row: Attack) -> None:
    refused(FORM2, row)
