"""Verifying a signature with a public key. Draws no randomness."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from counterseal.core.asymmetric.kinds import ECDSA_P256, ECDSA_P384, RSA_PSS, load
from counterseal.core.model import PublicKey

HASHES: Final[dict[str, hashes.HashAlgorithm]] = {ECDSA_P256: hashes.SHA256(), ECDSA_P384: hashes.SHA384()}
SCALAR_BYTES: Final = {ECDSA_P256: 32, ECDSA_P384: 48}
FORMS: Final = frozenset({"raw", "der"})
# RFC 9421 section 3.3.1: MGF1 with SHA-512, and a salt of 64 bytes. No other length is taken.
PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)


def verify(key: PublicKey, signature: bytes, message: bytes, *, form: str = "raw") -> bool:
    """Say whether `signature` is the key's over `message`.

    `form` is how an ECDSA signature is written: `raw` is r and s, each as long as the curve's order (RFC 9421 section 3.3.4);
    `der` is ASN.1 (RFC 3279 section 2.2.3), read strictly. The other algorithms have one form only, and do not look at it.

    A key that cannot be loaded, or would be refused today, verifies nothing: its record was damaged, or made elsewhere.

    Raises:
        ValueError: the form does not exist; never for any key, signature or message.
    """
    if form not in FORMS:
        raise ValueError("form: must be raw or der")
    try:
        loaded = load(key)
    except ValueError:
        return False
    try:
        if isinstance(loaded, Ed25519PublicKey):
            loaded.verify(signature, message)
        elif isinstance(loaded, rsa.RSAPublicKey):
            _verify_rsa(loaded, key.algorithm, signature, message)
        else:
            written = signature if form == "der" else _der_of(signature, SCALAR_BYTES[key.algorithm])
            loaded.verify(written, message, ec.ECDSA(HASHES[key.algorithm]))
    except InvalidSignature:
        return False
    return True


def _verify_rsa(key: rsa.RSAPublicKey, algorithm: str, signature: bytes, message: bytes) -> None:
    if algorithm == RSA_PSS:
        key.verify(signature, message, PSS, hashes.SHA512())
    else:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())


def _der_of(raw: bytes, size: int) -> bytes:
    if len(raw) != 2 * size:
        raise InvalidSignature
    return encode_dss_signature(int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big"))
