"""Marks: under which 32 bytes a use is remembered, and who asked."""

import hashlib
import secrets
from typing import Final, Protocol

from counterseal.core.model import Key

BYTES: Final = 32


class Asking(Protocol):
    """Who asks, and under which request id: `verifier.Asking`."""

    @property
    def caller(self) -> str:
        """The caller's name."""

    @property
    def request_id(self) -> str:
        """The request id; empty for none."""


def mark_of(key: Key, once: bytes) -> bytes:
    """Return the mark of what may be used once, `Scheme.single_use`, of a key.

    The scheme's name is no part of it: where two configured schemes read one signature, it still counts once.
    """
    return _digest(b"mark", key.tenant.encode(), key.key_id.encode(), once)


def owner_of(asking: Asking) -> bytes:
    """Return the mark of whoever asks. Without a request id nobody else ever has it, not even the same caller."""
    if not asking.request_id:
        return secrets.token_bytes(BYTES)
    return _digest(b"owner", asking.caller.encode(), asking.request_id.encode())


def _digest(*parts: bytes) -> bytes:
    # Each part with its length before it: no two lists of parts are the same bytes.
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
