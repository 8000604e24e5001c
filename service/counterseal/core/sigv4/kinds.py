"""The mathematics of a signature: how it is spelled, what key it needs, how it is made and compared."""

import hmac
import re
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

from counterseal.core import compare
from counterseal.core.model import Reason, Refusal, Scope

_HEX: Final = re.compile(rb"[0-9a-f]{64}")
_KEY_BYTES: Final = 32


class SignatureKind(Protocol):
    """One kind of signature. `only_one`: for a text and a key there is one right signature, in one spelling."""

    only_one: ClassVar[bool]

    def read(self, text: bytes) -> bytes:
        """Read a signature and return it in its one spelling. Raises Refusal: MALFORMED."""

    def derive(self, key_id: str, secret: bytes, scope: Scope) -> bytes:
        """Derive what verifies the signatures of a scope."""

    def matches(self, derived: bytes, text: bytes, signature: bytes) -> bool:
        """Say whether the signature of `text` is right. False for a derived key that is empty, cut or of another kind."""

    def sign(self, key_id: str, secret: bytes, scope: Scope, text: bytes) -> bytes:
        """Return the signature of a string to sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacSha256:
    """HMAC-SHA256 under a key that is derived by a chain of HMACs. `prefix` goes before the secret."""

    prefix: bytes
    only_one: ClassVar[bool] = True

    def read(self, text: bytes) -> bytes:
        """Read a signature. Raises Refusal: MALFORMED."""
        if not _HEX.fullmatch(text):
            raise Refusal(Reason.MALFORMED, "Signature: must be 64 lower-case hex digits")
        return text

    def derive(self, key_id: str, secret: bytes, scope: Scope) -> bytes:  # noqa: ARG002
        """Derive the 32-byte signing key of a scope."""
        return signing_key(secret, scope, self.prefix)

    def matches(self, derived: bytes, text: bytes, signature: bytes) -> bool:
        """Compute the signature, and compare in constant time."""
        # Whatever a cache hands out: an empty, cut or zeroed signing key lets anybody sign (CVE-2026-49852).
        right = compare.same(hmac.digest(derived, text, "sha256").hex().encode("ascii"), signature)
        return right and len(derived) == _KEY_BYTES and any(derived)

    def sign(self, key_id: str, secret: bytes, scope: Scope, text: bytes) -> bytes:
        """Return the signature of a string to sign."""
        return hmac.digest(self.derive(key_id, secret, scope), text, "sha256").hex().encode("ascii")


def signing_key(secret: bytes, scope: Scope, prefix: bytes = b"AWS4") -> bytes:
    """Derive the 32-byte signing key: an HMAC chain over the parts of the scope, those that it has."""
    key = prefix + secret
    for part in scope.parts():
        key = hmac.digest(key, part.encode("ascii"), "sha256")
    return key


def signature(key: bytes, text: bytes) -> bytes:
    """Return the signature of a string to sign under a signing key: 64 lower-case hex digits."""
    return hmac.digest(key, text, "sha256").hex().encode("ascii")
