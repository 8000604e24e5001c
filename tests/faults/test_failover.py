"""The primary dies under a running service and the standby is promoted: nothing acknowledged is lost, nothing is restarted."""

import contextlib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from counterseal.server.high_water import FILE_NAME, HighWaterFile
from tests.faults.ledger import Ledger
from tests.faults.site import Site
from tests.faults.test_disk_full import CHANGES, changes_fail, more
from tests.faults.traffic import Traffic, answered, said, until
from tests.faults.whole import check_whole
from tests.support.postgres import Postgres, running_postgres

ACKNOWLEDGED = [f"{change} acknowledged" for change in CHANGES]


@dataclass
class Pair:
    """A primary, its standby, and a service that was told of both."""

    primary: Postgres
    standby: Postgres
    site: Site


def url_of_both(primary: Postgres, standby: Postgres) -> str:
    url = primary.new_database()
    login, name = url.rpartition("@")[0], url.rpartition("/")[2]
    hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in (primary, standby))
    return f"{login}@/{name}?{hosts}&target_session_attrs=read-write"


@contextlib.contextmanager
def running_pair(folder: Path, *, synchronous: bool, workers: int = 2) -> Iterator[Pair]:
    with contextlib.ExitStack() as parts:
        primary = parts.enter_context(running_postgres())
        standby = parts.enter_context(running_postgres(standby_of=primary))
        if synchronous:
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
        settings = {"REVOKE_BOUND": "1", "STORE_TIMEOUT": "3", "DATABASE_POOL": "4", "WORKERS": str(workers)}
        site = Site(folder, {**settings, "DATABASE_URL": url_of_both(primary, standby)})
        parts.callback(site.close)
        site.start()
        yield Pair(primary, standby, site)


def rolled_back(site: Site) -> list[float]:
    """What each worker's alarm says."""
    with urllib.request.urlopen(site.server.metrics_url, timeout=30) as page:
        families = list(text_string_to_metric_families(page.read().decode()))
    return [one.value for family in families for one in family.samples if one.name == "counterseal_store_rolled_back"]


def seen(folder: Path) -> int:
    """The newest change that the server remembers."""
    mark = HighWaterFile(folder / "data" / FILE_NAME).read()
    return mark.sequence if mark else 0


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stalled", [False, True], ids=["at once", "after a standby that stood still"])
def test_a_synchronous_standby_succeeds_a_killed_primary(tmp_path: Path, stalled: bool) -> None:
    ledger = Ledger()
    with running_pair(tmp_path, synchronous=True) as pair:
        site = pair.site
        workers = site.server.workers()
        traffic = Traffic(site.address, site.server.admin_token, ledger, f"failover/{stalled}")
        traffic.start(gateways=4, administrators=4)
        try:
            more(ledger, 3, "verify verified", "verify KEY_REVOKED", *ACKNOWLEDGED)
            if stalled:
                # Commits wait for it. What is given up meanwhile must not be acknowledged when it is asked for again.
                pair.standby.pause()
                changes_fail(ledger, 5)
            pair.primary.kill()
            pair.standby.resume()
            # Nobody may be read from now: the standby answers, and is not taken.
            changes_fail(ledger, 5)
            more(ledger, 20, "verify UNAVAILABLE")
            before = dict(ledger.counts)
            pair.standby.promote()
            more(ledger, 3, "verify verified", "verify KEY_REVOKED", *ACKNOWLEDGED)
            assert all(ledger.counts[what] >= before[what] + 3 for what in ACKNOWLEDGED)
        finally:
            pair.standby.resume()
            traffic.end()
            print(f"\nfailover, standby stalled before: {stalled}: {dict(sorted(ledger.counts.items()))}")
        allowed = {"verify verified", "verify KEY_REVOKED", "verify MISMATCH", "verify UNAVAILABLE"}
        assert {what for what in ledger.counts if what.startswith("verify")} <= allowed
        assert site.server.workers() == workers
        assert site.lives == 1
        until(lambda: rolled_back(site) == [0.0, 0.0], "both workers answer, and neither has an alarm")
        check_whole(site, traffic, ledger)
        assert "store_rolled_back" not in site.server.log()


@pytest.mark.timeout(1800)
def test_a_standby_that_lacks_acknowledged_changes_is_an_alarm(tmp_path: Path) -> None:
    """The same without synchronous replication: the alarm that was silent above is one that can be heard, by both workers."""
    with running_pair(tmp_path, synchronous=False, workers=2) as pair:
        site = pair.site
        with Traffic(site.address, site.server.admin_token, Ledger(), "").client() as client:
            kept = answered(lambda: client.issue(request_id="kept"))
            until(lambda: said(client, kept) == "verified", "a verdict")
            position = pair.primary.execute("SELECT pg_current_wal_flush_lsn()")[0][0]
            caught_up = f"SELECT pg_last_wal_receive_lsn() >= '{position}'"
            until(lambda: pair.standby.execute(caught_up) == [(True,)], "the standby has the first key")
            pair.standby.stop()
            lost = answered(lambda: client.issue(request_id="lost"))
            answered(lambda: client.revoke(kept.key_id))
            until(lambda: said(client, lost) == "verified" and said(client, kept) == "KEY_REVOKED", "both are in force")
            until(lambda: seen(tmp_path) == 3, "an issue, another one and a revocation are remembered")
            pair.primary.kill()
            pair.standby.start()
            pair.standby.promote()
            until(lambda: rolled_back(site) == [1.0, 1.0], "the alarm of both workers")
            assert [said(client, key) for key in (kept, lost)] == ["UNAVAILABLE"] * 2
        assert "store_rolled_back" in site.server.log()
