"""The replay guard: step 10 of the walk."""

import time
from collections.abc import Callable
from typing import Final, Protocol

from counterseal.core.model import Claim, Reason, Rejected, Subject, Verified
from counterseal.core.policy import ReplayPolicy
from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.marks import Asking, mark_of, owner_of
from counterseal.server.replay.memories import Memory, Use
from counterseal.server.replay.policy import ColdStart, Policy

Clock = Callable[[], float]
_REPLAYED: Final = Rejected(reason=Reason.REPLAYED, detail="used before, and good for one use")
_CLOSED: Final = "the window closed while the request was looked at: an earlier use may be forgotten"


class Meter(Protocol):
    """Counts what the guard decides."""

    def outcome(self, outcome: str) -> None:
        """Count one of `first`, `repeat_of_same_request`, `replayed`, `exempt`, `unavailable`."""

    def asked(self, seconds: float) -> None:
        """Record how long the memory took."""


class ReplayGuard:
    """Admits what may be used once, once. Keeps `verifier.Guard`.

    `memory` None: nothing is remembered, so keys whose signatures may be used once do not verify at all. `clock` returns Unix
    seconds.
    """

    def __init__(self, *, memory: Memory | None, policy: Policy, cold: ColdStart, clock: Clock, meter: Meter) -> None:
        self._memory = memory
        self._policy = policy
        self._cold = cold
        self._clock = clock
        self._meter = meter

    def admit(self, claim: Claim, subject: Subject, verified: Verified, asking: Asking) -> Rejected | None:
        """See `verifier.Guard`. The same caller with the same request id gets the same answer again."""
        if self._memory is None and verified.key.policy.replay is ReplayPolicy.DEFAULT:
            return None
        if self._policy.is_exempt(claim, subject, verified.key):
            self._meter.outcome("exempt")
            return None
        try:
            use = self._ask(claim, verified, asking)
        except ReplayGuardUnavailable:
            self._meter.outcome("unavailable")
            raise
        if use is Use.OTHER:
            self._meter.outcome("replayed")
            return _REPLAYED
        self._meter.outcome("first" if use is Use.FIRST else "repeat_of_same_request")
        return None

    def _ask(self, claim: Claim, verified: Verified, asking: Asking) -> Use:
        if self._memory is None:
            raise ReplayGuardUnavailable("the key's signatures are for one use, and this service remembers none (REPLAY=off)")
        now = self._clock()
        if self._policy.may_be_forgotten(claim, now):
            # This process was stopped meanwhile, or its clock was set.
            raise ReplayGuardUnavailable(_CLOSED)
        mark = mark_of(verified.key, self._policy.schemes[claim.scheme].single_use(claim))
        begun = time.perf_counter()
        try:
            answer = self._memory.use(mark, owner_of(asking), until=self._policy.end(claim, verified, now), now=now)
        finally:
            self._meter.asked(time.perf_counter() - begun)
        if answer.use is Use.FIRST and self._policy.may_be_forgotten(claim, self._clock()):
            # Or it was stopped on the way to the memory, which had forgotten an earlier use when it was asked.
            raise ReplayGuardUnavailable(_CLOSED)
        # Asked of repeats as well: the first time may have been refused for this, and its mark stayed.
        if answer.use is not Use.OTHER and self._cold.may_be_lost(claim, answer.since, now):
            raise ReplayGuardUnavailable("signed before the replay guard's memory began: nobody knows whether it was used")
        return answer.use
