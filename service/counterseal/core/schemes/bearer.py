"""Bearer tokens (RFC 6750): whoever has the token is let in, whatever the rest of the request says.

A token is `cstk_`, the key's id, `_`, 43 random characters and a checksum of 6, all letters and digits. The prefix and the
checksum are for secret scanners, and let made-up ones be refused before any look-up; the key's id is for finding the hash,
which is all that is stored.

Nothing of the request is covered, no time is stated, and the token may be used as often as anybody likes until
it ends: README.md puts the two ways side by side.

Only tokens of ours are looked at. Anybody else's in Authorization, such as a JWT that an application checks by itself, is no
business of this scheme: it may stand beside a signature of another one, and alone it lets nobody in. Bodies are not looked at
either: a form's `access_token` (RFC 6750 section 2.2) is nothing to this scheme.
"""

import hashlib
import re
import zlib
from dataclasses import replace
from typing import Final

from counterseal.core import compare
from counterseal.core.http import ReadRequest
from counterseal.core.model import (
    Claim,
    Coverage,
    Demand,
    Derive,
    HttpRequest,
    Key,
    KeyKind,
    Reason,
    Refusal,
    Subject,
)
from counterseal.core.payload import PayloadDuty, Unsigned
from counterseal.core.schemes.base import Credentials, SchemeDefaults, Signing

PREFIX: Final = "cstk_"
RANDOM_CHARACTERS: Final = 43  # of 62: 256 bits
_CHECK_CHARACTERS: Final = 6  # of 62: the 32 bits of a CRC
ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Ids of keys for bearer tokens are always generated: they stand inside the token.
_TOKEN: Final = re.compile(rb"cstk_(CSBT[A-Z2-7]{20})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")
# Only what is written well can be good for anything; before and behind it may stand whatever the field has room for.
_TOKEN_INSIDE: Final = re.compile(rb"cstk_CSBT[A-Z2-7]{20}_[0-9A-Za-z]{49}")
# RFC 9110 section 11.1: the scheme's name is "case-insensitive". RFC 6750 section 2.1: credentials = "Bearer" 1*SP b64token.
# What begins as a token of ours is one, well written or not.
_CREDENTIALS: Final = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +(cstk_.*)", re.DOTALL)
_PARAMETER: Final = b"access_token"
_NO_HASH: Final = b"\x00" * 32


def write_token(key_id: str, random: str) -> str:
    """Return the token of a key id and 43 random characters, with its checksum.

    Raises:
        ValueError: either is not of its form.
    """
    body = f"{PREFIX}{key_id}_{random}"
    token = body + checksum(body)
    if not _TOKEN.fullmatch(token.encode("ascii", "replace")):
        raise ValueError("a bearer token is made of a key id of its own form and 43 characters")
    return token


def checksum(body: str) -> str:
    """Return the six characters that end a token: the CRC-32 of all before them, in base 62, most significant first."""
    value, found = zlib.crc32(body.encode("ascii")), ""
    for _ in range(_CHECK_CHARACTERS):
        value, digit = divmod(value, len(ALPHABET))
        found = ALPHABET[digit] + found
    return found


def token_sha256(token: str) -> bytes:
    """Return what is stored of a token. It is random, so a plain hash keeps it: nobody can go through the guesses."""
    return hashlib.sha256(token.encode("ascii")).digest()


def read_token(token: bytes) -> str:
    """Return the key id in a token.

    Raises:
        Refusal: MALFORMED, for what is none of ours, or was mistyped.
    """
    match = _TOKEN.fullmatch(token)
    if match is None or checksum(token[:-_CHECK_CHARACTERS].decode("ascii")).encode() != match[3]:
        raise Refusal(Reason.MALFORMED, "Authorization: the bearer token is not of this service's form, or was cut or mistyped")
    return match[1].decode("ascii")


def holds_token(value: bytes) -> bool:
    """Say whether a token of ours stands somewhere in the value of a field: for whoever must not hand one on."""
    return _TOKEN_INSIDE.search(value) is not None


class Bearer(SchemeDefaults):
    """Bearer tokens of this service's own form."""

    name: str = "bearer"
    title: str = "Bearer tokens (RFC 6750), of which the service keeps only a hash"
    key_kinds: frozenset[KeyKind] = frozenset({KeyKind.BEARER})
    timeless: bool = True

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether there is a token of ours in Authorization, or in the query, where none belongs."""
        values = request.headers.get(b"authorization", ())
        return any(_CREDENTIALS.fullmatch(value.strip(b" \t")) for value in values) or _in_query(request)

    def read(self, request: ReadRequest, demand: Demand) -> Claim:  # noqa: ARG002
        """Read the token: the claim's signature is its SHA-256. Raises Refusal: MALFORMED.

        RFC 6750 section 5.3: "Don't pass bearer tokens in page URLs": they end up in histories, logs and Referer.
        """
        if _in_query(request):
            raise Refusal(Reason.MALFORMED, "a bearer token stands in the query, where logs keep it: send it in Authorization")
        match = _CREDENTIALS.fullmatch(request.header(b"authorization") or b"")
        token = b"" if match is None else match[1]
        return Claim(
            scheme=self.name,
            key_id=read_token(token),
            scope=None,
            signed_time=None,
            valid_for=None,
            coverage=Coverage(),
            signature=hashlib.sha256(token).digest(),
        )

    def check_coverage(self, claim: Claim, demand: Demand) -> None:
        """Nothing is covered, and nothing has to be: who demands coverage demands another scheme."""

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:  # noqa: ARG002 - nothing is derived
        """Compare the hashes in constant time."""
        return compare.same(key.bearer_sha256 or _NO_HASH, claim.signature) and bool(key.bearer_sha256)

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:  # noqa: ARG002
        """Say that the body is unsigned."""
        return Unsigned()

    def verified_path(self, claim: Claim) -> bytes:  # noqa: ARG002
        """Return nothing: no path is covered."""
        return b""

    def is_reusable(self, claim: Claim) -> bool:  # noqa: ARG002
        """Say yes: that is what a bearer token is."""
        return True

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        """Return the request with the token in Authorization. The token is the credentials' secret.

        Raises:
            ValueError: this is no token, or not one of this key; or the request carries an Authorization.
        """
        signing.take()
        if credentials.private_key or credentials.security_token is not None:
            raise ValueError("credentials: this scheme sends a bearer token, and nothing else")
        try:
            key_id = read_token(credentials.secret)
        except Refusal:
            raise ValueError("credentials: the secret is not a bearer token of this service") from None
        if key_id != credentials.key_id:
            raise ValueError("credentials: the bearer token is another key's")
        if any(name == b"authorization" for name, _ in request.headers):
            raise ValueError("the request carries a header that signing would add")
        return replace(request, headers=(*request.headers, (b"authorization", b"Bearer " + credentials.secret)))


def _in_query(request: ReadRequest) -> bool:
    marker = PREFIX.encode()
    return any(name.lower() == _PARAMETER and value.startswith(marker) for name, value in request.parameters)
