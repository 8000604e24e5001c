"""What a session was begun with: no refresh gives a page more than that."""

import hashlib
import json
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final

# RFC 7638 section 3.2 and RFC 8037 section 2: the members that are hashed.
_REQUIRED: Final = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
# Nothing that JSON escapes, so that there is one way to write it (RFC 7638 section 3.3).
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_NONE: Final = "none"
_BEARER: Final = "bearer"
_WRITTEN: Final = re.compile(rf"([A-Za-z0-9_-]{{43}}|{_NONE})\.({_BEARER}|{_NONE})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The key that was registered at the sign-in (its thumbprint, empty: none), and whether bearer tokens were asked for.

    A script that was injected into the page can ask the front for whatever the page can ask for. It could register a key of its
    own, or have a bearer token made, and take that along: to go on elsewhere, with the page closed. So both are settled at the
    sign-in, and kept where no script writes (`session_cookie.py`).
    """

    thumbprint: str
    bearer: bool

    def __str__(self) -> str:
        return f"{self.thumbprint or _NONE}.{_BEARER if self.bearer else _NONE}"

    @classmethod
    def read(cls, written: str) -> "Pin | None":
        """Return what `str` wrote; None for anything else."""
        match = _WRITTEN.fullmatch(written)
        return match and cls(thumbprint="" if match[1] == _NONE else match[1], bearer=match[2] == _BEARER)

    def fault(self, asked: "Pin") -> str | None:
        """Say what a refresh asks for that the session was begun without; None: nothing. It may ask for less."""
        if asked.thumbprint and asked.thumbprint != self.thumbprint:
            return "it brings another key than the sign-in did"
        if asked.bearer and not self.bearer:
            return "it asks for a bearer token, and the session was begun without"
        return None


def required_members(jwk: dict[str, Any]) -> dict[str, str]:
    """Return the members of a public key that make it what it is. Raises ValueError: it is none on a curve."""
    kind = jwk.get("kty")
    members = {name: jwk.get(name) for name in _REQUIRED.get(kind, ())} if isinstance(kind, str) else {}
    plain = {name: value for name, value in members.items() if isinstance(value, str) and _PLAIN.fullmatch(value)}
    if not plain or plain.keys() != members.keys():
        raise ValueError("not a public key on a curve")
    return plain


def thumbprint(jwk: dict[str, Any]) -> str:
    """Return the thumbprint of a public key (RFC 7638, SHA-256, base64url). Raises ValueError: it is none on a curve.

    Another spelling of the same key, such as a coordinate with a leading zero more, has another thumbprint.
    """
    written = json.dumps(required_members(jwk), sort_keys=True, separators=(",", ":")).encode("ascii")
    return urlsafe_b64encode(hashlib.sha256(written).digest()).rstrip(b"=").decode("ascii")
