"""Bodies that are signed chunk by chunk: the ticket that an upload begins with, going on from one, and leases of signing keys.

What was verified once is not trusted for long: every call finds the key anew, so a revoked key stops an upload under way.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterseal.core.body.chain import ECDSA_CHUNKS, ECDSA_KEY, ChunkChain, ChunkKey, Link, advance, chain_of
from counterseal.core.model import Claim, Coverage, Demand, Derive, Key, PublicKey, Reason, Rejected, Scope, Verified
from counterseal.core.payload import ChunkSigned
from counterseal.core.schemes.base import Scheme
from counterseal.core.scope import is_in_region_set
from counterseal.core.verify import recheck
from counterseal.server.errors import InvalidField, SealBroken, StoreUnavailable
from counterseal.server.keys.ring import LOOKS, KeyRing, OpenedKey
from counterseal.server.keys.tickets import ChunkTicket, TicketCipher, TicketUnreadable

# How long an upload may take, in seconds from the verdict on its request (verification.proto, ChunkSigned.continuation).
UPLOAD_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """A chain that holds up to here. `ticket` is what goes on from it; empty when it is complete."""

    ticket: bytes = dataclasses.field(repr=False)
    complete: bool


class ChunkVerifier:
    """Verifies chunks of uploads whose requests were verified. Safe to call from many threads. `clock` gives Unix seconds."""

    def __init__(
        self,
        *,
        ring: KeyRing,
        schemes: Mapping[str, Scheme],
        derive: Derive,
        tickets: TicketCipher,
        clock: Callable[[], float],
    ) -> None:
        """`derive` is the plain derivation, for leases."""
        self._ring = ring
        self._schemes = schemes
        self._derive = derive
        self._tickets = tickets
        self._clock = clock

    def begin(self, claim: Claim, verdict: Verified, duty: ChunkSigned, demand: Demand) -> bytes:
        """Return the ticket that an upload begins with. `demand` is what the request was verified within."""
        ticket = ChunkTicket(
            key_id=verdict.key.key_id,
            tenant=verdict.key.tenant,
            scheme=verdict.scheme,
            scope=_scope_of(verdict),
            region_set=_regions_of(claim, verdict.key, demand),
            chain=chain_of(duty),
            end=int(self._clock()) + UPLOAD_SECONDS,
            secret_version=verdict.key.secret_version,
        )
        return self._tickets.seal(ticket)

    def lease(self, verdict: Verified) -> bytes:
        """Return the signing key of the request's scope, from which the key's secret cannot be had; a public key for ECDSA."""
        return self._derive(verdict.key, _scope_of(verdict))

    def still_verifies(self, continuation: bytes, demand: Demand) -> bool:
        """Say whether the key of an upload that has just begun goes on to verify. Raises what `go_on` raises."""
        ticket, now = self.open(continuation), self._clock()
        for _ in range(LOOKS):
            key, opened = self._look(ticket, demand, now)
            if isinstance(key, Rejected) or (opened is not None and self._ring.holds(opened)):
                return not isinstance(key, Rejected)
        raise StoreUnavailable("the key store could not be read within the revocation bound")

    def open(self, continuation: bytes) -> ChunkTicket:
        """Return the ticket in a continuation.

        Raises:
            InvalidField: it is none of ours.
        """
        try:
            return self._tickets.open(continuation)
        except TicketUnreadable as error:
            raise InvalidField("continuation", str(error)) from None

    def go_on(self, ticket: ChunkTicket, links: Sequence[Link], trailer: Link | None, demand: Demand) -> Further | Rejected:
        """Verify further links, within `demand`: the caller's limits.

        Raises:
            StoreUnavailable: nobody knows.
            SealBroken: the key's stored secret does not open.
        """
        now = self._clock()
        if now > ticket.end:
            return Rejected(reason=Reason.TOO_OLD, detail=f"the upload takes longer than {UPLOAD_SECONDS} s")
        for _ in range(LOOKS):
            answer, opened = self._go_on(ticket, links, trailer, demand, now)
            if isinstance(answer, Rejected) or (opened is not None and self._ring.holds(opened)):
                return answer
        raise StoreUnavailable("the key store could not be read within the revocation bound")

    def _go_on(
        self, ticket: ChunkTicket, links: Sequence[Link], trailer: Link | None, demand: Demand, now: float
    ) -> tuple[Further | Rejected, OpenedKey | None]:
        """Take one look at the key, and go on with it. Raises what `go_on` raises."""
        key, opened = self._look(ticket, demand, now)
        if isinstance(key, Rejected) or opened is None:
            return (key if isinstance(key, Rejected) else Rejected(reason=Reason.UNKNOWN_KEY, detail="no such key")), opened
        chain = advance(ticket.chain, _chunk_key(ticket.chain, opened.derive(key, ticket.scope)), links, trailer)
        if isinstance(chain, Rejected):
            return chain, opened
        if chain.complete:
            return Further(ticket=b"", complete=True), opened
        return Further(ticket=self._tickets.seal(dataclasses.replace(ticket, chain=chain)), complete=False), opened

    def _look(self, ticket: ChunkTicket, demand: Demand, now: float) -> tuple[Key | Rejected, OpenedKey | None]:
        """Take one look at the key. Raises what `go_on` raises."""
        try:
            opened = self._ring.find(ticket.key_id)
        except SealBroken as error:
            raise SealBroken(f"{error}; key id {ticket.key_id}") from error
        found = None if opened is None or opened.key.tenant != ticket.tenant else opened.key
        version = ticket.secret_version
        return recheck(_claim_of(ticket), found, demand, schemes=self._schemes, now=now, secret_version=version), opened


def _scope_of(verdict: Verified) -> Scope:
    if verdict.scope is None:
        raise ValueError(f"{verdict.scheme}: chunks are signed within a scope, and the request has none")
    return verdict.scope


def _regions_of(claim: Claim, key: Key, demand: Demand) -> tuple[str, ...]:
    """Return for which regions the upload goes on.

    A set of regions may hold more than the key's policy does, where the caller demanded one that is the key's. Calls about
    chunks demand nothing: so the upload goes on for the regions that it was let through for, and no others.
    """
    if not claim.region_set or not key.policy.regions or not demand.regions:
        return claim.region_set
    return tuple(sorted(r for r in demand.regions & key.policy.regions if is_in_region_set(r, claim.region_set)))


def _claim_of(ticket: ChunkTicket) -> Claim:
    """Return as much of the request's claim as is checked again: neither its time nor its signature."""
    return Claim(
        scheme=ticket.scheme,
        key_id=ticket.key_id,
        scope=ticket.scope,
        signed_time=None,
        valid_for=None,
        coverage=Coverage(),
        signature=b"",
        region_set=ticket.region_set,
    )


def _chunk_key(chain: ChunkChain, derived: bytes) -> ChunkKey:
    return PublicKey(algorithm=ECDSA_KEY, spki=derived) if chain.algorithm == ECDSA_CHUNKS else derived
