"""What is checked again when somebody goes on from a request that was verified earlier."""

import dataclasses
from typing import Any

import pytest

from counterseal.core.model import Claim, Coverage, Demand, Key, KeyState, PublicKey, Reason, Rejected, Scope
from counterseal.core.schemes import BUILT_IN
from counterseal.core.verify import recheck

NOW = 1_700_000_000
KEY = Key(key_id="key-1", tenant="t", secret=b"s" * 32, allowed_schemes=frozenset({"aws-sigv4"}), state=KeyState.ACTIVE)
CLAIM = Claim(
    scheme="aws-sigv4",
    key_id="key-1",
    scope=Scope(date="20231114", region="eu-1", service="s3"),
    signed_time=None,
    valid_for=None,
    coverage=Coverage(),
    signature=b"",
)


def outcome(claim: Claim = CLAIM, demand: Demand | None = None, **changes: Any) -> Reason | str:
    key = dataclasses.replace(KEY, **changes)
    found = recheck(claim, key, demand or Demand(), schemes=BUILT_IN, now=NOW)
    if isinstance(found, Rejected):
        return found.reason
    assert found is key
    return "goes on"


def test_what_has_not_changed_goes_on() -> None:
    assert outcome() == "goes on"
    demand = Demand(
        allowed_schemes=frozenset({"aws-sigv4"}), regions=frozenset({"eu-1"}), services=frozenset({"s3"}),
        tenants=frozenset({"t"}), key_id="key-1",
    )  # fmt: skip
    assert outcome(demand=demand) == "goes on"
    assert outcome(not_before=NOW, expires=NOW + 1) == "goes on"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": KeyState.REVOKED}, Reason.KEY_REVOKED),
        ({"state": KeyState.DISABLED}, Reason.KEY_DISABLED),
        ({"expires": NOW}, Reason.KEY_EXPIRED),
        ({"not_before": NOW + 1}, Reason.KEY_EXPIRED),
        ({"key_id": "KEY-1"}, Reason.UNKNOWN_KEY),
        ({"allowed_schemes": frozenset({"other"})}, Reason.UNSUPPORTED_SCHEME),
        ({"secret": b"", "public_key": PublicKey(algorithm="ed25519", spki=b"x")}, Reason.UNSUPPORTED_SCHEME),
    ],
)
def test_a_key_that_changed_stops(changes: dict[str, Any], reason: Reason) -> None:
    assert outcome(**changes) is reason


@pytest.mark.parametrize(
    ("demand", "reason"),
    [
        (Demand(tenants=frozenset()), Reason.UNKNOWN_KEY),
        (Demand(tenants=frozenset({"u"})), Reason.UNKNOWN_KEY),
        (Demand(allowed_schemes=frozenset({"other"})), Reason.UNSUPPORTED_SCHEME),
        (Demand(regions=frozenset({"us-1"})), Reason.OUT_OF_SCOPE),
        (Demand(services=frozenset({"sqs"})), Reason.OUT_OF_SCOPE),
    ],
)
def test_a_demand_that_does_not_hold_stops(demand: Demand, reason: Reason) -> None:
    assert outcome(demand=demand) is reason


def test_without_key_or_scheme_nothing_goes_on() -> None:
    for claim, key, reason in (
        (CLAIM, None, Reason.UNKNOWN_KEY),
        (dataclasses.replace(CLAIM, scheme="gone"), KEY, Reason.UNSUPPORTED_SCHEME),
    ):
        found = recheck(claim, key, Demand(), schemes=BUILT_IN, now=NOW)
        assert isinstance(found, Rejected)
        assert found.reason is reason
