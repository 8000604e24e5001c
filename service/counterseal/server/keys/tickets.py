"""Tickets: what a gateway holds between two calls about one upload, so that no replica has to remember it.

A ticket says which chain of chunks was verified up to where. It is sealed: any replica with the same master keys opens it, and
nobody else makes, changes or reads one. What is *not* noticed is an earlier ticket of the same upload used again: a gateway
that does so fools nobody but itself. See docs/decisions/0026.

Envelope: one byte of version (1), one byte of length and the master key's id, a salt of 32 bytes, AES-256-GCM ciphertext with
its tag. The key is HKDF-SHA256 of master key and salt, so that it is good for this one ticket: however many tickets are
sealed, no nonce is used twice under one key, and nothing under the master key itself.
"""

import json
import os
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterseal.core.body.chain import ChunkChain, Next
from counterseal.core.model import Scope
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.ring_text import is_master_key_id

MAX_TICKET_BYTES: Final = 8192
_VERSION: Final = 1
_SALT_BYTES: Final = 32
_NONCE: Final = bytes(12)  # one key for each ticket
_PURPOSE: Final = b"counterseal chunk ticket"


class TicketUnreadable(Exception):
    """These bytes are no ticket, or not one that was sealed under a master key at hand. The text is safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTicket:
    """Which upload, under whose key, verified up to where. `end` is in Unix seconds: nothing goes on after it."""

    key_id: str
    tenant: str
    scheme: str
    scope: Scope
    region_set: tuple[str, ...]
    chain: ChunkChain = field(repr=False)
    end: int
    # Which of the key's secrets signed: the chain goes on with that one.
    secret_version: int = 1


class TicketCipher:
    """Seals and opens tickets under a ring of master keys. Thread-safe, no state."""

    def __init__(self, master_keys: MasterKeys) -> None:
        self._active = master_keys.active
        self._keys = master_keys.keys

    def seal(self, ticket: ChunkTicket) -> bytes:
        """Seal under the active master key."""
        master_id = self._active.encode("ascii")
        head = bytes([_VERSION, len(master_id)]) + master_id + os.urandom(_SALT_BYTES)
        return head + _cipher(self._keys[self._active], head).encrypt(_NONCE, _text(ticket), _PURPOSE + head)

    def open(self, sealed: bytes) -> ChunkTicket:
        """Open what `seal` returned, here or in another process.

        Raises:
            TicketUnreadable: it is nothing of ours, was changed, or its master key is gone.
        """
        end = 2 + sealed[1] + _SALT_BYTES if len(sealed) > 2 else 0
        if not 0 < end < len(sealed) <= MAX_TICKET_BYTES or sealed[0] != _VERSION:
            raise TicketUnreadable("is not one that this service gave out")
        head, master_id = sealed[:end], sealed[2 : end - _SALT_BYTES].decode("latin-1")
        master = self._keys.get(master_id) if is_master_key_id(master_id) else None
        if master is None:
            raise TicketUnreadable("is not one that this service gave out, or its master key is gone")
        try:
            return _read(_cipher(master, head).decrypt(_NONCE, sealed[end:], _PURPOSE + head))
        except InvalidTag:
            raise TicketUnreadable("is not one that this service gave out") from None


def _cipher(master: bytes, head: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=head[-_SALT_BYTES:], info=_PURPOSE).derive(master))


def _text(ticket: ChunkTicket) -> bytes:
    scope, chain = ticket.scope, ticket.chain
    parts = {
        "key": [ticket.key_id, ticket.tenant, ticket.scheme],
        "scope": [scope.date, scope.region, scope.service, scope.terminator, scope.scheme],
        "regions": ticket.region_set,
        "chain": [chain.algorithm, chain.timestamp, chain.scope, chain.previous],
        "trailer": chain.signed_trailer,
        "next": chain.may_follow.value,
        "end": ticket.end,
        "secret": ticket.secret_version,
    }
    return json.dumps(parts, separators=(",", ":")).encode("ascii")


def _read(text: bytes) -> ChunkTicket:
    """Read what `_text` wrote. Whatever else is in a ticket that opens is a bug, and an exception of its own kind."""
    parts: dict[str, Any] = json.loads(text)
    key_id, tenant, scheme = parts["key"]
    date, region, service, terminator, scope_scheme = parts["scope"]
    algorithm, timestamp, chain_scope, previous = parts["chain"]
    return ChunkTicket(
        key_id=key_id,
        tenant=tenant,
        scheme=scheme,
        scope=Scope(date=date, region=region, service=service, terminator=terminator, scheme=scope_scheme),
        region_set=tuple(parts["regions"]),
        chain=ChunkChain(
            algorithm=algorithm,
            timestamp=timestamp,
            scope=chain_scope,
            previous=previous,
            signed_trailer=parts["trailer"],
            may_follow=Next(parts["next"]),
        ),
        end=parts["end"],
        secret_version=parts.get("secret", 1),  # the release before knew of one secret alone
    )
