"""A guard on a memory of the test's, and requests of SigV4 to admit."""

from dataclasses import dataclass, field, replace

from counterseal.core.model import Claim, Demand, HttpRequest, Key, KeyState, Rejected, Subject, Verified, Window
from counterseal.core.policy import KeyPolicy, ReplayPolicy
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.verify import conclude, examine
from counterseal.server.replay.guard import ReplayGuard
from counterseal.server.replay.memories import Memory
from counterseal.server.replay.memory import LocalMemory
from counterseal.server.replay.policy import ColdStart, Policy
from counterseal.server.verifier import Asking
from tests.replay.worlds import BEGAN, Clock

SECRET = b"the secret of a key that the guard is asked about"
KEY = Key(
    key_id="KEY0001",
    tenant="acme",
    secret=SECRET,
    allowed_schemes=frozenset({"aws-sigv2", "aws-sigv4", "rfc9421"}),
    state=KeyState.ACTIVE,
)
WINDOW = Window()


@dataclass
class Counts:
    """A meter that keeps what it was told."""

    outcomes: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def outcome(self, outcome: str) -> None:
        self.outcomes.append(outcome)

    def asked(self, seconds: float) -> None:
        self.times.append(seconds)


def key(policy: ReplayPolicy, scheme: str = "aws-sigv4") -> Key:
    return replace(KEY, policy=KeyPolicy(replay=policy), allowed_schemes=frozenset({scheme}))


def put(now: float, *, method: bytes = b"PUT", scheme: str = "aws-sigv4", **options: str) -> HttpRequest:
    """Return a request, signed at that time."""
    request = HttpRequest(
        method=method,
        target=b"/photos/cat.jpg?prefix=a",
        headers=((b"host", b"store.example.com"), (b"content-type", b"text/plain")),
        content=b"" if method == b"GET" else b"a cat",
        scheme="https",
    )
    credentials = Credentials(key_id=KEY.key_id, secret=SECRET)
    return BUILT_IN[scheme].sign(request, credentials, Signing(now=int(now), options=options))


@dataclass
class World:
    """A guard, its clock and its meter."""

    guard: ReplayGuard
    clock: Clock
    counts: Counts

    def verified(self, subject: Subject, known: Key = KEY) -> tuple[Claim, Verified]:
        """Verify, and ask no guard."""
        demand = Demand(key_id=known.key_id)
        claim = examine(subject, demand, schemes=BUILT_IN, window=WINDOW, now=self.clock.now)
        assert isinstance(claim, Claim), claim
        verdict = conclude(claim, subject, known, demand, schemes=BUILT_IN, window=WINDOW, now=self.clock.now)
        assert isinstance(verdict, Verified), verdict
        return claim, verdict

    def ask(self, subject: Subject, known: Key = KEY, *, request_id: str = "", caller: str = "edge") -> Rejected | None:
        """Verify, and have the guard admit it. Raises ReplayGuardUnavailable."""
        claim, verdict = self.verified(subject, known)
        return self.guard.admit(claim, subject, verdict, Asking(caller=caller, request_id=request_id))


def world(
    memory: Memory | None = None,
    *,
    clock: Clock | None = None,
    off: bool = False,
    exempt_schemes: tuple[str, ...] = (),
    exempt_methods: tuple[bytes, ...] = (b"GET", b"HEAD", b"OPTIONS"),
    cold_start: str = "accept",
) -> World:
    clock = clock or Clock()
    counts = Counts()
    guard = ReplayGuard(
        memory=None if off else memory or LocalMemory(entries=1000, began=BEGAN),
        policy=Policy(
            schemes=BUILT_IN,
            exempt_schemes=frozenset(exempt_schemes),
            exempt_methods=frozenset(exempt_methods),
            skew=WINDOW.skew,
        ),
        cold=ColdStart(refuses=cold_start != "accept", strict=cold_start == "strict", skew=WINDOW.skew),
        clock=clock,
        meter=counts,
    )
    return World(guard, clock, counts)
