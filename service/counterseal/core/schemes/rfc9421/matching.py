"""Computing the signature. The stored key fixes the algorithm; the request can only agree with it (section 3.2 step 6)."""

import hashlib
import hmac

from counterseal.core import asymmetric, compare
from counterseal.core.model import Key
from counterseal.core.schemes.rfc9421 import facts
from counterseal.core.schemes.rfc9421.facts import Rfc9421Claim

_BY_LENGTH = {32: facts.HMAC, 64: "ed25519", 96: "ecdsa-p384-sha384"}


def matches(claim: Rfc9421Claim, key: Key) -> bool:
    """Compute with the key, or, where it cannot be the request's, with a decoy that costs the same.

    So the time depends on what the request states, not on whether the key exists. Not hidden: without `alg`, 64 bytes may be
    Ed25519's or P-256's, and an unknown key is taken for the former; and an RSA decoy has 2048 bits.
    """
    algorithm = facts.HMAC if key.public_key is None else key.public_key.algorithm
    if not _agrees(claim, algorithm):
        _compute_for_nothing(claim)
        return False
    if key.public_key is None:
        return compare.same(_hmac(key.secret, claim.base), claim.signature)
    return asymmetric.verify(key.public_key, claim.signature, claim.base)


def _agrees(claim: Rfc9421Claim, algorithm: str) -> bool:
    if claim.algorithm:
        return claim.algorithm == algorithm
    # HMAC signatures are told by their length, so that a stranger's public key is never tried as a secret, nor a decoy spared.
    return (len(claim.signature) == 32) == (algorithm == facts.HMAC)


def _compute_for_nothing(claim: Rfc9421Claim) -> None:
    guess = claim.algorithm or _BY_LENGTH.get(len(claim.signature), "rsa-pss-sha512")
    if guess == facts.HMAC:
        _hmac(bytes(32), claim.base)
    else:
        asymmetric.verify(asymmetric.decoy(guess), claim.signature, claim.base)


def _hmac(secret: bytes, base: bytes) -> bytes:
    return hmac.digest(secret, base, hashlib.sha256)
