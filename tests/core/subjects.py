"""Requests that verify, ways to change one thing in them, and the walk through `examine` and `conclude`."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from counterseal.core.model import (
    Demand,
    Derive,
    HttpRequest,
    Key,
    KeyState,
    Rejected,
    Subject,
    Verdict,
    Window,
)
from counterseal.core.schemes import BUILT_IN, Scheme
from counterseal.core.schemes.aws_sigv4 import Credentials, presign, sign_headers
from counterseal.core.verify import conclude, examine

NOW = 1_790_000_000  # 20260921T141320Z
STAMP = b"20260921T141320Z"
DAY = b"20260921"
REGION = "eu-west-1"
SECRET = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SECURITY_TOKEN = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW=="
CREDENTIALS = Credentials(key_id="AKIDEXAMPLE", secret=SECRET)
TEMPORARY = Credentials(key_id="AKIDEXAMPLE", secret=SECRET, security_token=SECURITY_TOKEN)
KEY = Key(key_id="AKIDEXAMPLE", tenant="acme", secret=SECRET, allowed_schemes=frozenset({"aws-sigv4"}), state=KeyState.ACTIVE)
TEMPORARY_KEY = replace(KEY, security_token_sha256=hashlib.sha256(SECURITY_TOKEN.encode()).digest())
NO_DEMAND = Demand()

PLAIN = HttpRequest(
    method=b"PUT",
    target=b"/photos/2026/cat.jpg?tagging=a%2Fb&versionId=7",
    headers=((b"host", b"photos.example.com"), (b"content-type", b"image/jpeg"), (b"x-amz-acl", b"private")),
    content=b"a cat",
)


def verdict(
    subject: Subject,
    *,
    key: Key | None = KEY,
    demand: Demand = NO_DEMAND,
    now: float = NOW,
    window: Window = Window(),  # noqa: B008
    schemes: Mapping[str, Scheme] = BUILT_IN,
    derive: Derive | None = None,
) -> Verdict:
    """Walk through both halves, as a server does."""
    claim = examine(subject, demand, schemes=schemes, window=window, now=now)
    if isinstance(claim, Rejected):
        return claim
    return conclude(claim, subject, key, demand, schemes=schemes, window=window, now=now, derive=derive)


def signed(
    request: HttpRequest = PLAIN,
    credentials: Credentials = CREDENTIALS,
    *,
    service: str = "s3",
    now: int = NOW,
    payload: str | None = None,
) -> HttpRequest:
    """Return the request with a header signature."""
    added = sign_headers(request, credentials, region=REGION, service=service, now=now, payload=payload)
    return replace(request, headers=(*request.headers, *added))


def presigned(
    request: HttpRequest = PLAIN,
    credentials: Credentials = CREDENTIALS,
    *,
    service: str = "s3",
    now: int = NOW,
    expires: int = 3600,
) -> HttpRequest:
    """Return the request with a query signature."""
    target = presign(request, credentials, region=REGION, service=service, now=now, expires=expires)
    return replace(request, target=target)


def header_of(request: HttpRequest, name: bytes) -> bytes:
    """Return the one value of a field."""
    (value,) = [value for found, value in request.headers if found == name]
    return value


def with_header(request: HttpRequest, name: bytes, value: bytes) -> HttpRequest:
    """Return the request with the value of a field it has replaced."""
    header_of(request, name)
    return replace(request, headers=tuple((found, value if found == name else old) for found, old in request.headers))


def and_header(request: HttpRequest, name: bytes, value: bytes) -> HttpRequest:
    """Return the request with one more field at the end."""
    return replace(request, headers=(*request.headers, (name, value)))


def without_header(request: HttpRequest, name: bytes) -> HttpRequest:
    """Return the request without a field that it has."""
    header_of(request, name)
    return replace(request, headers=tuple(item for item in request.headers if item[0] != name))


def edit_header(request: HttpRequest, name: bytes, old: bytes, new: bytes) -> HttpRequest:
    """Return the request with `old`, which occurs once, replaced in a field."""
    value = header_of(request, name)
    assert value.count(old) == 1, (value, old)
    return with_header(request, name, value.replace(old, new))


def edit_target(request: HttpRequest, old: bytes, new: bytes) -> HttpRequest:
    """Return the request with `old`, which occurs once, replaced in its target."""
    assert request.target.count(old) == 1, (request.target, old)
    return replace(request, target=request.target.replace(old, new))
