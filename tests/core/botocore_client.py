"""botocore's own signers, asked to sign, and what went out on the wire."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from counterseal.core.model import HttpRequest

KEY_ID = "AKIDEXAMPLE"
SIGNERS = ("SigV4Auth", "S3SigV4Auth", "SigV4QueryAuth", "S3SigV4QueryAuth")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The request on the wire, and the stages that botocore went through to sign it."""

    request: HttpRequest
    canonical_request: bytes
    string_to_sign: bytes
    signature: bytes


def send(
    signer: str,
    *,
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    secret: str,
    now: int,
    service: str,
    region: str = "eu-west-1",
    security_token: str | None = None,
    expires: int | None = None,
) -> Sent:
    """Sign with the class of that name in `botocore.auth`, at the time `now`."""
    stages: dict[str, str] = {}
    cls: Any = getattr(botocore.auth, signer)

    class Recording(cls):  # type: ignore[misc]
        def canonical_request(self, request: Any) -> Any:
            stages["canonical"] = super().canonical_request(request)
            return stages["canonical"]

        def string_to_sign(self, request: Any, canonical_request: Any) -> Any:
            stages["text"] = super().string_to_sign(request, canonical_request)
            return stages["text"]

        def signature(self, string_to_sign: Any, request: Any) -> Any:
            stages["signature"] = super().signature(string_to_sign, request)
            return stages["signature"]

    aws = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        aws.headers[name] = value
    credentials = Credentials(KEY_ID, secret, security_token)
    more = {} if expires is None else {"expires": expires}
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=moment):
        Recording(credentials, service, region, **more).add_auth(aws)
    return Sent(
        request=_on_the_wire(aws),
        canonical_request=stages["canonical"].encode(),
        string_to_sign=stages["text"].encode(),
        signature=stages["signature"].encode(),
    )


def _on_the_wire(aws: Any) -> HttpRequest:
    """Return what an HTTP client sends: the prepared URL and body, every header, `host` as HTTP/1.1 wants it."""
    prepared = aws.prepare()
    parts = urlsplit(prepared.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # Headers out of the request and not the prepared one, whose dictionary keeps one of several of a name.
    headers = [(name.lower().encode(), value.encode()) for name, value in aws.headers.items()]
    if not any(name == b"host" for name, _ in headers):
        headers.insert(0, (b"host", botocore.auth._host_from_url(prepared.url).encode()))
    return HttpRequest(method=aws.method.encode(), target=target.encode(), headers=tuple(headers), content=prepared.body or b"")
