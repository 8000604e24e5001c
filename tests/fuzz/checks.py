"""What every fuzz target may ask: does something hold, and does a subject come to a verdict."""

import hashlib

from counterseal.core.model import Demand, Key, KeyState, Rejected, Subject, Window
from counterseal.core.schemes import BUILT_IN
from counterseal.core.verify import conclude, examine

NO_DEMAND = Demand()
# Times do not matter here: with the usual window hardly any input would get as far as the signature.
ANY_TIME = Window(skew=10**12)


def check(holds: bool, what: str) -> None:
    """Fail, also where asserts are off."""
    if not holds:
        raise RuntimeError(f"broken: {what}")


def walk(subject: Subject, data: bytes, demand: Demand = NO_DEMAND) -> None:
    """Examine and conclude: no key that nobody signed with ever verifies, and nothing else than a verdict comes out."""
    claim = examine(subject, demand, schemes=BUILT_IN, window=ANY_TIME, now=1.5e9)
    if isinstance(claim, Rejected):
        return
    secret = hashlib.sha256(b"nobody signed with this" + data).digest()
    key = Key(key_id=claim.key_id, tenant="", secret=secret, allowed_schemes=frozenset({claim.scheme}), state=KeyState.ACTIVE)
    for opened in (key, None):
        found = conclude(claim, subject, opened, demand, schemes=BUILT_IN, window=ANY_TIME, now=1.5e9)
        check(isinstance(found, Rejected), "nothing verifies under a key that it was not signed with")
