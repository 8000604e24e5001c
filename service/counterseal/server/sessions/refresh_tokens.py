"""Refresh tokens: good once. Each has a part that stays with its session, and a part that is new every time.

`csrt_`, the session's id, `_`, 22 characters that stay, 43 that are new, and a checksum of 6, all letters and digits. The
prefix and the checksum are for secret scanners, and let made-up ones be refused before any look-up. Only hashes are kept: each
part is random, so a plain SHA-256 keeps it.
"""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.schemes.bearer import ALPHABET, checksum

PREFIX: Final = "csrt_"
_FAMILY_CHARACTERS: Final = 22  # of 62: 130 bits
_FRESH_CHARACTERS: Final = 43  # of 62: 256 bits
_CHECK_CHARACTERS: Final = 6
_SESSION_BYTES: Final = 15
_SESSION: Final = re.compile(r"[A-Z2-7]{24}", re.ASCII)
_TOKEN: Final = re.compile(r"csrt_([A-Z2-7]{24})_([0-9A-Za-z]{22})([0-9A-Za-z]{43})([0-9A-Za-z]{6})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """A refresh token, written or read. `family` is the part that stays with the session."""

    text: str = field(repr=False)
    session_id: str
    family: str = field(repr=False)

    @property
    def sha256(self) -> bytes:
        """What is kept of the whole token."""
        return hashlib.sha256(self.text.encode("ascii")).digest()

    @property
    def family_sha256(self) -> bytes:
        """What is kept of the part that stays."""
        return hashlib.sha256(self.family.encode("ascii")).digest()


def new_session_id() -> str:
    """Return a fresh id of a session: 120 random bits."""
    return base64.b32encode(secrets.token_bytes(_SESSION_BYTES)).decode("ascii")


def is_session_id(text: str) -> bool:
    """Say whether this may be the id of a session."""
    return _SESSION.fullmatch(text) is not None


def new_refresh_token(session_id: str, family: str = "") -> RefreshToken:
    """Return a fresh token of a session. An empty family is made as well."""
    family = family or _random(_FAMILY_CHARACTERS)
    body = f"{PREFIX}{session_id}_{family}{_random(_FRESH_CHARACTERS)}"
    return RefreshToken(text=body + checksum(body), session_id=session_id, family=family)


def read_refresh_token(text: str) -> RefreshToken | None:
    """Return the parts of a token; None for what is none of ours, or was mistyped."""
    match = _TOKEN.fullmatch(text)
    if match is None or checksum(text[:-_CHECK_CHARACTERS]) != match[4]:
        return None
    return RefreshToken(text=text, session_id=match[1], family=match[2])


def _random(characters: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(characters))
