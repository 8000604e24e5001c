"""Keys for tests, made once, from fixed numbers where the library lets us."""

import functools

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from counterseal.core import asymmetric
from counterseal.core.model import PublicKey


def pkcs8(key: PrivateKeyTypes, encoding: serialization.Encoding = serialization.Encoding.PEM) -> bytes:
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@functools.cache
def rsa_key(bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


@functools.cache
def private_key(algorithm: str) -> bytes:
    """Return a PKCS#8 PEM for an algorithm."""
    if algorithm == "ed25519":
        return pkcs8(ed25519.Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
    if algorithm == "ecdsa-p256-sha256":
        return pkcs8(ec.derive_private_key(7**80, ec.SECP256R1()))
    if algorithm == "ecdsa-p384-sha384":
        return pkcs8(ec.derive_private_key(7**120, ec.SECP384R1()))
    return pkcs8(rsa_key())


@functools.cache
def public_key(algorithm: str) -> PublicKey:
    return asymmetric.public_of(private_key(algorithm), algorithm)


def spki_pem(key: PublicKey) -> bytes:
    loaded = serialization.load_der_public_key(key.spki)
    return loaded.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
