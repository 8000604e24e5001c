"""What is used once, and for how long that has to be remembered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from counterseal.core.model import Claim, HttpRequest, Key, Subject, Verified
from counterseal.core.policy import ReplayPolicy
from counterseal.core.schemes.base import Scheme
from counterseal.core.window import MAX_AHEAD

# Seconds that clocks of replicas may be apart: one that is behind lets a signature pass for so much longer.
CLOCKS_APART: Final = 60.0
# A signature without a time (GitHub's) verifies for as long as its key does. Nobody remembers for ever by default.
TIMELESS: Final = 86_400.0
_TEN_YEARS: Final = 3650 * 86_400.0
# Seconds by which clients' clocks may be ahead before what they signed counts as signed before a loss.
_AHEAD: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which uses are remembered. A key's own policy comes first, then the exemptions. `skew` is the window's, in seconds."""

    schemes: Mapping[str, Scheme]
    exempt_schemes: frozenset[str]
    exempt_methods: frozenset[bytes]
    skew: int

    def is_exempt(self, claim: Claim, subject: Subject, key: Key) -> bool:
        """Say whether this may be used as often as its window allows."""
        if key.policy.replay is not ReplayPolicy.DEFAULT:
            return key.policy.replay is ReplayPolicy.REUSABLE
        if claim.scheme in self.exempt_schemes or self.schemes[claim.scheme].is_reusable(claim):
            return True
        # A method that is not signed is anybody's choice: a captured POST sent as a GET would be exempt, and then POSTed.
        return isinstance(subject, HttpRequest) and claim.coverage.method and subject.method in self.exempt_methods

    def end(self, claim: Claim, verified: Verified, now: float) -> float:
        """Return until when a use has to be remembered, in Unix seconds: as long as the signature may verify.

        Beside a stated time, a stated end does not count: in draft-cavage it may stand there unsigned, so that whoever captured
        the request takes it away, or adds it. Nor does the key's own end, which an update may move.
        """
        last = self._last(claim)
        if last is not None:
            return max(last, now) + CLOCKS_APART
        return now + (_TEN_YEARS if verified.key.policy.replay is ReplayPolicy.SINGLE_USE else TIMELESS)

    def may_be_forgotten(self, claim: Claim, now: float) -> bool:
        """Say whether an earlier use may be forgotten: the window was open when the request was looked at, and is no more."""
        last = self._last(claim)
        return last is not None and now > last + CLOCKS_APART

    def _last(self, claim: Claim) -> float | None:
        """Return when the signature verifies last, in Unix seconds; None for one without time and end."""
        if claim.signed_time is not None:
            return float(claim.signed_time + (self.skew if claim.valid_for is None else claim.valid_for))
        return None if claim.expires is None else float(claim.expires)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """What to do about requests that may have been used before a memory began. `skew` in seconds."""

    refuses: bool
    strict: bool
    skew: int

    def may_be_lost(self, claim: Claim, since: float, now: float) -> bool:
        """Say whether the request may have been used before `since`, and is to be refused for that.

        Not strict: clients whose clocks are ahead by more than two seconds sign after `since` what they may have used before.
        """
        if not self.refuses:
            return False
        if claim.signed_time is not None:
            return claim.signed_time <= since + (self.skew if self.strict else _AHEAD)
        if claim.expires is not None:
            # An end without a time lay at most so far ahead when it was used.
            return claim.expires <= since + MAX_AHEAD + self.skew
        # Neither time nor end: older than any memory, maybe. Only the strict wait until the memory is as long as it gets.
        return self.strict and now <= since + TIMELESS
