"""Signing with a private key, for clients. The service itself has none.

Ed25519, RSA PKCS #1 v1.5 and, where OpenSSL can (3.2 and later), ECDSA are deterministic. RSA-PSS draws its salt inside
OpenSSL: the one randomness in `core`, which the algorithm's definition asks for. See docs/decisions/0022.
"""

from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from counterseal.core.asymmetric.kinds import RSA_PSS, described, named
from counterseal.core.asymmetric.verifying import FORMS, HASHES, PSS, SCALAR_BYTES
from counterseal.core.model import PublicKey

_Private = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
# SEC 2 section 2.4.2: the order of P-256.
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def sign(private_key: bytes, algorithm: str, message: bytes, *, form: str = "raw") -> bytes:
    """Return the signature of `message`. `private_key` is an unencrypted PEM or DER; for `form` see `verify`.

    Raises:
        ValueError: the key cannot be read, is too weak or not made for the algorithm; or `algorithm` or `form` does not exist.
    """
    if form not in FORMS:
        raise ValueError("form: must be raw or der")
    key = _read(private_key)
    described(key.public_key(), named(algorithm))
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        if algorithm == RSA_PSS:
            return key.sign(message, PSS, hashes.SHA512())
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    der = key.sign(message, _ecdsa(HASHES[algorithm]))
    return der if form == "der" else _raw_of(der, SCALAR_BYTES[algorithm])


def public_of(private_key: bytes, algorithm: str = "") -> PublicKey:
    """Return the public half of a private key (PEM or DER). Raises ValueError, as `sign` does."""
    return described(_read(private_key).public_key(), algorithm)


def p256_public(scalar: int) -> PublicKey:
    """Return the public key of a private scalar on P-256, as Signature Version 4A derives them. Raises ValueError."""
    return described(_derived(scalar).public_key(), "")


def p256_sign(scalar: int, message: bytes) -> bytes:
    """Sign with a private scalar on P-256 and SHA-256. Returns DER. Raises ValueError: the scalar is out of range."""
    return _derived(scalar).sign(message, _ecdsa(hashes.SHA256()))


def _derived(scalar: int) -> ec.EllipticCurvePrivateKey:
    if not 0 < scalar < P256_ORDER:
        raise ValueError("private scalar: must be between 1 and the order of P-256 minus 1")
    return ec.derive_private_key(scalar, ec.SECP256R1())


# Reading an RSA key checks its primes, which takes 90 ms: fifty times as long as signing. A client signs with one key or two,
# which it holds all the while; refusals are not remembered.
@lru_cache(maxsize=8)
def _read(private_key: bytes) -> _Private:
    load = serialization.load_pem_private_key if b"-----BEGIN" in private_key else serialization.load_der_private_key
    try:
        key = load(private_key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Never the library's own text, and never as its cause: both may show parts of the key.
        raise ValueError("private key: must be an unencrypted PEM or DER of a known kind") from None
    if not isinstance(key, _Private):
        raise ValueError("private key: must be Ed25519, ECDSA on P-256 or P-384, or RSA")
    return key


def _ecdsa(digest: hashes.HashAlgorithm) -> ec.ECDSA:
    try:
        return ec.ECDSA(digest, deterministic_signing=True)
    except UnsupportedAlgorithm:
        return ec.ECDSA(digest)


def _raw_of(der: bytes, size: int) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
