"""The key alone chooses the algorithm, and a failure costs the same whoever's key it was."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from counterseal.core import asymmetric
from counterseal.core.model import Key, KeyState, PublicKey, Reason, Rejected, Verified
from counterseal.core.schemes.rfc9421 import matches, read_claim
from counterseal.core.verify import DUMMY_KEY
from tests.core.rfc9421.making import ALGORITHMS, HMAC, pair, resigned, signed, verdict

COVERED = b'sig1=("@method" "@authority" "@path" "@query" "content-digest");created=1700000000;keyid="test-key";alg="%s"'


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("stated", ALGORITHMS)
def test_a_signature_that_says_that_it_is_another(algorithm: str, stated: str) -> None:
    """Right in every bit, and made by the holder of the key, but for what it says about itself."""
    request = resigned(signed(), COVERED % stated.encode(), algorithm)
    found = verdict(request, pair(algorithm).key)
    assert isinstance(found, Verified) is (algorithm == stated)
    assert algorithm == stated or (isinstance(found, Rejected) and found.reason is Reason.MISMATCH)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The algorithms that were computed with, in order."""
    found: list[str] = []
    real = asymmetric.verify

    def spy(key: PublicKey, signature: bytes, message: bytes) -> bool:
        found.append(key.algorithm)
        return real(key, signature, message)

    monkeypatch.setattr(asymmetric, "verify", spy)
    return found


def broken(key: Key) -> Key:
    """Return a key of the same kind that nobody here signed with."""
    if key.public_key is None:
        return replace(key, secret=b"another secret of enough bytes..")
    return replace(key, public_key=asymmetric.decoy(key.public_key.algorithm))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("alg", ["yes", "no"])
def test_failures_cost_what_the_request_states(algorithm: str, alg: str, computed: list[str]) -> None:
    claim = read_claim(signed(algorithm, alg=alg))
    costs: list[list[str]] = []
    keys: list[Callable[[], Key]] = [lambda: DUMMY_KEY, lambda: replace(DUMMY_KEY, state=KeyState.ACTIVE)]
    keys += [lambda name=name: broken(pair(name).key) for name in ALGORITHMS]  # type: ignore[misc]
    for key in keys:
        computed.clear()
        assert not matches(claim, key())
        costs.append(sorted(computed))
    assert all(cost == costs[0] for cost in costs), costs
    wanted = 0 if algorithm == HMAC else 2 if alg == "no" and algorithm != "ecdsa-p384-sha384" else 1
    assert len(costs[0]) == wanted
    computed.clear()
    assert matches(claim, pair(algorithm).key)
    assert computed == [name for name in (algorithm,) if name != HMAC]
