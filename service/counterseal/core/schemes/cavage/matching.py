"""Computing the signature. The stored key has one algorithm; what a failure costs, the request alone decides."""

import hmac
from typing import Final

from counterseal.core import asymmetric, compare
from counterseal.core.model import Key, PublicKey
from counterseal.core.schemes.cavage import facts
from counterseal.core.schemes.cavage.facts import CavageClaim

_HMAC: Final = "hmac"
_RSA: Final = ("rsa-pss-sha512", "rsa-v1_5-sha256")
# ECDSA signatures are DER: two integers, each as long as the curve's order and a byte for the sign, and six bytes around them.
# Integers that begin with zeros are shorter: one signature in 2^40 is as short as Ed25519's, and refused.
_MAX_P256: Final = 72
_MAX_P384: Final = 104


def matches(claim: CavageClaim, key: Key) -> bool:
    """Compute with the key. When that fails, also with decoys of all other algorithms that the request may mean.

    So the time of a failure tells neither whether the key exists nor what it is. Not hidden: RSA keys of other sizes than the
    decoy's 2048 bits.
    """
    own = _HMAC if key.public_key is None else key.public_key.algorithm
    computable = possible(claim)
    # The key's own algorithm or none: what the message names never chooses a kind, and a public key's text is no secret.
    if own in computable and _verifies(claim, key.secret, key.public_key):
        return True
    for name in computable:
        if name != own:
            _verifies(claim, bytes(32), None if name == _HMAC else asymmetric.decoy(name))
    return False


def possible(claim: CavageClaim) -> tuple[str, ...]:
    """Return the algorithms that a request may be signed with, as far as it tells: by name, or by the signature's length.

    hs2019, or no name, leaves the choice to the key (section 2.1.3 and appendix E.2).
    """
    if claim.algorithm in facts.HMACS:
        return (_HMAC,)
    if claim.algorithm in facts.PUBLIC:
        return (facts.PUBLIC[claim.algorithm],)
    length = len(claim.signature)
    if length == 64:  # Also what HMAC-SHA-512 makes.
        return (_HMAC, "ed25519")
    if length <= _MAX_P384:
        return ("ecdsa-p256-sha256",) if length <= _MAX_P256 else ("ecdsa-p384-sha384",)
    return _RSA


def _verifies(claim: CavageClaim, secret: bytes, public_key: PublicKey | None) -> bool:
    # Of two strings both are always tried. DER is how Java, Node and OpenSSL write ECDSA signatures.
    if public_key is not None:
        found = [asymmetric.verify(public_key, claim.signature, string, form="der") for string in claim.strings]
    else:
        name = facts.HMACS.get(claim.algorithm, facts.HS2019_HMAC)
        found = [compare.same(hmac.digest(secret, string, name), claim.signature) for string in claim.strings]
    return any(found)
