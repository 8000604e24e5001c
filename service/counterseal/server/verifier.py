"""The walk of one Verify, steps 2 to 10 of the order of checks. The order of the steps is the order of reasons.

Nothing here decides: `core` does, on what the key ring finds. "No" is a value, "don't know" an exception.
"""

from collections.abc import Callable, Mapping

from counterseal.core.model import Claim, Demand, Derive, Rejected, Subject, Verdict, Window
from counterseal.core.schemes.base import Scheme
from counterseal.core.verify import conclude, examine
from counterseal.server.errors import SealBroken
from counterseal.server.keys.ring import KeyRing

Clock = Callable[[], float]


class Verifier:
    """Verifies signed requests against the keys of a ring. Safe to call from many threads.

    `clock` returns Unix seconds. `absent_derive` is the derivation for keys that do not exist: it has to remember what it
    derived as the ring's own do, so that an unknown key costs what a known one costs.
    """

    def __init__(
        self, *, ring: KeyRing, schemes: Mapping[str, Scheme], window: Window, clock: Clock, absent_derive: Derive
    ) -> None:
        self._ring = ring
        self._schemes = schemes
        self._window = window
        self._clock = clock
        self._absent_derive = absent_derive

    def verify(self, subject: Subject, demand: Demand) -> Verdict:
        """Return the verdict on `subject`.

        Raises:
            StoreUnavailable: nobody knows.
            SealBroken: the key's stored secret does not open; a defect of the service, never a verdict.
        """
        return self.walk(subject, demand)[0]

    def walk(self, subject: Subject, demand: Demand) -> tuple[Verdict, Claim | None]:
        """Do what `verify` does, and return the claim also, once one was read and a key was asked for. Raises likewise."""
        now = self._clock()
        # 2 find the scheme, read the claim; 3 its time lies inside the window; 4 everything that must be covered is.
        claim = examine(subject, demand, schemes=self._schemes, window=self._window, now=now)
        if isinstance(claim, Rejected):
            return claim, None
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
        # 10 replay: no scheme of this release forbids a second use inside the window. The guard goes here, last, so that
        # strangers cannot burn nonces.
        return verdict, claim
