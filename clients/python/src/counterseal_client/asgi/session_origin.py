"""Where a request comes from: what keeps other sites from using a session, or from beginning one of their own."""

import ipaddress
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from counterseal_client.asgi.types import Headers, Scope

CSRF_HEADER: Final = b"x-counterseal-csrf"
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](?::[0-9]{1,5})?")
_JSON: Final = re.compile(rb"application/json(?:\s*;\s*charset=\"?utf-8\"?)?", re.IGNORECASE)


class Origins:
    """The front's own origin and others that are served too.

    `own` empty: what `Host` names, with the scheme of the connection. A browser does not let a page choose either; but behind
    a proxy that ends TLS the scheme is another, so `own` has to be given there.
    """

    def __init__(self, own: str = "", others: Collection[str] = ()) -> None:
        for origin in (own, *others):
            # `null` is what sandboxed frames and local files send, anybody's: it never names an origin.
            if origin and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not an origin: scheme://host or scheme://host:port, in lower case")
        if "" in others:
            raise ValueError("an origin must not be empty")
        self._own = own
        self._others = frozenset(others)

    def own(self, scope: Scope) -> str:
        """Return the origin of the front itself, in this request; empty when the request does not say."""
        if self._own:
            return self._own
        hosts = values(scope["headers"], b"host") or values(scope["headers"], b":authority")
        if len(hosts) != 1:
            return ""
        origin = f"{scope.get('scheme', 'http')}://{hosts[0].decode('latin-1').lower()}"
        return origin if _ORIGIN.fullmatch(origin) else ""

    def other(self, scope: Scope) -> str:
        """Return the configured origin that the request comes from; empty when it comes from none of them."""
        given = values(scope["headers"], b"origin")
        named = given[0].decode("latin-1") if len(given) == 1 else ""
        return named if named in self._others else ""

    @property
    def has_others(self) -> bool:
        """Whether answers depend on the origin."""
        return bool(self._others)

    def is_loopback_http(self, scope: Scope) -> bool:
        """Whether the front is reached without TLS, on this machine: the one place where a cookie may do without `Secure`."""
        parts = urlsplit(self.own(scope))
        if parts.scheme != "http" or not parts.hostname:
            return False
        try:
            return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname).is_loopback
        except ValueError:
            return False

    def foreign(self, scope: Scope) -> str | None:
        """Return why the request is one of another site, for the log, or None.

        Browsers send `Origin` with every POST, and `Sec-Fetch-Site` (W3C Fetch Metadata) with everything to https and
        loopback, and no script can change them. Where neither is there, it was no browser of these days.
        """
        given = values(scope["headers"], b"origin")
        own = self.own(scope).encode()
        if given and (len(given) > 1 or not own or (given[0] != own and not self.other(scope))):
            return "Origin names another site, or none"
        sites = values(scope["headers"], b"sec-fetch-site")
        allowed = {b"same-origin", b"same-site"} if self.other(scope) else {b"same-origin"}
        if sites and (len(sites) > 1 or sites[0] not in allowed):
            return "Sec-Fetch-Site says another site, or none"
        return None


def forgeable(scope: Scope) -> str | None:
    """Return what would let a form of another site send such a request, for the log, or None.

    A form sends three types of content, none of them JSON, and no header field of its own; a script of another site that tries
    to is preceded by a preflight (the Fetch standard's "CORS-safelisted request-header"), which is refused here.
    """
    types = values(scope["headers"], b"content-type")
    if len(types) != 1 or not _JSON.fullmatch(types[0].strip()):
        return "content-type is not application/json"
    if values(scope["headers"], CSRF_HEADER) != [b"1"]:
        return f"{CSRF_HEADER.decode()} is not 1"
    return None


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return the values of every field called `name` (lower case), in arrival order."""
    return [bytes(value) for field, value in headers if bytes(field).lower() == name]
