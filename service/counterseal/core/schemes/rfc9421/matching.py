"""Computing the signature. The stored key fixes the algorithm; the request can only agree with it (section 3.2 step 6)."""

import hashlib
import hmac
from typing import Final

from counterseal.core import asymmetric, compare
from counterseal.core.model import Key, PublicKey
from counterseal.core.schemes.rfc9421 import facts
from counterseal.core.schemes.rfc9421.facts import Rfc9421Claim

# What a signature of so many bytes may be. 64 are Ed25519's or P-256's; lengths that are not listed are taken for RSA's.
_BY_LENGTH: Final = {32: (facts.HMAC,), 64: ("ed25519", "ecdsa-p256-sha256"), 96: ("ecdsa-p384-sha384",)}
_RSA: Final = ("rsa-pss-sha512", "rsa-v1_5-sha256")


def matches(claim: Rfc9421Claim, key: Key) -> bool:
    """Compute with the key. When that fails, also with decoys of all other algorithms that the request may mean.

    So the time of a failure depends on what the request states, not on whether the key exists or what it is. Not hidden: RSA
    keys of other sizes than the decoy's 2048 bits.
    """
    own = facts.HMAC if key.public_key is None else key.public_key.algorithm
    possible = (claim.algorithm,) if claim.algorithm else _BY_LENGTH.get(len(claim.signature), _RSA)
    # The key's own algorithm or none: a public key is never tried as an HMAC secret, whatever `alg` says.
    if own in possible and _verifies(claim, key.secret, key.public_key):
        return True
    for name in possible:
        if name != own:
            _verifies(claim, bytes(32), None if name == facts.HMAC else asymmetric.decoy(name))
    return False


def _verifies(claim: Rfc9421Claim, secret: bytes, public_key: PublicKey | None) -> bool:
    if public_key is None:
        return compare.same(hmac.digest(secret, claim.base, hashlib.sha256), claim.signature)
    return asymmetric.verify(public_key, claim.signature, claim.base)
