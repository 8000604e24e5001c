"""The one comparison of secrets."""

import hashlib
import hmac

from counterseal.core.model import Key


def same(expected: bytes, presented: bytes) -> bool:
    """Compare in a time that does not depend on where the two differ.

    On bytes only: `hmac.compare_digest` raises on text outside ASCII. An empty expectation matches nothing.
    """
    return hmac.compare_digest(expected, presented) and len(expected) > 0


def same_security_token(key: Key, presented: bytes | None) -> bool:
    """Say whether a request carries the key's security token: the right one, or none for a key that has none."""
    if key.security_token_sha256 is None or presented is None:
        return key.security_token_sha256 is None and presented is None
    return same(key.security_token_sha256, hashlib.sha256(presented).digest())
