"""Keys that stand in for a key that does not exist, so that an unknown key id costs what a known one does."""

from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from counterseal.core.asymmetric.kinds import ECDSA_P256, ECDSA_P384, ED25519, described, named
from counterseal.core.model import PublicKey

# RFC 8032 section 7.1, test 1: somebody else's published key. What is computed with a decoy is thrown away.
_ED25519: Final = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
# An odd number of 2048 bits; nobody knows or needs its factors.
_MODULUS: Final = int.from_bytes(b"\xc5" * 256, "big")


@lru_cache(maxsize=8)
def decoy(algorithm: str) -> PublicKey:
    """Return a public key of an algorithm for a computation whose result is thrown away. Raises ValueError."""
    if named(algorithm) == ED25519:
        return described(Ed25519PublicKey.from_public_bytes(_ED25519), algorithm)
    if algorithm == ECDSA_P256:
        return described(ec.derive_private_key(2, ec.SECP256R1()).public_key(), algorithm)
    if algorithm == ECDSA_P384:
        return described(ec.derive_private_key(2, ec.SECP384R1()).public_key(), algorithm)
    return described(rsa.RSAPublicNumbers(65537, _MODULUS).public_key(), algorithm)
