"""A JWK Set (RFC 7517 section 5) as an identity provider publishes it: which keys in it may vouch for ID tokens."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from counterseal.core.asymmetric import jwk
from counterseal.core.asymmetric.kinds import ECDSA_P256, Loaded, check_strength

MAX_KEYS: Final = 64
_MAX_KID: Final = 255
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})


class NoKeySet(Exception):
    """What was read is no JWK Set. The text is safe to log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKey:
    """A public key of an issuer, with the algorithms that it may be used with; an empty `kid`: the key has no name."""

    kid: str
    key: Loaded
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """The keys of a set that may vouch for ID tokens, and how many others were left out, by reason."""

    keys: tuple[IssuerKey, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def named(self, kid: str | None) -> tuple[IssuerKey, ...]:
        """Return the keys of that name. None: no name was given, so it is the only key that there is, or none."""
        if kid is None:
            return self.keys if len(self.keys) == 1 else ()
        return tuple(found for found in self.keys if found.kid == kid)


def read_json(text: bytes) -> dict[str, Any]:
    """Read a JSON object in which every member is given once, as RFC 7515 section 4 and RFC 7517 section 4 want.

    Raises:
        ValueError: it is none. The text is safe to log.
    """
    try:
        found = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        # Also numbers of thousands of digits, and nesting deeper than the stack. Python's text may quote the document.
        raise ValueError("no JSON object, or one with a member given twice") from None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def read_key_set(text: bytes) -> KeySet:
    """Read a set. Keys that cannot vouch for an ID token are left out, as RFC 7517 section 5 wants.

    Raises:
        NoKeySet: no set, or one with more than `MAX_KEYS` keys.
    """
    try:
        entries = read_json(text).get("keys")
    except ValueError as error:
        raise NoKeySet(str(error)) from None
    if not isinstance(entries, list):
        raise NoKeySet("no list of keys")
    if len(entries) > MAX_KEYS:
        raise NoKeySet(f"more than {MAX_KEYS} keys")
    keys, left_out = [], Counter[str]()
    for entry in entries:
        found = _read_key(entry)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            keys.append(found)
    return KeySet(keys=tuple(keys), left_out=dict(left_out))


def _read_key(entry: object) -> IssuerKey | str:
    """Return the key, or in a word why it is none for us."""
    if not isinstance(entry, dict):
        return "malformed"
    if entry.get("kty") == "oct":
        return "symmetric"
    if not jwk.PRIVATE_MEMBERS.isdisjoint(entry):
        return "private"  # whoever reads the set could sign with it
    if entry.get("use", "sig") != "sig" or "verify" not in _operations(entry):
        return "not_for_signatures"
    kid = entry.get("kid", "")
    if not isinstance(kid, str) or len(kid) > _MAX_KID:
        return "malformed"
    try:
        key = _load(entry)
    except (ValueError, UnsupportedAlgorithm):
        return "malformed"
    try:
        check_strength(key)
    except ValueError:
        return "weak"
    algorithms = _algorithms(key)
    if "alg" in entry:
        stated = entry["alg"]
        algorithms &= {"EdDSA" if stated == "Ed25519" else stated} if isinstance(stated, str) else frozenset()
    return IssuerKey(kid=kid, key=key, algorithms=algorithms) if algorithms else "other_algorithm"


def _operations(entry: dict[str, Any]) -> list[Any]:
    operations = entry.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []


def _load(entry: dict[str, Any]) -> Loaded:
    if entry.get("kty") == "OKP":
        return Ed25519PublicKey.from_public_bytes(jwk.okp(entry))
    if entry.get("kty") == "EC":
        curve, point = jwk.ec_point(entry)
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1() if curve == ECDSA_P256 else ec.SECP384R1(), point)
    modulus, exponent = jwk.rsa_numbers(entry)
    if modulus.bit_length() < 1024:
        # The library refuses tiny ones itself, without saying that this is the reason.
        raise ValueError("no RSA key")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _algorithms(key: Loaded) -> frozenset[str]:
    """Return what the type of the key allows; for ECDSA an algorithm belongs to one curve (RFC 7518 section 3.4)."""
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA
    if isinstance(key, Ed25519PublicKey):
        return frozenset({"EdDSA"})
    return frozenset({"ES256" if isinstance(key.curve, ec.SECP256R1) else "ES384"})


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")  # Python would take the last, others the first
    return members


def _no_number(_: str) -> object:
    raise ValueError("NaN and Infinity are no JSON")
