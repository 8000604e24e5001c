"""The cookie that holds the refresh token: for the endpoints of the session alone, and for no script."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from counterseal_client.asgi.session_origin import Origins, values
from counterseal_client.asgi.types import Scope
from counterseal_client.session_model import SignedIn

# As the service writes them; the session's id is no secret.
_TOKEN: Final = re.compile(r"csrt_([A-Z2-7]{24})_[0-9A-Za-z]{1,256}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshCookie:
    """Reads and writes the cookie of one front.

    HttpOnly: no script reads it, also not one that was injected. SameSite=Strict: no other site's request carries it. `Path`
    keeps it out of what the application sees and logs. Secure, except on loopback without TLS. The prefix `__Secure-` keeps
    what was set without TLS from passing for it (RFC 6265bis section 4.1.3.1); a sibling domain under TLS may still set one of
    that name, and then there are two.
    """

    path: str
    origins: Origins

    def name(self, scope: Scope) -> str:
        """Return the cookie's name."""
        return "counterseal-refresh" if self.origins.is_loopback_http(scope) else "__Secure-counterseal-refresh"

    def read(self, scope: Scope) -> tuple[str, ...]:
        """Return the refresh tokens of all cookies of that name. With more than one, nobody knows who set which."""
        wanted, found = self.name(scope), []
        for field in values(scope["headers"], b"cookie"):
            for pair in field.decode("latin-1").split(";"):
                name, _, value = pair.partition("=")
                if name.strip(" \t") == wanted:
                    found.append(value.strip(" \t"))
        return tuple(found)

    def write(self, scope: Scope, signed_in: SignedIn) -> bytes:
        """Return the `Set-Cookie` of a session: it goes when the session would."""
        ends = [end for end in (signed_in.session.idle_expire_time, signed_in.session.expire_time) if end is not None]
        left = max(1, _seconds(min(ends, default=signed_in.server_time), signed_in.server_time))
        return self._field(scope, signed_in.refresh_token, left)

    def delete(self, scope: Scope) -> bytes:
        """Return the `Set-Cookie` that removes it."""
        return self._field(scope, "", 0)

    def _field(self, scope: Scope, value: str, max_age: int) -> bytes:
        if value and not _TOKEN.fullmatch(value):
            raise ValueError("the service's refresh token is not of a form that fits into a cookie")
        secure = "" if self.origins.is_loopback_http(scope) else "; Secure"
        field = f"{self.name(scope)}={value}; Path={self.path}; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"
        return field.encode("ascii")


def session_of(refresh_token: str) -> str:
    """Return the id of the session that a refresh token is of; empty when it is none of the service's."""
    match = _TOKEN.fullmatch(refresh_token)
    return match[1] if match else ""


def _seconds(end: datetime, now: datetime) -> int:
    return (end - now) // timedelta(seconds=1)
