"""From an ASGI scope to the request as it arrived."""

import ipaddress
from typing import Final
from urllib.parse import unquote

from counterseal_client.asgi.types import Scope
from counterseal_client.model import HttpRequest

_HTTP_SCHEMES: Final = {"ws": "http", "wss": "https"}


class HeadNotAvailable(Exception):
    """The ASGI server does not hand over the path as it was on the wire. Nothing can be verified behind such a server."""


def read_head(scope: Scope) -> HttpRequest:
    """Return the request of an `http` or `websocket` scope without its body.

    A bare `?` at the end of a target is lost in ASGI; no canonical form counts it, and the application does not see it either.
    Raises HeadNotAvailable when the scope has no `raw_path` (it is optional in ASGI, and the decoded path proves nothing).
    """
    path = scope.get("raw_path")
    if not isinstance(path, bytes) or not path:
        raise HeadNotAvailable("the ASGI server gives no raw_path")
    query: bytes = scope.get("query_string") or b""
    scheme = str(scope.get("scheme", "http"))
    return HttpRequest(
        # A websocket's handshake is a GET (RFC 6455, 4.1); its scope does not say so.
        method=str(scope["method"]) if scope["type"] == "http" else "GET",
        target=path + b"?" + query if query else path,
        headers=tuple(_header(bytes(name), bytes(value)) for name, value in scope["headers"]),
        scheme=_HTTP_SCHEMES.get(scheme, scheme),
        source_address=source_address(scope),
    )


def header_values(request: HttpRequest, name: bytes) -> list[bytes]:
    """Return the values of every field called `name` (lower case), in arrival order."""
    return [value for field, value in request.headers if field.lower() == name]


def may_have_body(scope: Scope, request: HttpRequest) -> bool:
    """Whether body bytes may follow. HTTP/1 announces a body (RFC 9112, 6.3); HTTP/2 and 3 need not."""
    if scope["type"] == "websocket":
        return False
    if header_values(request, b"transfer-encoding"):
        return True
    lengths = header_values(request, b"content-length")
    if not lengths:
        return not str(scope.get("http_version", "1.1")).startswith("1")
    return lengths != [b"0"]


def with_verified_path(scope: Scope, path: bytes) -> Scope:
    """Return a copy of `scope` with the path that the signature covers.

    Schemes that ignore dot segments and repeated slashes (SigV4 for every service but S3) cannot tell `/a/../b` from `/b`:
    whoever holds a signed request could swap one for the other, and an upstream must not see the difference.
    """
    return {**scope, "raw_path": path, "path": unquote(path)}


def _header(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    return (b"host" if name == b":authority" else name, value)


def source_address(scope: Scope) -> str:
    """Return the address of the connection's other end; empty where there is none. No header field is believed."""
    client = scope.get("client")
    if not client:
        return ""
    try:
        # Without the zone of a link-local address (`fe80::1%eth0`): it names an interface of this machine (RFC 4007, 11).
        return str(ipaddress.ip_address(str(client[0]).partition("%")[0]))
    except ValueError:  # a Unix socket's peer has no address
        return ""
