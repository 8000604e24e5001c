"""An issuer on a store and a ring as the server has them, and a clock that stands still."""

from dataclasses import dataclass, field

from counterseal.core.model import Key, KeyKind, Scope
from counterseal.core.schemes import BUILT_IN, Scheme
from counterseal.core.schemes.aws_sigv4 import AwsSigV4
from counterseal.server.issuer import Issuer
from counterseal.server.keys.cache import CachedKeyRing
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.flight import SingleFlightKeyRing
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.ring import KeyRing
from counterseal.server.keys.stored import StoredKeyRing
from counterseal.server.store.engine import KeyStore
from tests.keys.rings import never_stale


class Another(AwsSigV4):
    """A scheme of another name, which takes the kinds of key that it is said to."""

    def __init__(self, name: str, *kinds: KeyKind) -> None:
        super().__init__()
        self.name, self.key_kinds = name, frozenset(kinds)


SCHEMES: dict[str, Scheme] = {
    "aws-sigv4": BUILT_IN["aws-sigv4"],
    "github": BUILT_IN["github"],
    "other": Another("other", KeyKind.SYMMETRIC),
    "rfc9421": BUILT_IN["rfc9421"],
    "only-public": Another("only-public", KeyKind.PUBLIC),
}


def derive(key: Key, scope: Scope) -> bytes:
    return key.secret + scope.text().encode()


@dataclass
class Clock:
    now: float = 1_800_000_000.25

    def __call__(self) -> float:
        return self.now


@dataclass
class Rig:
    store: KeyStore
    clock: Clock = field(default_factory=Clock)
    cipher: SecretCipher = field(default_factory=lambda: SecretCipher(MasterKeys.generate()))

    def __post_init__(self) -> None:
        stored = StoredKeyRing(self.store.read_key, self.cipher, derive, scopes_per_key=16, bound=never_stale())
        self.flight = SingleFlightKeyRing(stored, timeout=60, bound=never_stale())
        self.ring = CachedKeyRing(self.flight, bound=never_stale())
        self.issuer = self.issuer_on(self.store)

    def issuer_on(self, store: KeyStore, ring: KeyRing | None = None) -> Issuer:
        return Issuer(
            store=store, ring=ring or self.ring, cipher=self.cipher, schemes=SCHEMES, clock=self.clock, revoke_bound=1.5
        )
