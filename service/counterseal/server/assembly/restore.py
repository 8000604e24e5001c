"""Accepting a store that went back to an earlier state: what was lost, revoking again, and telling every server."""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from counterseal.server.errors import KeyNotFound, SealBroken
from counterseal.server.high_water import HighWaterFile, HighWaterMark
from counterseal.server.issuer import Issuer
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.incarnation import NAME, Incarnation, open_incarnation
from counterseal.server.keys.ring import OpenedKey
from counterseal.server.store.acceptance import write_acceptance
from counterseal.server.store.audit_chain import ChainedEntry
from counterseal.server.store.audit_trail import AuditTrail
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import AuditEntry, ChainHead

ACTOR: Final = "accept-restore"
# Other servers may have seen more than the one whose folder this is. Numbers are plentiful.
_GAP: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A store beside what a data folder remembers. `why` says how the store has gone back; empty: it has not."""

    head: ChainHead
    mark: HighWaterMark | None
    incarnation: Incarnation
    why: str


def compare(store: KeyStore, cipher: SecretCipher, file: HighWaterFile) -> Comparison:
    """Compare a store with the high-water mark.

    Raises:
        ConfigError: the mark cannot be read.
        StoreUnavailable: the store does not answer.
    """
    mark = file.read()
    position = AuditTrail(store).position(mark.sequence if mark else 0, NAME)
    why = ""
    try:
        incarnation = open_incarnation(position.meta, cipher)
    except SealBroken as error:
        incarnation, why = Incarnation(), f"the store's incarnation cannot be read: {error}"
    # A restore that was accepted elsewhere since, as a server would see it.
    accepted = mark is not None and incarnation.number > mark.incarnation and _continues(store, incarnation, position.head)
    if mark is not None and not why and not accepted:
        if position.head.sequence < mark.sequence:
            why = f"it is at change {position.head.sequence}, and change {mark.sequence} was seen"
        elif (position.then or b"").hex() != mark.hash:
            why = f"its changes up to {mark.sequence} are others than those that were seen"
        elif incarnation.number < mark.incarnation:
            why = f"it is of incarnation {incarnation.number}, and {mark.incarnation} was seen"
    return Comparison(head=position.head, mark=mark, incarnation=incarnation, why=why)


def _continues(store: KeyStore, incarnation: Incarnation, head: ChainHead) -> bool:
    """Say whether the store's chain is the one that was accepted, and what came after."""
    if head.sequence < incarnation.sequence:
        return False
    return (AuditTrail(store).hash_at(incarnation.sequence) or b"").hex() == incarnation.hash


def lost_entries(store: KeyStore, exported: Iterable[tuple[str, ChainedEntry]]) -> list[ChainedEntry]:
    """Return the exported entries that the store's chain does not hold any more, each once, in the order of their numbers."""
    lost = {(entry.sequence, entry.hash): entry for _, entry in AuditTrail(store).lacks(exported)}
    return [lost[key] for key in sorted(lost)]


def revoke_again(store: KeyStore, cipher: SecretCipher, lost: Sequence[ChainedEntry], told: Callable[[str, str], None]) -> None:
    """Revoke the keys whose revocations were lost. `told` gets each key id, and what became of it.

    Raises:
        StoreUnavailable: the store does not answer; what was revoked again stays so.
    """
    issuer = Issuer(store=store, ring=_NoRing(), cipher=cipher, schemes={}, clock=time.time, revoke_bound=0)
    for entry in lost:
        if entry.action == "revoke":
            try:
                issuer.revoke(entry.key_id, f"revoked at {entry.time}; lost by a restore, and revoked again", actor=ACTOR)
            except KeyNotFound:
                told(entry.key_id, "is not in this store, and verifies nowhere")
            except SealBroken as error:  # its row is gone, or cannot be read: it opens for nobody
                told(entry.key_id, str(error))
            else:
                told(entry.key_id, "is revoked again")


def accept(store: KeyStore, cipher: SecretCipher, found: Comparison, file: HighWaterFile) -> HighWaterMark:
    """Accept the store as it is: for this folder at once, for every other server when it next looks.

    Raises:
        ConfigError: the mark cannot be written.
        StoreUnavailable: the store does not answer.
    """
    now = dt.datetime.now(dt.UTC)
    seen = found.mark or HighWaterMark(sequence=0, hash="")
    # By the clock, so that it is greater than that of any restore accepted before, of which this store may know nothing.
    number = max(int(now.timestamp() * 1e6), found.incarnation.number + 1, seen.incarnation + 1)
    entry = AuditEntry(
        time=now,
        actor=ACTOR,
        action="restore_accepted",
        key_id="",
        tenant="",
        detail={"incarnation": number, "seen": seen.sequence, "seen_hash": seen.hash, "found": found.head.sequence},
    )

    def seal(head: ChainHead) -> bytes:
        return Incarnation(number=number, sequence=head.sequence, hash=(head.hash or b"").hex()).seal(cipher)

    head = write_acceptance(store, entry, NAME, seal, skip=max(0, seen.sequence - found.head.sequence) + _GAP)
    mark = HighWaterMark(sequence=head.sequence, hash=(head.hash or b"").hex(), incarnation=number)
    file.accept(mark)
    return mark


class _NoRing:
    """What an issuer evicts from, where nothing is cached."""

    def find(self, key_id: str) -> OpenedKey | None:
        """Nobody asks."""
        raise NotImplementedError

    def evict(self, key_id: str) -> None:
        """Nothing is kept here."""

    def evict_all(self) -> None:
        """Nothing is kept here."""

    def holds(self, opened: OpenedKey) -> bool:
        """Nobody asks."""
        raise NotImplementedError
