"""Which keys may be used with which algorithm, and how strong they have to be.

The same checks are made when a key is registered and when it is loaded for use, so a row that was changed in the store
verifies nothing that registration would have refused.
"""

from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from counterseal.core.model import PublicKey

ED25519: Final = "ed25519"
ECDSA_P256: Final = "ecdsa-p256-sha256"
ECDSA_P384: Final = "ecdsa-p384-sha384"
RSA_PSS: Final = "rsa-pss-sha512"
RSA_V1_5: Final = "rsa-v1_5-sha256"
RSA: Final = frozenset({RSA_PSS, RSA_V1_5})
ALGORITHMS: Final = frozenset({ED25519, ECDSA_P256, ECDSA_P384}) | RSA

Loaded = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

# NIST SP 800-131A: less than 2048 bits is disallowed. More than 8192 buys nothing and costs every verification.
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
# FIPS 186-5 appendix A.1.1 wants an odd exponent above 2^16 (small ones have a history: CVE-2006-4339). Above 2^64 OpenSSL
# refuses large keys itself, and a long exponent only makes verification slow.
MIN_RSA_EXPONENT: Final = 65537
MAX_RSA_EXPONENT: Final = 2**64 - 1

# RFC 8032 section 5.1: the field of edwards25519 and its constant d.
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
# y of the four points of order 8: the roots of d*y^4 + 2*y^2 - 1. All eight points of small order have one of these five.
_Y8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})

_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {ECDSA_P256: ec.SECP256R1, ECDSA_P384: ec.SECP384R1}


def named(algorithm: str) -> str:
    """Return the name of an algorithm that exists, or raise ValueError."""
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm: must be one of {', '.join(sorted(ALGORITHMS))}")
    return algorithm


def settle(key: Loaded, algorithm: str) -> str:
    """Return the algorithm of a key: the one named, if the key is made for it, or the only one that the key is made for.

    Raises:
        ValueError: the key is made for another, or for several and none is named; or it is on an unknown curve.
    """
    fitting = _fitting(key)
    if algorithm:
        if named(algorithm) not in fitting:
            raise ValueError(f"public key: not made for {algorithm}")
        return algorithm
    if len(fitting) > 1:
        raise ValueError(f"algorithm: an RSA key must name one of {', '.join(sorted(fitting))}")
    return next(iter(fitting))


def _fitting(key: Loaded) -> frozenset[str]:
    if isinstance(key, Ed25519PublicKey):
        return frozenset({ED25519})
    if isinstance(key, rsa.RSAPublicKey):
        return RSA
    for algorithm, curve in _CURVES.items():
        if isinstance(key.curve, curve):
            return frozenset({algorithm})
    raise ValueError("public key: must be Ed25519, ECDSA on P-256 or P-384, or RSA")


def check_strength(key: Loaded) -> None:
    """Check that a key is good for anything. The library checks that points of P-256 and P-384 are on their curves.

    Not checked: whether an RSA modulus was made by weak software (ROCA, shared primes), and whether an Ed25519 point has a
    component of small order beside its large one; neither lets a stranger sign.

    Raises:
        ValueError: naming what is wrong.
    """
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa(key.public_numbers())
    elif isinstance(key, Ed25519PublicKey):
        _check_ed25519(key.public_bytes_raw())


def _check_rsa(numbers: rsa.RSAPublicNumbers) -> None:
    if not MIN_RSA_BITS <= numbers.n.bit_length() <= MAX_RSA_BITS:
        raise ValueError(f"public key: RSA must have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")
    if not MIN_RSA_EXPONENT <= numbers.e <= MAX_RSA_EXPONENT or numbers.e % 2 == 0:
        raise ValueError(f"public key: the RSA exponent must be odd, {MIN_RSA_EXPONENT} at least and below 2^64")
    if numbers.n % 2 == 0:
        raise ValueError("public key: the RSA modulus must be odd")


def _check_ed25519(raw: bytes) -> None:
    # The library takes any 32 bytes. With a point of small order, one signature fits many messages (Wycheproof leaves such keys
    # out of its valid cases; RFC 8032 has no use for them), so whoever registers one gives the key away.
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _P:
        raise ValueError("public key: the Ed25519 point is not in its one encoding")
    if y in _SMALL_ORDER:
        raise ValueError("public key: the Ed25519 point is of small order")
    # Section 5.1.3: x^2 = (y^2 - 1) / (d y^2 + 1) has to be a square (Euler's criterion).
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(square, (_P - 1) // 2, _P) != 1:
        raise ValueError("public key: the Ed25519 point is not on the curve")


def described(key: Loaded, algorithm: str) -> PublicKey:
    """Return the key as it is stored, after every check. Raises ValueError."""
    settled = settle(key, algorithm)
    check_strength(key)
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(algorithm=settled, spki=spki)


def read_spki(der: bytes) -> Loaded:
    """Read a DER SubjectPublicKeyInfo. Raises ValueError; kind and strength are not checked here."""
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        # The library's text is not handed on: it may quote what it was given.
        raise ValueError("public key: no SubjectPublicKeyInfo, or of an unknown kind") from None
    if not isinstance(key, Loaded):
        raise ValueError("public key: must be Ed25519, ECDSA on P-256 or P-384, or RSA")
    return key


# Reading an Ed25519 key costs as much as verifying with it (measured: 120 us), and a service meets the same keys again.
@lru_cache(maxsize=4096)
def load(key: PublicKey) -> Loaded:
    """Return the library's object for a stored key. Raises ValueError: the record is damaged, or made elsewhere."""
    loaded = read_spki(key.spki)
    settle(loaded, named(key.algorithm))
    check_strength(loaded)
    return loaded
