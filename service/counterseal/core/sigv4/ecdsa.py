"""Signature Version 4A's mathematics: ECDSA on P-256 with a key pair that is derived from the secret.

The derivation is NIST SP 800-108's KDF in counter mode, with HMAC-SHA256, and one block of output: its own counter is always 1.
A second counter in the context is counted up until the candidate is in range (FIPS 186-4 appendix B.4.2, testing candidates).
"""

import hmac
import re
from dataclasses import dataclass
from typing import ClassVar, Final

from counterseal.core import asymmetric
from counterseal.core.model import PublicKey, Reason, Refusal, Scope
from counterseal.core.sigv4.der import ORDER, low_s

ALGORITHM: Final = b"AWS4-ECDSA-P256-SHA256"
_P256: Final = "ecdsa-p256-sha256"
# DER of two numbers of 1 to 33 bytes each, in hex.
_HEX: Final = re.compile(rb"(?:[0-9a-f]{2}){8,72}+")
_MAX_COUNTER: Final = 254
_FIRST_BLOCK: Final = b"\x00\x00\x00\x01"
_LENGTH_IN_BITS: Final = b"\x00\x00\x01\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class EcdsaP256:
    """ECDSA on P-256 with SHA-256. What `derive` returns is a public key: a cache of it holds nothing that signs."""

    prefix: bytes = b"AWS4A"
    only_one: ClassVar[bool] = False

    def read(self, text: bytes) -> bytes:
        """Read a signature: exact DER in lower-case hex. Returns its low-s spelling. Raises Refusal: MALFORMED."""
        found = low_s(bytes.fromhex(text.decode("ascii"))) if _HEX.fullmatch(text) else None
        if found is None:
            raise Refusal(Reason.MALFORMED, "Signature: must be an ECDSA signature on P-256, in DER and lower-case hex")
        return found.hex().encode("ascii")

    def derive(self, key_id: str, secret: bytes, scope: Scope) -> bytes:  # noqa: ARG002 - one key for all scopes
        """Derive the public key, as a DER SubjectPublicKeyInfo."""
        return asymmetric.p256_public(private_scalar(key_id, secret, self.prefix)).spki

    def matches(self, derived: bytes, text: bytes, signature: bytes) -> bool:
        """Say whether the signature of `text` is the derived public key's. What is no public key verifies nothing."""
        key = PublicKey(algorithm=_P256, spki=derived)
        return asymmetric.verify(key, bytes.fromhex(signature.decode("ascii")), text, form="der")

    def sign(self, key_id: str, secret: bytes, scope: Scope, text: bytes) -> bytes:  # noqa: ARG002
        """Return the signature of a string to sign, in its low-s spelling."""
        signed = asymmetric.p256_sign(private_scalar(key_id, secret, self.prefix), text)
        return self.read(signed.hex().encode("ascii"))


def private_scalar(key_id: str, secret: bytes, prefix: bytes = b"AWS4A") -> int:
    """Derive the private key of a key id and its secret.

    Raises:
        ValueError: no counter leads to one. The odds are below 2^-8000.
    """
    for counter in range(1, _MAX_COUNTER + 1):
        context = key_id.encode("ascii") + bytes((counter,))
        block = _FIRST_BLOCK + ALGORITHM + b"\x00" + context + _LENGTH_IN_BITS
        candidate = int.from_bytes(hmac.digest(prefix + secret, block, "sha256"), "big")
        if candidate <= ORDER - 2:
            return candidate + 1
    raise ValueError("the secret leads to no private key")
