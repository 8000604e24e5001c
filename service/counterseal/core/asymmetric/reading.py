"""Public keys as people hand them over: PEM, JWK or raw bytes. One key exactly; what is private is refused by name."""

import base64
import binascii
import re
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from counterseal.core.asymmetric import jwk
from counterseal.core.asymmetric.kinds import ECDSA_P256, ECDSA_P384, RSA_PSS, Loaded, described, named, read_spki
from counterseal.core.model import PublicKey

# An RSA key of 8192 bits is 1.5 kB of PEM; a JWK may carry a certificate chain, which nobody reads.
MAX_PUBLIC_KEY: Final = 16 * 1024

# RFC 7468 section 3, its strict grammar save for the lines' length: one block, nothing before or after it but blank lines.
_PEM: Final = re.compile(
    rb"\s*+-----BEGIN (?P<label>[A-Z0-9 ]{1,40})-----[ \t]*\r?\n(?P<body>(?:[A-Za-z0-9+/=]{1,128}[ \t]*\r?\n)++)"
    rb"-----END (?P=label)-----\s*+"
)
# RFC 4055 section 3.1: a key for RSASSA-PSS alone; without parameters it leaves hash and salt open.
_PSS_OID: Final = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
_PSS_ONLY: Final = b"\x30\x0b" + _PSS_OID
_CURVE_OF_SIZE: Final = {33: ECDSA_P256, 65: ECDSA_P256, 49: ECDSA_P384, 97: ECDSA_P384}
_CURVES: Final[dict[str, ec.EllipticCurve]] = {ECDSA_P256: ec.SECP256R1(), ECDSA_P384: ec.SECP384R1()}


def read_public_key(text: bytes, *, algorithm: str = "") -> PublicKey:
    """Read a public key: PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`), a JWK (RFC 7517), 32 raw bytes of Ed25519, or a raw point.

    `algorithm` may be empty where the key decides it: everywhere but for RSA, whose JWK may name it (`alg`).

    Raises:
        ValueError: what was given is no such key, is private, is too weak, or is not made for `algorithm`. The text says why
            and quotes nothing.
    """
    if algorithm:
        named(algorithm)
    if not text or len(text) > MAX_PUBLIC_KEY:
        raise ValueError(f"public key: must be 1 to {MAX_PUBLIC_KEY} bytes")
    # 32 bytes are too few for a PEM or a JWK, and no point begins with "{" or "-".
    if len(text) == 32:
        return described(Ed25519PublicKey.from_public_bytes(text), algorithm)
    if text[0] in b"\x02\x03\x04" and len(text) in _CURVE_OF_SIZE:
        return described(_point(_CURVE_OF_SIZE[len(text)], text), algorithm)
    if text.lstrip().startswith(b"{"):
        return _read_jwk(text, algorithm)
    if b"-----BEGIN" in text:
        return _read_pem(text, algorithm)
    raise ValueError("public key: neither PEM, nor a JWK, nor the raw bytes of an Ed25519 key or a point of P-256 or P-384")


def _point(curve: str, encoded: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve], encoded)
    except ValueError:
        raise ValueError("public key: the point is not on its curve") from None


def _read_pem(text: bytes, algorithm: str) -> PublicKey:
    # Looked for first and anywhere: a private key was handed over by mistake, and is better replaced.
    if b"PRIVATE KEY" in text:
        raise ValueError("public key: this is a private key. Register its public half, and do not use this key again")
    match = _PEM.fullmatch(text)
    if match is None:
        raise ValueError("public key: must be one PEM block and nothing else")
    der = _base64(b"".join(match["body"].split()))
    if match["label"] == b"PUBLIC KEY":
        return described(read_spki(der), _narrowed(der, algorithm))
    if match["label"] == b"RSA PUBLIC KEY":
        return described(_read_pkcs1(text), algorithm)
    raise ValueError("public key: the PEM label must be PUBLIC KEY or RSA PUBLIC KEY; of a certificate, give the key in it")


def _base64(text: bytes) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("public key: the PEM block is no base64") from None
    if base64.b64encode(raw) != text:
        raise ValueError("public key: the PEM block is no canonical base64")
    return raw


def _narrowed(der: bytes, algorithm: str) -> str:
    if _PSS_OID not in der[:32]:
        return algorithm
    if _PSS_ONLY not in der[:32]:
        raise ValueError("public key: RSASSA-PSS parameters are not supported")
    if algorithm not in {"", RSA_PSS}:
        raise ValueError(f"public key: made for RSASSA-PSS, not for {algorithm}")
    return RSA_PSS


def _read_pkcs1(text: bytes) -> Loaded:
    try:
        key: object = serialization.load_pem_public_key(text)
    except ValueError:
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("public key: no RSAPublicKey")
    return key


def _read_jwk(text: bytes, algorithm: str) -> PublicKey:
    members = jwk.read(text)
    stated = jwk.algorithm(members)
    if algorithm and stated and algorithm != stated:
        raise ValueError("public key: the JWK's alg is not the algorithm named")
    return described(_jwk_key(members), algorithm or stated)


def _jwk_key(members: dict[str, object]) -> Loaded:
    if members.get("kty") == "OKP":
        return Ed25519PublicKey.from_public_bytes(jwk.okp(members))
    if members.get("kty") == "EC":
        curve, point = jwk.ec_point(members)
        return _point(curve, point)
    modulus, exponent = jwk.rsa_numbers(members)
    try:
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        raise ValueError("public key: the JWK holds no RSA key") from None
