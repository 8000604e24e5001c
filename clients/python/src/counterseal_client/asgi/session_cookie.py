"""The cookie that holds the refresh token and the pin: for the endpoints of the session alone, and for no script."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from counterseal_client.asgi.session_origin import Origins, values
from counterseal_client.asgi.session_pin import Pin
from counterseal_client.asgi.types import Scope
from counterseal_client.session_model import SignedIn

# As the service writes them; the session's id is no secret. The pin stands after a dot, which no refresh token has.
_TOKEN: Final = re.compile(r"csrt_([A-Z2-7]{24})_[0-9A-Za-z]{1,256}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one cookie holds."""

    refresh_token: str = field(repr=False)
    session_id: str
    pin: Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshCookie:
    """Reads and writes the cookie of one front.

    HttpOnly: no script reads it, also not one that was injected, and none replaces it: RFC 6265bis section 5.7 has the browser
    ignore a cookie from a "non-HTTP" API where an HttpOnly one has the same name, domain and path. With another domain or path
    it is a second cookie. A script can crowd the cookie out by setting very many others; what it then puts in its place holds
    no refresh token of the session. SameSite=Strict: no other site's request carries it. `Path` keeps it out of what the
    application sees and logs. Secure, except on loopback without TLS. The prefix `__Secure-` keeps what was set without TLS
    from passing for it (RFC 6265bis section 4.1.3.1); a sibling domain under TLS may still set one of that name, and then
    there are two.

    Not checked: that the pin is the one written here. Only who has the refresh token itself, off the device's disk, can put
    another beside it, and that one has the session until it is refreshed twice with the same token.
    """

    path: str
    origins: Origins

    def name(self, scope: Scope) -> str:
        """Return the cookie's name."""
        return "counterseal-refresh" if self.origins.is_loopback_http(scope) else "__Secure-counterseal-refresh"

    def read(self, scope: Scope) -> tuple[Kept | None, ...]:
        """Return what all cookies of that name hold, None for one of another form. With two, nobody knows who set which."""
        wanted, found = self.name(scope), []
        for line in values(scope["headers"], b"cookie"):
            for pair in line.decode("latin-1").split(";"):
                name, _, value = pair.partition("=")
                if name.strip(" \t") == wanted:
                    found.append(_read(value.strip(" \t")))
        return tuple(found)

    def write(self, scope: Scope, signed_in: SignedIn, pin: Pin) -> bytes:
        """Return the `Set-Cookie` of a session: it goes when the session would."""
        if not _TOKEN.fullmatch(signed_in.refresh_token):
            raise ValueError("the service's refresh token is not of a form that fits into a cookie")
        ends = [end for end in (signed_in.session.idle_expire_time, signed_in.session.expire_time) if end is not None]
        left = max(1, _seconds(min(ends, default=signed_in.server_time), signed_in.server_time))
        return self._field(scope, f"{signed_in.refresh_token}.{pin}", left)

    def delete(self, scope: Scope) -> bytes:
        """Return the `Set-Cookie` that removes it."""
        return self._field(scope, "", 0)

    def _field(self, scope: Scope, value: str, max_age: int) -> bytes:
        secure = "" if self.origins.is_loopback_http(scope) else "; Secure"
        line = f"{self.name(scope)}={value}; Path={self.path}; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"
        return line.encode("ascii")


def _read(value: str) -> Kept | None:
    token, _, written = value.partition(".")
    match, pin = _TOKEN.fullmatch(token), Pin.read(written)
    return Kept(refresh_token=token, session_id=match[1], pin=pin) if match and pin else None


def _seconds(end: datetime, now: datetime) -> int:
    return (end - now) // timedelta(seconds=1)
