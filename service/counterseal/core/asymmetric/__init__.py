"""Public-key signatures. The only place in `core` that knows the library `cryptography`; see docs/decisions/0022.

Names of algorithms are RFC 9421's (section 6.2). A registered key has one of them for good, so a message never chooses.
"""

from counterseal.core.asymmetric.decoys import decoy
from counterseal.core.asymmetric.kinds import ALGORITHMS
from counterseal.core.asymmetric.private import p256_public, p256_sign, public_of, sign
from counterseal.core.asymmetric.reading import read_public_key
from counterseal.core.asymmetric.verifying import verify

__all__ = ["ALGORITHMS", "decoy", "p256_public", "p256_sign", "public_of", "read_public_key", "sign", "verify"]
