"""MariaDB's primary dies under a running service and its semi-synchronous replica takes over: nothing acknowledged is lost."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.faults.ledger import Ledger
from tests.faults.site import Site
from tests.faults.test_disk_full import changes_fail, more
from tests.faults.test_failover import ACKNOWLEDGED, rolled_back
from tests.faults.traffic import Traffic, until
from tests.faults.whole import check_whole
from tests.support.mariadb import MariaDB, running_mariadb

LOGGED = {"log-bin": "changes", "log-slave-updates": "ON"}
# A commit is acknowledged once the replica has it on disk, and waits for that as long as it takes.
PRIMARY = LOGGED | {
    "server-id": "1",
    "rpl-semi-sync-master-wait-point": "AFTER_SYNC",
    "rpl-semi-sync-master-timeout": "3600000",
}
REPLICA = LOGGED | {"server-id": "2", "rpl-semi-sync-slave-enabled": "ON", "read-only": "ON"}


@dataclass
class Pair:
    primary: MariaDB
    replica: MariaDB
    site: Site


def replication(replica: MariaDB) -> dict[str, Any]:
    with contextlib.closing(replica.connect()) as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("SHOW SLAVE STATUS")
        return dict(cursor.fetchone() or {})


def follow(primary: MariaDB, replica: MariaDB) -> None:
    primary.execute("CREATE USER replication@'%' IDENTIFIED BY 'replication'")
    primary.execute("GRANT REPLICATION SLAVE ON *.* TO replication@'%'")
    place = f"MASTER_HOST = '127.0.0.1', MASTER_PORT = {primary.port}, MASTER_USE_GTID = slave_pos"
    replica.execute(f"CHANGE MASTER TO {place}, MASTER_USER = 'replication', MASTER_PASSWORD = 'replication'")
    replica.execute("START SLAVE")
    until(lambda: replication(replica)["Slave_IO_Running"] == "Yes", "the replica follows")
    # Not from the start: without a replica no commit would end.
    primary.execute("SET GLOBAL rpl_semi_sync_master_enabled = ON")
    until(lambda: primary.execute("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'")[0][1] == "1", "it is waited for")


def promote(replica: MariaDB) -> None:
    """What was received is applied first: all that was acknowledged is in it."""
    replica.execute("STOP SLAVE IO_THREAD")
    until(lambda: replica.execute("SELECT @@gtid_slave_pos") == [(replication(replica)["Gtid_IO_Pos"],)], "all is applied")
    replica.execute("STOP SLAVE")
    replica.execute("SET GLOBAL read_only = OFF")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with contextlib.ExitStack() as parts:
        primary = parts.enter_context(running_mariadb(PRIMARY))
        replica = parts.enter_context(running_mariadb(REPLICA))
        follow(primary, replica)
        url = f"{primary.new_database()}?host=127.0.0.1:{replica.port}"
        settings = {"REVOKE_BOUND": "1", "STORE_TIMEOUT": "3", "DATABASE_POOL": "4", "WORKERS": "2", "DATABASE_URL": url}
        site = Site(tmp_path, settings)
        parts.callback(site.close)
        site.start()
        yield Pair(primary, replica, site)


@pytest.mark.timeout(900)
def test_a_replica_succeeds_a_killed_primary(pair: Pair) -> None:
    ledger, site = Ledger(), pair.site
    workers = site.server.workers()
    traffic = Traffic(site.address, site.server.admin_token, ledger, "failover, mariadb")
    traffic.start(gateways=4, administrators=4)
    try:
        more(ledger, 3, "verify verified", "verify KEY_REVOKED", *ACKNOWLEDGED)
        pair.primary.kill()
        # The replica answers, and is not taken: it is read-only.
        changes_fail(ledger, 5)
        more(ledger, 20, "verify UNAVAILABLE")
        before = dict(ledger.counts)
        promote(pair.replica)
        more(ledger, 3, "verify verified", "verify KEY_REVOKED", *ACKNOWLEDGED)
        assert all(ledger.counts[what] >= before[what] + 3 for what in ACKNOWLEDGED)
    finally:
        traffic.end()
        print(f"\nfailover, mariadb: {dict(sorted(ledger.counts.items()))}")
    allowed = {"verify verified", "verify KEY_REVOKED", "verify MISMATCH", "verify UNAVAILABLE"}
    assert {what for what in ledger.counts if what.startswith("verify")} <= allowed
    assert site.server.workers() == workers
    assert site.lives == 1
    until(lambda: rolled_back(site) == [0.0, 0.0], "both workers answer, and neither has an alarm")
    check_whole(site, traffic, ledger)
    assert "store_rolled_back" not in site.server.log()
