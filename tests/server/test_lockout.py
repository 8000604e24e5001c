"""Brute force: what is counted, who is locked out, and that floods push out nothing that counts."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from counterseal.server.lockout import LOUD_FROM, SourceLockout, source_network
from counterseal.server.tallies import Tally
from counterseal.server.telemetry.lockout_metrics import LockoutCounts
from counterseal.server.telemetry.log import open_log
from tests.server.calls import Issued, signed
from tests.server.inprocess import in_process

HERE, THERE = "192.0.2.1", "192.0.2.2"


@dataclass
class Rig:
    failures: int = 3
    now: float = 0.0
    stream: io.StringIO = field(default_factory=io.StringIO)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.lockout = SourceLockout(
            failures=self.failures,
            seconds=60,
            log=open_log("info", self.stream),
            meter=LockoutCounts(self.registry),
            clock=lambda: self.now,
        )

    def fail(self, times: int, key_id: str = "KEY1", source: str = HERE) -> None:
        for _ in range(times):
            assert not self.lockout.is_out(key_id, source)
            self.lockout.failed(key_id, source)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def metric(self, name: str) -> float:
        (line,) = [line for line in generate_latest(self.registry).decode().splitlines() if line.startswith(name + " ")]
        return float(line.split()[-1])


def test_a_pair_is_out_after_so_many_failures_until_the_time_has_passed() -> None:
    rig = Rig()
    rig.fail(2)
    rig.now = 30
    rig.fail(1)
    assert rig.lockout.is_out("KEY1", HERE)
    assert rig.metric("counterseal_locked_out") == 1
    rig.now = 89.9
    assert rig.lockout.is_out("KEY1", HERE)
    rig.now = 90
    assert not rig.lockout.is_out("KEY1", HERE)
    assert rig.metric("counterseal_locked_out") == 0
    rig.fail(3)  # counting has begun anew
    assert rig.lockout.is_out("KEY1", HERE)


def test_failures_that_lie_far_apart_add_up_to_nothing() -> None:
    rig = Rig()
    for _ in range(20):
        rig.fail(2)
        rig.now += 60


def test_the_holder_behind_another_source_is_never_out() -> None:
    rig = Rig()
    rig.fail(3)
    assert rig.lockout.is_out("KEY1", HERE)
    assert not rig.lockout.is_out("KEY1", THERE)
    assert not rig.lockout.is_out("KEY2", HERE)
    rig.fail(2, source=THERE)


def test_without_a_source_nobody_is_out() -> None:
    rig = Rig()
    for source in ("", "unknown"):
        rig.fail(50, source=source)
        assert not rig.lockout.is_out("KEY1", source)


def test_off_means_off_and_counts_all_the_same() -> None:
    rig = Rig(failures=0)
    rig.fail(LOUD_FROM)
    assert not rig.lockout.is_out("KEY1", HERE)
    assert sorted(line["kind"] for line in rig.lines()) == ["key", "source"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (HERE, HERE),
        ("::ffff:192.0.2.1", HERE),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        # Behind a translator all of IPv4 lies in one network of 64 bits: an attacker there would lock everybody out.
        ("64:ff9b::192.0.2.1", HERE),
        ("64:ff9b::192.0.2.2", THERE),
        ("64:ff9b::1:192.0.2.1", "64:ff9b::/64"),
        ("64:ff9b:1::192.0.2.1", "64:ff9b:1::c000:201"),
        ("64:ff9b:1:ffff::192.0.2.1", "64:ff9b:1:ffff::c000:201"),
        ("", ""),
        ("example.com", ""),
    ],
)
def test_what_counts_as_one_source(address: str, network: str) -> None:
    assert source_network(address) == network


def test_a_neighbour_in_ipv6_is_the_same_source() -> None:
    rig = Rig()
    for number in range(3):
        rig.fail(1, source=f"2001:db8::{number + 1:x}")
    assert rig.lockout.is_out("KEY1", "2001:db8::ffff")
    assert not rig.lockout.is_out("KEY1", "2001:db8:0:1::1")


def test_a_flood_of_ids_pushes_out_no_pair_that_counts() -> None:
    rig = Rig()
    rig.fail(2)
    for number in range(70_000):
        rig.lockout.failed(f"RANDOM{number}", THERE)
    rig.fail(1)
    assert rig.lockout.is_out("KEY1", HERE)
    for number in range(70_000):
        rig.lockout.failed(f"ANOTHER{number}", THERE)
    assert rig.lockout.is_out("KEY1", HERE)


def test_a_tally_is_bounded_and_keeps_what_was_counted_more() -> None:
    tally: Tally[int] = Tally(80, 60)
    for name in range(8):
        for _ in range(name + 1):
            tally.add(name, 0)
    for name in range(100, 10_000):
        tally.add(name, 0)
    assert len(tally) <= 80
    assert [tally.add(name, 0) for name in range(1, 8)] == [3, 4, 5, 6, 7, 8, 9]
    assert tally.add(0, 0) == 1  # counted once, and pushed out


def test_a_tally_forgets_with_time() -> None:
    tally: Tally[str] = Tally(80, 60)
    assert [tally.add("a", now) for now in (0, 59.9, 60, 61)] == [1, 2, 1, 2]
    tally.drop("a")
    assert tally.add("a", 62) == 1


def test_the_log_tells_of_it_and_is_not_flooded() -> None:
    rig = Rig(failures=2)
    rig.fail(2)
    (line,) = rig.lines()
    assert {name: line[name] for name in ("event", "kind", "key_id", "source", "failures", "locked_out")} == {
        "event": "brute_force",
        "kind": "pair",
        "key_id": "KEY1",
        "source": HERE,
        "failures": 2,
        "locked_out": True,
    }
    for number in range(500):
        rig.fail(2, source=f"198.51.100.{number % 256}", key_id=f"KEY{number}")
    lines = rig.lines()
    assert len(lines) == 20
    rig.now = 61
    rig.fail(2, key_id="LATER")
    assert len(rig.lines()) == 21
    assert rig.lines()[-1]["left_out"] > 400


def test_many_failures_of_a_key_or_a_source_are_loud_at_each_doubling() -> None:
    rig = Rig(failures=0)
    for number in range(4 * LOUD_FROM):
        rig.lockout.failed(f"KEY{number}", HERE)
    assert [(line["kind"], line["failures"]) for line in rig.lines()] == [("source", LOUD_FROM * n) for n in (1, 2, 4)]
    assert all("key_id" not in line for line in rig.lines())
    rig.stream.truncate(0), rig.stream.seek(0)
    for number in range(2 * LOUD_FROM):
        rig.lockout.failed("TARGET", f"10.0.{number // 250}.{number % 250}")
    assert [(line["kind"], line["failures"], line["key_id"]) for line in rig.lines()] == [
        ("key", LOUD_FROM * n, "TARGET") for n in (1, 2)
    ]


def test_over_the_wire(tmp_path: Path) -> None:
    """An id that nobody has is locked out as one that somebody has; the holder elsewhere, and without a source, goes on."""
    with in_process(tmp_path / "data", LOCKOUT_FAILURES="3", LOCKOUT_SECONDS="3600") as server:
        issued = server.client.issue()
        for key_id, reason in ((issued.key_id, "MISMATCH"), ("CSNOBODYHASTHIS", "UNKNOWN_KEY")):
            guess = Issued(key_id, b"not the secret, whatever it is...")
            outcomes = []
            for _ in range(5):
                message = signed(guess)
                message.http_request.source_address = HERE
                outcomes.append(server.client.verify(message))
            assert outcomes == [reason, reason, reason, "THROTTLED", "THROTTLED"]
        message = signed(issued)
        for source, outcome in ((HERE, "THROTTLED"), (THERE, "verified"), ("", "verified")):
            message.http_request.source_address = source
            assert server.client.verify(message) == outcome
        message.http_request.source_address = HERE
        answer = server.client.verification.Verify(message)
        assert answer.rejected.public_error.http_status == 429
        metrics = generate_latest(server.service.metrics.registry).decode()
        assert "counterseal_locked_out 2.0" in metrics
        assert 'counterseal_brute_force_total{kind="pair"} 2.0' in metrics
        assert issued.key_id not in metrics
        assert HERE not in metrics
        # Successes from elsewhere have taken nothing back.
        assert server.client.verify(message) == "THROTTLED"


def test_nobody_is_locked_out_by_default(tmp_path: Path) -> None:
    with in_process(tmp_path / "data") as server:
        issued = server.client.issue()
        for _ in range(30):
            message = signed(Issued(issued.key_id, b"not the secret, whatever it is..."))
            message.http_request.source_address = HERE
            assert server.client.verify(message) == "MISMATCH"
        message = signed(issued)
        message.http_request.source_address = HERE
        assert server.client.verify(message) == "verified"
