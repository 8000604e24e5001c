"""The walk of one Verify, steps 2 to 10 of the order of checks. The order of the steps is the order of reasons.

Nothing here decides: `core` does, on what the key ring finds. "No" is a value, "don't know" an exception.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from counterseal.core.model import Claim, Demand, Derive, Reason, Rejected, Subject, Verdict, Verified, Window
from counterseal.core.schemes.base import Scheme
from counterseal.core.verify import conclude, examine
from counterseal.server.errors import SealBroken, StoreUnavailable
from counterseal.server.keys.ring import LOOKS, KeyRing, OpenedKey

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks, and under which request id: the same request asked again is no replay. An empty id names nothing."""

    caller: str = ""
    request_id: str = ""


class Lockout(Protocol):
    """Remembers failures by key id and source. An id that nobody has is treated like any other."""

    def is_out(self, key_id: str, source: str) -> bool:
        """Say whether this source is to be refused for this key id now."""

    def failed(self, key_id: str, source: str) -> None:
        """Note a signature that did not match, or a key id that nobody has."""


class Guard(Protocol):
    """Remembers what may be used once."""

    def admit(self, claim: Claim, subject: Subject, verified: Verified, asking: Asking) -> Rejected | None:
        """Return None for a first use, or where more uses are allowed; otherwise the refusal.

        Raises:
            ReplayGuardUnavailable: nobody knows.
        """


class Uses(Protocol):
    """Notes when secrets are used."""

    def note(self, key_id: str, version: int, now: float) -> None:
        """Note that a secret verified a request at `now`, in Unix seconds. Quick, and does not raise."""


class Verifier:
    """Verifies signed requests against the keys of a ring. Safe to call from many threads.

    `clock` returns Unix seconds. `absent_derive` is the derivation for keys that do not exist: it has to remember what it
    derived as the ring's own do, so that an unknown key costs what a known one costs. Without `lockout`, `guard` or `uses`
    there is none of it.
    """

    def __init__(
        self,
        *,
        ring: KeyRing,
        schemes: Mapping[str, Scheme],
        window: Window,
        clock: Clock,
        absent_derive: Derive,
        lockout: Lockout | None = None,
        guard: Guard | None = None,
        uses: Uses | None = None,
    ) -> None:
        self._ring = ring
        self._schemes = schemes
        self._window = window
        self._clock = clock
        self._absent_derive = absent_derive
        self._lockout = lockout
        self._guard = guard
        self._uses = uses

    def verify(self, subject: Subject, demand: Demand) -> Verdict:
        """Return the verdict on `subject`. Raises what `walk` raises."""
        return self.walk(subject, demand, Asking())[0]

    def walk(self, subject: Subject, demand: Demand, asking: Asking) -> tuple[Verdict, Claim | None]:
        """Return the verdict, and the claim also, once one was read and a key was asked for.

        Raises:
            StoreUnavailable, ReplayGuardUnavailable: nobody knows.
            SealBroken: the key's stored secret does not open; a defect of the service, never a verdict.
        """
        now = self._clock()
        # 2 find the scheme, read the claim; 3 its time lies inside the window; 4 everything that must be covered is.
        claim = examine(subject, demand, schemes=self._schemes, window=self._window, now=now)
        if isinstance(claim, Rejected):
            return claim, None
        # 5 before the key is looked up, so that it is the same for an id that nobody has.
        if self._lockout is not None and self._lockout.is_out(claim.key_id, subject.source_address):
            return Rejected(reason=Reason.THROTTLED, detail="too many signatures from this source did not match"), claim
        verdict, opened = self._conclude(claim, subject, demand, now)
        if isinstance(verdict, Verified) and self._guard is not None:
            # 10 replay: last, so that strangers cannot burn nonces.
            verdict = self._guard.admit(claim, subject, verdict, asking) or verdict
        looks = 1
        while isinstance(verdict, Verified) and (opened is None or not self._ring.holds(opened)):
            # The key was changed meanwhile, or so much time has passed that it may have been.
            if looks == LOOKS:
                raise StoreUnavailable("the key store could not be read within the revocation bound")
            verdict, opened = self._conclude(claim, subject, demand, self._clock())
            looks += 1
        self._note(claim, subject, verdict, now)
        return verdict, claim

    def _conclude(self, claim: Claim, subject: Subject, demand: Demand, now: float) -> tuple[Verdict, OpenedKey | None]:
        """Take steps 5 to 9. Raises what `walk` raises."""
        # 5 the key. A foreign tenant's key reads as unknown: its holder learns nothing here either.
        try:
            opened = self._ring.find(claim.key_id)
        except SealBroken as error:
            # For the log alone, where somebody has to know which; the answer has a fixed text. The id keeps to its grammar.
            raise SealBroken(f"{error}; key id {claim.key_id}") from error
        if opened is None or (demand.tenants is not None and opened.key.tenant not in demand.tenants):
            key, derive = None, self._absent_derive
        else:
            key, derive = opened.key, opened.derive
        # 6 the key allows the scheme, the signature matches; 7 the key's state and times; 8 demand and policy; 9 the body.
        verdict = conclude(claim, subject, key, demand, schemes=self._schemes, window=self._window, now=now, derive=derive)
        return verdict, opened

    def _note(self, claim: Claim, subject: Subject, verdict: Verdict, now: float) -> None:
        if isinstance(verdict, Verified):
            if self._uses is not None:
                self._uses.note(verdict.key.key_id, verdict.key.secret_version, now)
        elif self._lockout is not None and verdict.reason in {Reason.MISMATCH, Reason.UNKNOWN_KEY}:
            self._lockout.failed(claim.key_id, subject.source_address)
