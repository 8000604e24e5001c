"""The walk alone: when the ring is asked, what an unknown key costs, and that an outage is no verdict."""

import time

import pytest

from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, Scope, Verified, Window
from counterseal.core.schemes import BUILT_IN, aws_sigv4
from counterseal.server.errors import SealBroken, StoreUnavailable
from counterseal.server.keys.remember import remembering
from counterseal.server.keys.ring import OpenedKey
from counterseal.server.verifier import Asking, Verifier

SECRET = b"a secret of more than sixteen bytes"
NOW = 1_700_000_000.0
PLAIN = BUILT_IN["aws-sigv4"].derive


class Counting:
    """A derivation that counts what it derives."""

    def __init__(self) -> None:
        self.derived: list[str] = []

    def __call__(self, key: Key, scope: Scope) -> bytes:
        self.derived.append(key.key_id)
        return PLAIN(key, scope)


class Ring:
    """Holds one key, or raises."""

    def __init__(self, *, tenant: str = "acme", error: Exception | None = None) -> None:
        key = Key(
            key_id="CSKNOWN", tenant=tenant, secret=SECRET, allowed_schemes=frozenset({"aws-sigv4"}), state=KeyState.ACTIVE
        )
        self.counting = Counting()
        self.opened = OpenedKey(key=key, derive=remembering(self.counting, 16))
        self.error = error
        self.asked: list[str] = []

    def find(self, key_id: str) -> OpenedKey | None:
        self.asked.append(key_id)
        if self.error is not None:
            raise self.error
        return self.opened if key_id == "CSKNOWN" else None

    def evict(self, key_id: str) -> None:
        raise AssertionError("the walk changes nothing")

    def evict_all(self) -> None:
        raise AssertionError("the walk changes nothing")

    def holds(self, opened: OpenedKey) -> bool:
        return True


def _verifier(ring: Ring, now: float = NOW) -> tuple[Verifier, Counting]:
    absent = Counting()
    verifier = Verifier(
        ring=ring,
        schemes=BUILT_IN,
        window=Window(skew=900),
        clock=lambda: now,
        absent_derive=remembering(absent, 16),
    )
    return verifier, absent


def _request(key_id: str = "CSKNOWN", at: float = NOW) -> HttpRequest:
    request = HttpRequest(method=b"GET", target=b"/", headers=((b"host", b"h.example.com"),), content=b"")
    credentials = aws_sigv4.Credentials(key_id=key_id, secret=SECRET)
    added = aws_sigv4.sign_headers(request, credentials, region="r", service="s3", now=int(at))
    return HttpRequest(method=b"GET", target=b"/", headers=request.headers + added, content=b"")


def test_a_known_key_verifies() -> None:
    ring = Ring()
    verdict = _verifier(ring)[0].verify(_request(), Demand())
    assert isinstance(verdict, Verified)
    assert (ring.asked, ring.counting.derived) == (["CSKNOWN"], ["CSKNOWN"])


@pytest.mark.parametrize(
    ("request_", "demand", "reason"),
    [
        (HttpRequest(method=b"GET", target=b"/", headers=()), Demand(), Reason.UNSIGNED),
        (_request(), Demand(allowed_schemes=frozenset({"another"})), Reason.UNSUPPORTED_SCHEME),
        (_request(at=NOW - 901), Demand(), Reason.TOO_OLD),
        (_request(at=NOW + 901), Demand(), Reason.TOO_NEW),
        (_request(), Demand(required_headers=frozenset({b"x-demanded"})), Reason.NOT_COVERED),
    ],
)
def test_what_needs_no_key_asks_for_none(request_: HttpRequest, demand: Demand, reason: Reason) -> None:
    ring = Ring(error=StoreUnavailable("gone"))
    verdict, claim = _verifier(ring)[0].walk(request_, demand, Asking())
    assert isinstance(verdict, Rejected)
    assert (verdict.reason, claim, ring.asked) == (reason, None, [])


def test_an_unknown_key_costs_what_a_known_one_does() -> None:
    """Cold, both derive once; warm, neither does."""
    ring = Ring()
    verifier, absent = _verifier(ring)
    for _ in range(3):
        verdict, claim = verifier.walk(_request("CSUNKNOWN"), Demand(), Asking())
        assert isinstance(verdict, Rejected)
        assert verdict.reason is Reason.UNKNOWN_KEY
        assert claim is not None
        verifier.verify(_request(), Demand())
    assert (len(absent.derived), len(ring.counting.derived)) == (1, 1)


@pytest.mark.parametrize("tenants", [frozenset({"other"}), frozenset[str]()])
def test_a_foreign_tenants_key_is_unknown_in_everything(tenants: frozenset[str]) -> None:
    ring = Ring()
    verifier, absent = _verifier(ring)
    foreign = verifier.verify(_request(), Demand(tenants=tenants))
    unknown = verifier.verify(_request("CSUNKNOWN"), Demand(tenants=tenants))
    assert foreign == unknown
    assert isinstance(foreign, Rejected)
    assert foreign.reason is Reason.UNKNOWN_KEY
    # Nothing was derived from the foreign key.
    assert ring.counting.derived == []
    assert len(absent.derived) == 1


def test_our_own_tenants_key_verifies() -> None:
    assert isinstance(_verifier(Ring())[0].verify(_request(), Demand(tenants=frozenset({"acme"}))), Verified)


def test_an_outage_and_a_broken_seal_are_no_verdicts() -> None:
    with pytest.raises(StoreUnavailable):
        _verifier(Ring(error=StoreUnavailable("gone")))[0].verify(_request(), Demand())
    with pytest.raises(SealBroken, match="key id CSKNOWN"):
        _verifier(Ring(error=SealBroken("does not open")))[0].verify(_request(), Demand())


def test_the_clock_is_the_one_given() -> None:
    """The verdict depends on the clock that was handed in, and on no other."""
    request = _request(at=NOW)
    for offset, expected in ((-901, Rejected), (-900, Verified), (0, Verified), (900, Verified), (901, Rejected)):
        assert isinstance(_verifier(Ring(), NOW + offset)[0].verify(request, Demand()), expected)
    assert abs(time.time() - NOW) > 900
