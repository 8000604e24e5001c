"""Key pairs for the cases: two of each algorithm, the holder's and a stranger's. The same on every run, but for RSA's."""

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from counterseal.conformance import Signer, public_signer

_CURVES: dict[str, ec.EllipticCurve] = {"ecdsa-p256-sha256": ec.SECP256R1(), "ecdsa-p384-sha384": ec.SECP384R1()}


@lru_cache
def private_key(algorithm: str, number: int) -> bytes:
    """Return a private key, PKCS#8 in DER."""
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    if algorithm in _CURVES:
        key = ec.derive_private_key(1_000_003 * number + 2**200, _CURVES[algorithm])
    elif algorithm == "ed25519":
        key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes((number,)) * 32)
    else:
        key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def key_pair(scheme: str, algorithm: str) -> Signer:
    """Return a signer with a public key."""
    return public_signer(scheme, algorithm=algorithm, private_key=private_key(algorithm, 1), stranger=private_key(algorithm, 2))
