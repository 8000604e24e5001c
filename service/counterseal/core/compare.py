"""The one comparison of secrets."""

import hmac


def same(expected: bytes, presented: bytes) -> bool:
    """Compare in a time that does not depend on where the two differ.

    On bytes only: `hmac.compare_digest` raises on text outside ASCII. An empty expectation matches nothing.
    """
    return hmac.compare_digest(expected, presented) and len(expected) > 0
