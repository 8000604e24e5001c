"""Failed sign-ins in batches, and counts that are forgotten: bounded, whatever strangers do, and through outages."""

import datetime as dt
import io
import threading

from counterseal.server.errors import StoreUnavailable
from counterseal.server.sessions.failures import FailedSignIns
from counterseal.server.sessions.forgetting import Forgetting
from counterseal.server.store.records import AuditEntry
from counterseal.server.telemetry.log import open_log

NOW = 1_800_000_000.0


class Trail:
    """Takes `most` entries, then fails until it is told otherwise."""

    def __init__(self, most: int = 1_000_000) -> None:
        self.most = most
        self.entries: list[AuditEntry] = []

    def note(self, entry: AuditEntry) -> int:
        if len(self.entries) >= self.most:
            raise StoreUnavailable("down")
        self.entries.append(entry)
        return len(self.entries)

    def counts(self) -> dict[str, object]:
        return {f"{entry.actor}:{entry.tenant}/{entry.principal_name}": entry.detail["count"] for entry in self.entries}


def noting(trail: Trail, stream: io.StringIO | None = None) -> FailedSignIns:
    return FailedSignIns(trail.note, clock=lambda: NOW, log=open_log("debug", stream or io.StringIO()))


def test_one_row_for_each_principal_and_one_for_all_others() -> None:
    trail = Trail()
    failures = noting(trail)
    for who in ("alice", "", "alice", "", "", "bob"):
        failures.note("web", "acme", who)
    failures.note("other", "acme", "alice")
    failures.flush()
    failures.flush()
    assert trail.counts() == {"web:acme/alice": 2, "web:/": 3, "web:acme/bob": 1, "other:acme/alice": 1}
    assert {entry.action for entry in trail.entries} == {"sign_in_failed"}
    assert all(entry.time == dt.datetime.fromtimestamp(NOW, dt.UTC) for entry in trail.entries)


def test_what_the_store_does_not_take_is_kept_and_nothing_is_written_twice() -> None:
    stream, trail = io.StringIO(), Trail(most=1)
    failures = noting(trail, stream)
    for who in ("alice", "bob", "carol"):
        failures.note("web", "acme", who)
    for _ in range(3):
        failures.flush()
    failures.note("web", "acme", "bob")
    assert stream.getvalue().count("failed_sign_ins_not_written") == 1
    assert "bob" not in stream.getvalue()
    trail.most = 100
    failures.flush()
    assert trail.counts() == {"web:acme/alice": 1, "web:acme/bob": 2, "web:acme/carol": 1}


def test_so_many_principals_in_one_batch_and_the_rest_together() -> None:
    trail = Trail()
    failures = noting(trail)
    for number in range(1500):
        failures.note("web", "acme", f"user-{number}")
    failures.flush()
    assert len(trail.entries) == 1001
    assert trail.counts()["web:/"] == 500


def test_what_is_noted_is_written_at_the_end() -> None:
    trail = Trail()
    failures = FailedSignIns(trail.note, clock=lambda: NOW, log=open_log("debug", io.StringIO()), seconds=60)
    failures.start()
    failures.note("web", "acme", "alice")
    failures.close()
    assert trail.counts() == {"web:acme/alice": 1}


def test_a_turn_forgets_in_small_batches_and_leaves_others_time() -> None:
    asked: list[tuple[dt.datetime, int]] = []
    there = [2500]

    def purge(before: dt.datetime, limit: int) -> int:
        asked.append((before, limit))
        gone = min(limit, there[0])
        there[0] -= gone
        return gone

    forgetting = Forgetting(purge, clock=lambda: NOW, log=open_log("debug", io.StringIO()))
    forgetting.turn()
    assert there == [0]
    assert [limit for _, limit in asked] == [1000] * 3
    # A replica whose clock runs behind still counts with them.
    assert {before.timestamp() for before, _ in asked} == {NOW - 900}


def test_a_turn_ends_however_much_there_is() -> None:
    calls = [0]

    def purge(before: dt.datetime, limit: int) -> int:
        calls[0] += 1
        return limit

    Forgetting(purge, clock=lambda: NOW, log=open_log("debug", io.StringIO())).turn()
    assert calls == [100]


def test_an_outage_does_not_end_the_forgetting() -> None:

    calls, enough = [0], threading.Event()

    def purge(before: dt.datetime, limit: int) -> int:
        calls[0] += 1
        if calls[0] == 1:
            raise StoreUnavailable("down")
        if calls[0] == 2:
            raise RuntimeError("a bug")
        enough.set()
        return 0

    stream = io.StringIO()
    forgetting = Forgetting(purge, clock=lambda: NOW, log=open_log("debug", stream), seconds=0.001)
    forgetting.start()
    assert enough.wait(60)
    forgetting.close()
    assert stream.getvalue().count("sign_ins_not_purged") == 1
