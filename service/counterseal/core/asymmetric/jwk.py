"""The members of a JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037), each read exactly. No key is made here."""

import base64
import binascii
import json
import re
from typing import Final

from counterseal.core.asymmetric.kinds import ECDSA_P256, ECDSA_P384, ED25519, RSA_PSS, RSA_V1_5

# RFC 7518 sections 6.2.2, 6.3.2 and 6.4: what makes a JWK private, or no key pair at all (`k`).
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
# Names of RFC 7518, RFC 8037 and RFC 9864.
_ALGORITHMS: Final = {
    "EdDSA": ED25519,
    "Ed25519": ED25519,
    "ES256": ECDSA_P256,
    "ES384": ECDSA_P384,
    "PS512": RSA_PSS,
    "RS256": RSA_V1_5,
}
_CURVES: Final = {"P-256": (ECDSA_P256, 32), "P-384": (ECDSA_P384, 48)}
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")


class _Repeated(Exception):
    """A member is given twice."""


def read(text: bytes) -> dict[str, object]:
    """Read the JSON object. Members that say nothing about verification are ignored, as RFC 7517 section 4 wants.

    Raises:
        ValueError: no JSON object, a member given twice, a private member, or a use that is not verification.
    """
    try:
        members = json.loads(text.decode("utf-8"), object_pairs_hook=_once)
    except _Repeated:
        raise ValueError("public key: a member of the JWK is given twice") from None
    except (ValueError, RecursionError):
        # Also a number of thousands of digits, about which Python speaks of itself.
        raise ValueError("public key: no JSON object") from None
    if not isinstance(members, dict):
        raise ValueError("public key: no JSON object")
    if not PRIVATE_MEMBERS.isdisjoint(members):
        raise ValueError("public key: the JWK is private. Register its public members, and do not use this key again")
    if members.get("use", "sig") != "sig":
        raise ValueError("public key: the JWK's use must be sig")
    operations = members.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise ValueError("public key: the JWK's key_ops must hold verify")
    return members


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # RFC 7517 section 4: member names must be unique; Python would take the last.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Repeated
    return members


def algorithm(members: dict[str, object]) -> str:
    """Return the algorithm that the JWK names, empty for none. Raises ValueError: another than the supported ones."""
    if "alg" not in members:
        return ""
    found = _ALGORITHMS.get(_text(members, "alg"))
    if found is None:
        raise ValueError(f"public key: the JWK's alg must be one of {', '.join(_ALGORITHMS)}")
    return found


def okp(members: dict[str, object]) -> bytes:
    """Return the 32 bytes of an Ed25519 key (RFC 8037 section 2). Raises ValueError."""
    if _text(members, "crv") != "Ed25519":
        raise ValueError("public key: the JWK's crv must be Ed25519")
    return _bytes(members, "x", 32)


def ec_point(members: dict[str, object]) -> tuple[str, bytes]:
    """Return algorithm and uncompressed point (RFC 7518 section 6.2.1). Raises ValueError."""
    found = _CURVES.get(_text(members, "crv"))
    if found is None:
        raise ValueError("public key: the JWK's crv must be P-256 or P-384")
    curve, size = found
    return curve, b"\x04" + _bytes(members, "x", size) + _bytes(members, "y", size)


def rsa_numbers(members: dict[str, object]) -> tuple[int, int]:
    """Return modulus and exponent (RFC 7518 section 6.3.1). Raises ValueError."""
    if _text(members, "kty") != "RSA":
        raise ValueError("public key: the JWK's kty must be OKP, EC or RSA")
    return _number(members, "n"), _number(members, "e")


def _text(members: dict[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise ValueError(f"public key: the JWK's {name} must be a text")
    return value


def _bytes(members: dict[str, object], name: str, size: int) -> bytes:
    # Section 6.2.1.2: "The length of this octet string MUST be the full size of a coordinate".
    raw = _base64url(members, name)
    if len(raw) != size:
        raise ValueError(f"public key: the JWK's {name} must be {size} bytes")
    return raw


def _number(members: dict[str, object], name: str) -> int:
    raw = _base64url(members, name)
    # Section 2, Base64urlUInt: "the minimum number of octets necessary".
    if raw.startswith(b"\x00"):
        raise ValueError(f"public key: the JWK's {name} must not begin with zero bytes")
    return int.from_bytes(raw, "big")


def _base64url(members: dict[str, object], name: str) -> bytes:
    text = _text(members, name)
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if _BASE64URL.fullmatch(text) else b""
    except binascii.Error:
        raw = b""
    # One spelling: no padding, and no bits left over.
    if not raw or base64.urlsafe_b64encode(raw).rstrip(b"=") != text.encode("ascii"):
        raise ValueError(f"public key: the JWK's {name} is no base64url without padding")
    return raw
