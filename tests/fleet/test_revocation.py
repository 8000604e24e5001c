"""The promise, on real databases: from `revoke_effective_time` on, no replica and no worker answers *verified*.

COUNTERSEAL_TEST_REVOCATIONS sets how many revocations each case makes; `-s` shows the table, which also goes to the file that
COUNTERSEAL_TEST_TABLE names.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.campaign import Campaign
from tests.fleet.faults import FAULTS
from tests.fleet.fleet import WORKERS, Fleet, running_fleet
from tests.fleet.results import HEAD, Results

REVOCATIONS = int(os.environ.get("COUNTERSEAL_TEST_REVOCATIONS", "40"))
# Ahead by less than the skew that signatures are allowed.
AHEAD = 300.0


ENGINES = ("postgres", "mariadb")
# MariaDB is polled: there are no listeners.
LISTENER = "listener"


@pytest.fixture(scope="module", params=ENGINES)
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running_fleet(tmp_path_factory.mktemp("fleet"), request.param) as running:
        yield running


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", sorted({*FAULTS} - {LISTENER}))
def test_nothing_is_verified_after_the_effective_time(fleet: Fleet, fault: str) -> None:
    _revoke_amid(fleet, fault)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fleet", ENGINES[:1], indirect=True)
def test_nor_is_it_where_listening_is_ended_again_and_again(fleet: Fleet) -> None:
    _revoke_amid(fleet, LISTENER)


def _revoke_amid(fleet: Fleet, fault: str) -> None:
    disturb = FAULTS[fault]
    # What is broken is the second replica; of its own revocations nobody would hear of a commit in time.
    administers = fleet.replicas[:1] if fault in {"network", "packets", "paused"} else fleet.replicas
    campaign = Campaign(fleet, REVOCATIONS, administers=administers, seed=fault)
    _check(campaign.run(disturb(fleet) if disturb else None), fleet.engine, fault)


@pytest.mark.timeout(3600)
def test_how_soon_it_is_in_effect(fleet: Fleet) -> None:
    """Without faults, and few at once: what takes time is the feed, not this machine."""
    wanted = max(10, REVOCATIONS // 5)
    campaign = Campaign(fleet, wanted, administers=fleet.replicas, seed="few", tracks=2)
    _check(campaign.run(), fleet.engine, "none, 2 at once", wanted)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ENGINES)
def test_clocks_that_are_apart(tmp_path: Path, engine: str) -> None:
    with running_fleet(tmp_path, engine, ahead=AHEAD) as fleet:
        campaign = Campaign(fleet, REVOCATIONS, administers=fleet.replicas, seed="clocks")
        _check(campaign.run(), engine, f"clocks {AHEAD:.0f} s apart")


def _check(results: Results, engine: str, fault: str, wanted: int = REVOCATIONS) -> None:
    print(f"\n{HEAD}\n{results.row(engine, fault)}\n{dict(results.outcomes)}")
    during, after = results.again
    print(f"asked again during: {dict(during)}, after: {dict(after)}; verdicts by worker: {results.verdicts}")
    table = os.environ.get("COUNTERSEAL_TEST_TABLE")
    if table:
        with Path(table).open("a") as file:
            file.write(results.row(engine, fault) + "\n")
    assert results.wrong == []
    assert results.refused == []
    assert results.checked >= wanted
    # Without answers of *verified* before, refusals would show nothing.
    assert results.outcomes["verified"] > wanted
    assert len(results.last_verified) == wanted
    # A worker that was stopped may end the calls that it finds waiting.
    assert set(during) <= {"KEY_REVOKED", "UNAVAILABLE", "CANCELLED"}
    assert set(after) == {"KEY_REVOKED"}
    assert sum(after.values()) >= wanted * len(results.verdicts)
    # Every worker of both replicas has given a verdict on every revoked key.
    assert len(results.verdicts) == 2 * WORKERS
    assert min(results.verdicts.values()) >= wanted
