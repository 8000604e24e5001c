"""A full disk under SQLite: changes are unavailable, verification goes on; with room again, so do changes, by themselves."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tests.faults.disk import Disk, small_disk
from tests.faults.ledger import Ledger
from tests.faults.site import Site, running_site
from tests.faults.traffic import Traffic, answered, said, until
from tests.faults.whole import check_whole
from tests.server.calls import Issued
from tests.support.require import require

CHANGES = ("issue", "rotate", "revoke")


def more(ledger: Ledger, count: int, *whats: str) -> None:
    """Wait until the traffic has seen each so many times more."""
    seen = Counter(ledger.counts)
    until(
        lambda: ledger.wrong or all(ledger.counts[what] >= seen[what] + count for what in whats),
        f"{count} more of {whats} after {seen}",
    )
    assert not ledger.wrong, "\n".join(ledger.wrong[:20])


def changes_fail(ledger: Ledger, count: int = 30) -> None:
    """Wait until so many changes more were unavailable, of whatever kind: each is asked for again until it is done."""

    def failed() -> int:
        return sum(ledger.counts[f"{change} UNAVAILABLE"] for change in CHANGES)

    before = failed()
    until(lambda: ledger.wrong or failed() >= before + count, f"{count} changes that fail")
    assert not ledger.wrong, "\n".join(ledger.wrong[:20])


def live_through(site: Site, disk: Disk, ledger: Ledger, traffic: Traffic, cold: list[Issued]) -> None:
    more(ledger, 3, *(f"{change} acknowledged" for change in CHANGES))
    disk.fill(site.server.process.pid)
    changes_fail(ledger)
    # The verdicts of the traffic are about cached keys; these were issued to an earlier life of the server.
    with traffic.client() as client:
        assert [said(client, issued) for issued in cold] == ["verified"] * len(cold)
        assert said(client, Issued("CSAKNOBODYHASTHISKEYID", b"x" * 40)) == "UNKNOWN_KEY"
    unavailable = ledger.counts["verify UNAVAILABLE"]
    more(ledger, 200, "verify verified")
    assert ledger.counts["verify UNAVAILABLE"] == unavailable, "a full disk kept keys from being verified"
    disk.free(site.server.process.pid)
    more(ledger, 3, *(f"{change} acknowledged" for change in CHANGES))


def die_full(site: Site, disk: Disk, ledger: Ledger) -> None:
    """kill -9 while the disk is full, in the middle of changes that fail for it."""
    disk.fill(site.server.process.pid)
    changes_fail(ledger)
    pid = site.server.process.pid
    site.kill_server()
    disk.free(pid)
    site.start()
    more(ledger, 3, *(f"{change} acknowledged" for change in CHANGES))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("log_there_too", [False, True])
def test_a_full_disk(tmp_path: Path, log_there_too: bool) -> None:
    with small_disk(tmp_path / "data") as disk:
        if log_there_too:
            require(disk.real, "mounting a file system is not permitted here")
        ledger = Ledger()
        # What is full is the disk: a machine that is busy for a while must not look like it.
        with running_site(tmp_path, "sqlite", STORE_TIMEOUT="30") as site:
            traffic = Traffic(site.address, site.server.admin_token, ledger, "a full disk")
            with traffic.client() as client:
                cold = [answered(partial(client.issue, request_id=f"earlier-{number}")) for number in range(5)]
            for issued in cold:
                ledger.add(issued.key_id, issued.secret)
            before = dict(ledger.keys)
            site.kill_server()
            site.logs = tmp_path / "data" if log_there_too else None
            site.start()
            ledger.keys = {}  # nobody asks for them until they are asked for as cold ones
            traffic.start(gateways=3, administrators=5)
            try:
                live_through(site, disk, ledger, traffic, cold)
                die_full(site, disk, ledger)
            finally:
                disk.free(site.server.process.pid)
                traffic.end()
                where = f"{type(disk).__name__}, log there too: {log_there_too}"
                print(f"\nfull disk ({where}): {dict(sorted(ledger.counts.items()))}")
            ledger.keys |= before
            check_whole(site, traffic, ledger)
