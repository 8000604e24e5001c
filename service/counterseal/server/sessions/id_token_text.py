"""An ID token as text: JWS Compact Serialization (RFC 7515 section 7.1), read exactly. Nothing of it is believed yet."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, Final

from counterseal.server.sessions.jwk_set import read_json

MAX_BYTES: Final = 16 * 1024
_PARTS: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_MAX_KID: Final = 255


class IdRefusal(Exception):
    """Raised by the readers of ID tokens and turned into `IdRefused` by `IdTokens`. The text quotes nothing of the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenText:
    """The parts of a token. `signed` is what the signature is over: header and claims, in their one spelling."""

    text: str = field(repr=False)
    signed: bytes = field(repr=False)
    alg: str
    kid: str | None
    claims: dict[str, Any] = field(repr=False)


def read_id_token(text: str) -> IdTokenText:
    """Read a token. Keys that it brings or points at (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.

    Raises:
        IdRefusal: too long, not three parts, not JSON, or with a header that changes what the signature is over.
    """
    match = _PARTS.fullmatch(text) if len(text) <= MAX_BYTES else None
    if match is None:
        raise IdRefusal(f"not three parts of base64url, or more than {MAX_BYTES} bytes")
    header, claims = (_object(match[part]) for part in (1, 2))
    _decode(match[3])  # another spelling of a signature is no other token, but none that an issuer writes either
    # RFC 7515 section 4.1.11: what is critical must be understood, and nothing is. RFC 7797: `b64` false leaves the claims as
    # they are, so that the same bytes could be read in two ways.
    if "crit" in header or header.get("b64", True) is not True:
        raise IdRefusal("a header that must be understood, and is not")
    # RFC 8725 section 3.11: access tokens (`at+jwt`), logout tokens and others say what they are.
    if "typ" in header and str(header["typ"]).upper() != "JWT":
        raise IdRefusal("another type than JWT")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str):
        raise IdRefusal("no alg")
    if "kid" in header and not (isinstance(kid, str) and 1 <= len(kid) <= _MAX_KID):
        raise IdRefusal(f"kid must be a text of 1 to {_MAX_KID} characters")
    return IdTokenText(text=text, signed=f"{match[1]}.{match[2]}".encode("ascii"), alg=alg, kid=kid, claims=claims)


def _object(part: str) -> dict[str, Any]:
    try:
        return read_json(_decode(part))
    except ValueError:
        raise IdRefusal("header or claims are no JSON object, or one with a member given twice") from None


def _decode(part: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise IdRefusal("a part is no base64url") from None
    # One spelling: no padding, and no bits left over (RFC 4648 section 3.5). Otherwise one token would be many.
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode("ascii"):
        raise IdRefusal("a part is no base64url in its one spelling")
    return raw
