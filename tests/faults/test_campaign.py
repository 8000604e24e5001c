"""kill -9 of server, workers, database and reseal amid issues, rotations, revocations and verifications, on every engine.

COUNTERSEAL_TEST_FAULTS says how often each kind is killed; COUNTERSEAL_TEST_FAULTS_SEED chooses other moments.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.killing import Killer
from tests.faults.ledger import Ledger
from tests.faults.site import running_site
from tests.faults.traffic import Traffic, until
from tests.faults.whole import check_whole

ROUNDS = int(os.environ.get("COUNTERSEAL_TEST_FAULTS", "5"))
SEED = os.environ.get("COUNTERSEAL_TEST_FAULTS_SEED", "20261122")
GATEWAYS, ADMINISTRATORS = 4, 3


def told(engine: str, ledger: Ledger, killer: Killer) -> str:
    def of(counts: Counter[str]) -> str:
        return ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))

    return f"\n{engine}: kills: {of(killer.kills)}; recoveries by itself: {of(killer.recoveries)}; seen: {of(ledger.counts)}"


def seen_enough(ledger: Ledger) -> bool:
    return ledger.counts["verify verified"] > 20 * ROUNDS and ledger.counts["verify KEY_REVOKED"] > 0


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ["postgres", "mariadb", "sqlite"])
def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path, engine: str) -> None:
    ledger, seed = Ledger(), f"{SEED}/{engine}"
    with running_site(tmp_path, engine) as site:
        traffic = Traffic(site.address, site.server.admin_token, ledger, seed)
        killer = Killer(site, traffic, ledger, seed)
        traffic.start(GATEWAYS, ADMINISTRATORS)
        try:
            killer.run(ROUNDS)
            until(lambda: seen_enough(ledger) or ledger.wrong, "verdicts of each kind")
        finally:
            traffic.end()
            print(told(engine, ledger, killer))
        check_whole(site, traffic, ledger)
    # Without changes of every kind between the kills, and outages seen, the test would show nothing.
    assert all(ledger.counts[f"{what} acknowledged"] > ROUNDS for what in ("issue", "rotate", "revoke")), ledger.counts
    assert seen_enough(ledger)
    assert ledger.counts["verify UNAVAILABLE"] > 0
    assert killer.recoveries["server"] == ROUNDS
