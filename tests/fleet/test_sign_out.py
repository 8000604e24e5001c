"""The promise for sessions, on real databases: after a sign-out nothing that the session gave out is verified anywhere."""

import os
from collections.abc import Iterator

import pytest

from tests.fleet.campaign import Campaign
from tests.fleet.faults import FAULTS
from tests.fleet.fleet import WORKERS, Fleet, running_fleet
from tests.fleet.results import HEAD
from tests.fleet.signing_out import USES, add_people, signing_in

SIGN_OUTS = int(os.environ.get("COUNTERSEAL_TEST_REVOCATIONS", "16"))
# Signing in hashes a password, which is made to be slow.
TRACKS = 4
# How a change is heard of differs by engine, and not by kind of key.
CASES = [
    *(("postgres", way, "none") for way in USES),
    ("postgres", "bearer token", "paused"),
    ("mariadb", "bearer token", "none"),
]


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running_fleet(tmp_path_factory.mktemp("fleet"), request.param) as running:
        add_people(running.clients[0])
        yield running


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("fleet", "way", "fault"), CASES, indirect=["fleet"], scope="module")
def test_nothing_is_verified_after_a_sign_out(fleet: Fleet, way: str, fault: str) -> None:
    disturb = FAULTS[fault]
    administers = fleet.replicas if disturb is None else fleet.replicas[:1]
    campaign = Campaign(
        fleet, SIGN_OUTS, administers=administers, seed=f"{way}/{fault}", tracks=TRACKS, begin=signing_in(USES[way])
    )
    results = campaign.run(disturb(fleet) if disturb else None)
    print(f"\n{HEAD}\n{results.row(fleet.engine, f'{way}, {fault}')}\n{dict(results.outcomes)}")
    assert results.wrong == []
    assert results.refused == []
    assert results.outcomes["verified"] > SIGN_OUTS
    assert len(results.last_verified) == SIGN_OUTS
    during, after = results.again
    assert set(during) <= {"KEY_REVOKED", "UNAVAILABLE", "CANCELLED"}
    assert set(after) == {"KEY_REVOKED"}
    assert len(results.verdicts) == 2 * WORKERS
    assert min(results.verdicts.values()) >= SIGN_OUTS
