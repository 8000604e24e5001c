"""Secrets at rest: AES-256-GCM under a master key, tied to the row that they belong to.

Envelope: one byte of version, one byte of length and the master key's id, a nonce of 12 bytes, ciphertext with its tag of
16 bytes. All of it is authenticated, together with tenant, key id, secret version and what else lies beside it: a sealed secret
moved to another row, tenant or version does not open. What is *not* noticed is a whole row put back as it was earlier.
"""

import os
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterseal.server.errors import SealBroken
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.ring_text import is_master_key_id

# What the versions tell apart is what is sealed in beside: see `seal.py`.
VERSIONS: Final = frozenset({1, 2, 3, 4, 5, 6, 7})
_NONCE_BYTES: Final = 12  # random: good for 2^32 seals under one master key (NIST SP 800-38D, 8.3)
_TAG_BYTES: Final = 16
_PURPOSE: Final = b"counterseal sealed secret"


class SecretCipher:
    """Seals and opens secrets under a ring of master keys. Thread-safe, no state."""

    def __init__(self, master_keys: MasterKeys) -> None:
        self.active_id: Final = master_keys.active
        self._ciphers: Mapping[str, AESGCM] = {key_id: AESGCM(key) for key_id, key in master_keys.keys.items()}

    def seal(self, secret: bytes, *, tenant: str, key_id: str, version: int, beside: bytes = b"", envelope: int = 1) -> bytes:
        """Seal under the active master key. `beside` is not kept: it has to be the same again for the seal to open."""
        head = bytes([envelope]) + _short(self.active_id.encode("ascii"))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self.active_id].encrypt(nonce, secret, _bound_to(head, tenant, key_id, version, beside))
        return head + nonce + sealed

    def unseal(self, sealed: bytes, *, tenant: str, key_id: str, version: int, beside: bytes = b"", envelope: int = 1) -> bytes:
        """Open what was sealed for this tenant, key id and secret version, with the same `beside`, in this envelope.

        Raises:
            SealBroken: anything is not as it was sealed, or its master key is missing. The text is safe to show.
        """
        head, master_id = _read_head(sealed)
        if head[0] != envelope:
            raise SealBroken("a sealed secret is of another kind of key than its record")
        cipher = self._ciphers.get(master_id)
        if cipher is None:
            raise SealBroken(f"a sealed secret needs the master key {master_id}, which is missing")
        nonce, rest = sealed[len(head) : len(head) + _NONCE_BYTES], sealed[len(head) + _NONCE_BYTES :]
        if len(rest) < _TAG_BYTES:
            raise SealBroken("a sealed secret is cut short")
        try:
            return cipher.decrypt(nonce, rest, _bound_to(head, tenant, key_id, version, beside))
        except InvalidTag:
            raise SealBroken("a sealed secret does not open: it or its record was changed, or it is of another key") from None

    def is_current(self, sealed: bytes) -> bool:
        """Say whether this is sealed under the active master key; it is not opened.

        Raises:
            SealBroken: the envelope cannot be read.
        """
        return master_key_of(sealed) == self.active_id


def master_key_of(sealed: bytes) -> str:
    """Return the id of the master key that this is said to be sealed under; it is not opened.

    Raises:
        SealBroken: the envelope cannot be read.
    """
    return _read_head(sealed)[1]


def _read_head(sealed: bytes) -> tuple[bytes, str]:
    """Return the envelope's head and the master key id in it."""
    if len(sealed) < 2 or sealed[0] not in VERSIONS:
        raise SealBroken("a sealed secret has an envelope that this release does not know")
    head = sealed[: 2 + sealed[1]]
    master_id = head[2:].decode("latin-1")
    if len(head) != 2 + sealed[1] or not is_master_key_id(master_id):
        raise SealBroken("a sealed secret has a damaged envelope")
    return head, master_id


def _short(part: bytes) -> bytes:
    return bytes([len(part)]) + part


def _bound_to(head: bytes, tenant: str, key_id: str, version: int, beside: bytes) -> bytes:
    """Return the associated data. Each part goes in with its length: no two sets of parts read alike."""
    parts = (_PURPOSE, head, tenant.encode(), key_id.encode(), str(version).encode("ascii"), beside)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
