"""What the application is told about the signer, and what it must not be told by the client."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from counterseal.core.payload import AlreadyChecked, BodyDigests, BodySha256, ChunkSigned
from counterseal.core.schemes.bearer import holds_token
from counterseal_client.asgi.types import Headers
from counterseal_client.model import BEARER, Verified

_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization"})

# Fields that make many upstreams act on another method, path, host or scheme than the one that was verified. Passed on only
# when signed: also those of a proxy before the gateway, which look like any stranger's. Not here: `x-forwarded-for` and its
# like. They say from where a request came and not what it asks for, and nothing here makes them true.
OVERRIDES: Final = frozenset(
    {
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x-forwarded-method",
        "x-original-method",
        "x-original-url",
        "x-original-uri",
        "x-rewrite-url",
        "x-forwarded-uri",
        "x-forwarded-path",
        "x-forwarded-prefix",
        "x-script-name",
        "forwarded",
        "x-host",
        "x-original-host",
        "x-forwarded-host",
        "x-forwarded-server",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-forwarded-protocol",
        "x-forwarded-scheme",
        "x-forwarded-ssl",
        "x-url-scheme",
    }
)


def normal_name(name: bytes) -> str:
    """Return a field name as a sloppy upstream may read it: CGI and WSGI make `X_A`, `x-a` and `X.A` one variable."""
    return "".join(char if char.isalnum() else "-" for char in name.decode("latin-1").lower())


def headers_for_application(
    headers: Iterable[tuple[bytes, bytes]], verified: Verified, prefix: str, *, frames: bool
) -> Headers:
    """Return what the application gets of the client's fields, and those that name the signer (see `identity_headers`).

    A signature may go on: it is good for the request that it came with, and no other. A bearer token, in any spelling of its
    field, may not: whoever reads it may use it until it ends. So may none of ours, in whatever field it stands: a request may
    be signed and carry one as well, which nobody looked at. Tokens of other services are the application's business.
    """
    kept = without_client_claims(headers, prefix, verified.coverage.headers)
    kept = [(name, value) for name, value in kept if not holds_token(value)]
    if verified.scheme == BEARER:
        kept = [(name, value) for name, value in kept if normal_name(name) not in _CREDENTIALS]
    return kept + identity_headers(verified, prefix, frames=frames)


def without_client_claims(headers: Iterable[tuple[bytes, bytes]], prefix: str, covered: Iterable[str]) -> Headers:
    """Return `headers` without identity fields (any spelling of `prefix`) and without overrides that nobody signed."""
    wanted = normal_name(prefix.encode())
    signed = frozenset(covered)
    kept = []
    for name, value in headers:
        normal = normal_name(name)
        if normal.startswith(wanted) or name.startswith(b":"):
            continue
        if normal in OVERRIDES and name.decode("latin-1").lower() not in signed:
            continue
        kept.append((name, value))
    return kept


def identity_headers(verified: Verified, prefix: str, *, frames: bool) -> Headers:
    """Return the fields that name the signer. Values are percent-encoded UTF-8; empty ones are sent, so that none is missing.

    `<prefix>payload` says `checked` (before the application sees the body's end) or `unsigned`; `<prefix>covers` names those of
    method, path and query that the signature covers, with `+` between them. `frames`: whether a websocket's
    frames will follow, which no signature covers.
    """
    scope = verified.scope
    checked = isinstance(verified.payload_duty, AlreadyChecked | BodySha256 | BodyDigests | ChunkSigned) and not frames
    fields = {
        "key-id": verified.key_id,
        "principal": verified.principal,
        "tenant": verified.tenant,
        "session": verified.session_id,
        "scheme": verified.scheme,
        "region": scope.region if scope else "",
        "service": scope.service if scope else "",
        "payload": "checked" if checked else "unsigned",
        "covers": "+".join(part for part in ("method", "path", "query") if getattr(verified.coverage, part)),
    }
    return [((prefix + name).encode(), quote(value, safe="-._~:@+=/").encode()) for name, value in fields.items()]
