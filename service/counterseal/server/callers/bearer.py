"""Bearer tokens of callers: how they are spelled, made, and stored."""

import hashlib
import re
import secrets
from typing import Final

# The prefix lets secret scanners recognise a leaked one.
SCANNER_PREFIX: Final = "counterseal_caller_"
_RANDOM_BYTES: Final = 32
_TEXT: Final = r"[A-Za-z0-9._~+/=-]{16,512}"
# RFC 9110 section 11.1: the name of the scheme is case-insensitive. RFC 6750 section 2.1 gives the token's alphabet.
_AUTHORIZATION: Final = re.compile(rf"bearer ({_TEXT})", re.ASCII | re.IGNORECASE)
_BEARER: Final = re.compile(_TEXT, re.ASCII)


def new_bearer() -> str:
    """Return a fresh bearer token of 256 random bits."""
    return SCANNER_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def is_bearer(text: str) -> bool:
    """Say whether this may be a bearer token."""
    return _BEARER.fullmatch(text) is not None


def read_bearer(authorization: str) -> bytes | None:
    """Return the SHA-256 of the bearer token in an `authorization`, None when there is none."""
    match = _AUTHORIZATION.fullmatch(authorization)
    return None if match is None else bearer_sha256(match[1])


def bearer_sha256(text: str) -> bytes:
    """Return what is stored of a bearer token. It is random, so a plain hash keeps it: nobody can go through the guesses."""
    return hashlib.sha256(text.encode("ascii")).digest()
