"""Forms that verify, under Version 4 and under Version 2, and ways to change one thing in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from counterseal.core.buckets import BucketHosts
from counterseal.core.model import Demand, HttpRequest, Key, Verdict, Window
from counterseal.core.post_form import Part, boundary_of, read_parts, write_form
from counterseal.core.schemes.aws_sigv2 import AwsSigV2
from counterseal.core.schemes.aws_sigv4 import AwsSigV4
from counterseal.core.schemes.base import Scheme
from tests.core import subjects
from tests.core.subjects import CREDENTIALS, NO_DEMAND, NOW

HOSTS = BucketHosts(base_domains=("s3.example.com",))
V4, V2 = AwsSigV4(HOSTS), AwsSigV2(HOSTS)
SCHEMES: Mapping[str, Scheme] = {"aws-sigv4": V4, "aws-sigv2": V2}
KEY = replace(subjects.KEY, allowed_schemes=frozenset(SCHEMES))
FIELDS = {
    "key": "user/user1/${filename}",
    "acl": "public-read",
    "Content-Type": "image/jpeg",
    "x-amz-meta-uuid": "14365123651274",
    "x-amz-meta-tag": "",
}
CONDITIONS: list[Any] = [
    ["starts-with", "$key", "user/user1/"],
    {"acl": "public-read"},
    ["starts-with", "$Content-Type", "image/"],
    ["eq", "$x-amz-meta-uuid", "14365123651274"],
    ["starts-with", "$x-amz-meta-tag", ""],
    ["content-length-range", 1, "100"],
]
FILE = Part(name=b"file", filename=b"MyPicture.jpg", content=b"Hello World!\r\n\x00\xff")


def post(
    fields: Mapping[str, str], *, file: Part = FILE, target: bytes = b"/photos", host: bytes = b"s3.example.com"
) -> HttpRequest:
    """Return the request that posts these fields and the file."""
    parts = [Part(name=name.encode(), content=value.encode()) for name, value in fields.items()]
    return with_parts([*parts, file], target=target, host=host)


def with_parts(parts: Sequence[Part], *, target: bytes = b"/photos", host: bytes = b"s3.example.com") -> HttpRequest:
    content_type, body = write_form(parts)
    headers = ((b"host", host), (b"content-type", content_type), (b"content-length", b"%d" % len(body)))
    return HttpRequest(method=b"POST", target=target, headers=headers, content=body)


def form4(conditions: Sequence[Any] = CONDITIONS, fields: Mapping[str, str] = FIELDS, **more: Any) -> HttpRequest:
    """Return a form that Version 4 signed."""
    return post(fields4(conditions, fields), **more)


def fields4(conditions: Sequence[Any] = CONDITIONS, fields: Mapping[str, str] = FIELDS, **more: Any) -> dict[str, str]:
    settings: dict[str, Any] = {
        "credentials": CREDENTIALS,
        "bucket": "photos",
        "region": "eu-west-1",
        "now": NOW,
        "expires": 3600,
    } | more
    return V4.sign_form(fields, conditions=conditions, **settings)


def form2(conditions: Sequence[Any] = CONDITIONS, fields: Mapping[str, str] = FIELDS, **more: Any) -> HttpRequest:
    """Return a form that Version 2 signed."""
    return post(V2.sign_form(fields, CREDENTIALS, conditions=conditions, bucket="photos", now=NOW, expires=3600), **more)


def costly(make: Callable[..., HttpRequest]) -> HttpRequest:
    """Return the form that once cost minutes: a long file name of commas, in a Content-Type, many times, for each condition."""
    types = [["starts-with", "$Content-Type", ""]] * 240
    name = Part(name=b"file", filename=b"," * 1024, content=b"x")
    return make([*types, ["starts-with", "$key", ""]], {"key": "a", "Content-Type": "${filename}" * 4500}, file=name)


COSTLY = {"aws-sigv4": costly(form4), "aws-sigv2": costly(form2)}


def parts_of(request: HttpRequest) -> list[Part]:
    return list(read_parts(request.content or b"", boundary_of(dict(request.headers)[b"content-type"])))


def edit(change: Callable[[list[Part]], list[Part]]) -> Callable[[HttpRequest], HttpRequest]:
    """Return a change of a form's parts; target and host stay."""

    def changed(request: HttpRequest) -> HttpRequest:
        made = with_parts(change(parts_of(request)))
        others = tuple(item for item in request.headers if item[0] not in {b"content-type", b"content-length"})
        return replace(request, headers=(*others, *made.headers[1:]), content=made.content)

    return changed


def setting(name: bytes, value: bytes) -> Callable[[HttpRequest], HttpRequest]:
    """Return a change of one field's value."""
    return edit(lambda parts: [replace(part, content=value) if part.name == name else part for part in parts])


def adding(name: bytes, value: bytes, *, at: int = 0) -> Callable[[HttpRequest], HttpRequest]:
    """Return a change that adds a field."""
    return edit(lambda parts: [*parts[:at], Part(name=name, content=value), *parts[at:]])


def dropping(name: bytes) -> Callable[[HttpRequest], HttpRequest]:
    """Return a change that leaves a field out."""
    return edit(lambda parts: [part for part in parts if part.name != name])


def verdict(
    subject: HttpRequest,
    *,
    key: Key | None = KEY,
    demand: Demand = NO_DEMAND,
    now: float = NOW,
    window: Window = Window(),  # noqa: B008
    schemes: Mapping[str, Scheme] = SCHEMES,
) -> Verdict:
    """Walk through both halves with both versions enabled."""
    return subjects.verdict(subject, key=key, demand=demand, now=now, window=window, schemes=schemes)
