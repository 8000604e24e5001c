"""The promise on SQLite: processes of two servers on one file, each with a cache of its own."""

from pathlib import Path

import pytest

from tests.fleet.campaign import Campaign
from tests.fleet.fleet import Fleet
from tests.fleet.pair import running_pair
from tests.fleet.test_revocation import REVOCATIONS, _check

# A change is a flush of the disk, one after the other.
WANTED = max(10, REVOCATIONS // 2)


@pytest.mark.timeout(1800)
def test_nothing_is_verified_after_the_effective_time(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o700)
    url = f"sqlite:///{tmp_path}/shared/keys.db"
    with running_pair(tmp_path, (url, url), STORE_TIMEOUT="5") as replicas:
        # No server, and no network to it: nothing of this campaign asks for either.
        fleet = Fleet("sqlite", None, "", None, replicas)  # type: ignore[arg-type]
        campaign = Campaign(fleet, WANTED, administers=replicas, seed="sqlite", tracks=4)
        _check(campaign.run(), "sqlite", "none", WANTED)
