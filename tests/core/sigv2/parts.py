"""Requests signed by Version 2, and the walk with that scheme enabled."""

from collections.abc import Mapping
from dataclasses import replace

from counterseal.core.buckets import BucketHosts
from counterseal.core.model import Demand, HttpRequest, Key, Verdict, Window
from counterseal.core.schemes.aws_sigv2 import AwsSigV2
from counterseal.core.schemes.base import Credentials, Scheme, Signing
from tests.core import subjects
from tests.core.subjects import CREDENTIALS, NO_DEMAND, NOW

HOSTS = BucketHosts(
    base_domains=("s3.amazonaws.com", "us-west-1.s3.amazonaws.com", "s3.us-west-1.amazonaws.com"),
    bucket_hosts=("static.example.com",),
)
SCHEME = AwsSigV2(HOSTS)
SCHEMES: Mapping[str, Scheme] = {SCHEME.name: SCHEME}
KEY = replace(subjects.KEY, allowed_schemes=frozenset({"aws-sigv2"}))
PLAIN = HttpRequest(
    method=b"PUT",
    target=b"/photos/2026/cat.jpg?versionId=7&acl",
    headers=(
        (b"host", b"s3.amazonaws.com"),
        (b"content-type", b"image/jpeg"),
        (b"content-md5", b"XrY7u+Ae7tCTyyK7j1rNww=="),
        (b"x-amz-acl", b"private"),
        (b"x-amz-meta-a", b"1"),
    ),
    content=b"hello world",
)
QUERY_API = HttpRequest(
    method=b"GET",
    target=b"/?Action=DescribeJobFlows&Version=2009-03-31&Name=a%20b",
    headers=((b"host", b"elasticmapreduce.amazonaws.com"),),
    content=b"",
)


def verdict(
    subject: HttpRequest,
    *,
    key: Key | None = KEY,
    demand: Demand = NO_DEMAND,
    now: float = NOW,
    window: Window = Window(),  # noqa: B008
    schemes: Mapping[str, Scheme] = SCHEMES,
) -> Verdict:
    """Walk through both halves with Version 2 alone."""
    return subjects.verdict(subject, key=key, demand=demand, now=now, window=window, schemes=schemes)


def signed(
    request: HttpRequest = PLAIN, credentials: Credentials = CREDENTIALS, *, now: int = NOW, **options: str
) -> HttpRequest:
    """Sign with the scheme itself."""
    return SCHEME.sign(request, credentials, Signing(now=now, options=options))
