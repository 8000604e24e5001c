"""The parts of a supervisor that need no processes."""

import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from counterseal.server.errors import ConfigError
from counterseal.server.settings import Address
from counterseal.server.supervisor import messages
from counterseal.server.supervisor.crashes import Crashes
from counterseal.server.supervisor.messages import Errand, Failed, Lines, Ready
from counterseal.server.supervisor.port import reserve
from counterseal.server.supervisor.snapshot import Snapshot
from counterseal.server.telemetry.fleet import FleetMetrics
from counterseal.server.telemetry.merge import dump

ERRAND = Errand(serial=7, slot=2, listen="127.0.0.1:0", metrics="", port=4711, supervisor=1, control=5, scrapes=6)
READY = Ready(workers=4, grace=0.5, age=60.0)


def _registry(kind: type[Counter] | type[Gauge] = Counter) -> CollectorRegistry:
    registry = CollectorRegistry()
    calls = kind("calls", 'Calls, "quoted"\nand more.', ("code",), registry=registry)
    calls.labels('a"\\\n').inc(3)
    Histogram("seconds", "Time.", buckets=(0.1, 1.0), registry=registry).observe(0.5)
    return registry


def _text(*dumps: tuple[int, bytes]) -> str:
    return generate_latest(FleetMetrics(["ready"], lambda: iter(dumps)).registry).decode()


def _samples(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels["worker"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "worker" in sample.labels and sample.labels.get("le") in {None, "+Inf"}
    }


def test_metrics_of_two_are_one_exposition() -> None:
    text = _text((1, dump(_registry())), (2, dump(_registry())))
    for line in ("# TYPE calls_total counter", "# TYPE seconds histogram"):
        assert text.count(line) == 1
    found = _samples(text)
    assert found["calls_total", "1"] == found["calls_total", "2"] == 3.0
    assert found["seconds_bucket", "1"] == found["seconds_count", "2"] == 1.0
    (calls,) = [family for family in text_string_to_metric_families(text) if family.name == "calls"]
    assert {sample.labels["code"] for sample in calls.samples if sample.name == "calls_total"} == {'a"\\\n'}


@pytest.mark.parametrize("broken", [b"", b"[{", b"{}x", b'[{"name": "calls"}]', b'[["a"]]', b"7"])
def test_a_worker_that_cannot_be_read_is_left_out(broken: bytes) -> None:
    text = _text((1, dump(_registry())), (2, broken))
    assert {worker for _, worker in _samples(text)} == {"1"}
    assert "counterseal_workers_unread 1.0" in text


def test_half_an_answer_is_none() -> None:
    text = _text((1, dump(_registry())[:-10]))
    assert not _samples(text)
    assert "counterseal_workers_unread 1.0" in text


def test_releases_that_disagree_about_a_type() -> None:
    """The newest is right; one exposition cannot hold both."""
    old, new = _registry(Counter), CollectorRegistry()
    Gauge("calls", "Calls.", ("code",), registry=new).labels("x").set(1)
    found = _samples(_text((1, dump(old)), (2, dump(new))))
    assert ("calls", "2") in found
    assert ("calls_total", "1") not in found
    assert ("seconds_count", "1") in found


def test_an_errand_is_read_as_it_was_written() -> None:
    assert Errand.read(ERRAND.text()) == ERRAND
    # A supervisor of a later release may say more.
    assert Errand.read(ERRAND.text()[:-1] + ', "colour": "green"}') == ERRAND


@pytest.mark.parametrize("said", [READY, Failed(text="no\nsuch key", code=78)])
def test_what_is_said_arrives(said: Ready | Failed) -> None:
    lines, found = Lines(), []
    for byte in messages.write(said):  # in the smallest pieces that there are
        found += lines.take(bytes([byte]))
    assert [messages.read(line) for line in found] == [said]


@pytest.mark.parametrize("line", [b"", b"{", b"7", b"[]", b"null", b'{"kind": "Later"}', b'{"kind": "Ready"}', b"\xff"])
def test_what_is_not_known_is_left_out(line: bytes) -> None:
    assert messages.read(line) is None


def test_a_line_without_end_is_dropped() -> None:
    lines = Lines()
    for _ in range(100):
        assert lines.take(b"x" * 1000) == []
    assert lines.take(b"\nstop\n")[-1] == b"stop"


def test_five_deaths_in_thirty_seconds_are_a_loop() -> None:
    crashes = Crashes()
    assert [crashes.note(second, workers=2) for second in (0, 1, 2, 3)] == [False] * 4
    assert crashes.note(30, workers=2)
    crashes = Crashes()
    assert not any(crashes.note(second, workers=2) for second in range(0, 400, 8))


def test_many_workers_may_die_at_once() -> None:
    crashes = Crashes()
    assert [crashes.note(0, workers=8) for _ in range(16)] == [False] * 15 + [True]


def test_a_snapshot_is_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("skew = 60\n")
    environ = {"COUNTERSEAL_CONFIG": str(path), "OTHER": "1"}
    snapshot = Snapshot.of(environ)
    path.write_text("skew = oops\n")
    given = snapshot.environ(environ)
    assert given["OTHER"] == "1"
    for _ in range(2):
        assert Path(given["COUNTERSEAL_CONFIG"]).read_text() == "skew = 60\n"
    (descriptor,) = snapshot.descriptors
    assert not os.get_inheritable(descriptor)
    assert snapshot.named(f"cannot read {given['COUNTERSEAL_CONFIG']}") == f"cannot read {path}"
    snapshot.close()


def test_no_settings_file_is_no_snapshot() -> None:
    snapshot = Snapshot.of({"COUNTERSEAL_CONFIG": ""})
    assert snapshot.descriptors == ()
    assert snapshot.environ({"A": "1"}) == {"A": "1"}
    assert snapshot.named("text") == "text"
    snapshot.close()


def test_a_settings_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="COUNTERSEAL_CONFIG: cannot read"):
        Snapshot.of({"COUNTERSEAL_CONFIG": str(tmp_path / "absent.toml")})


def test_a_port_is_taken_once() -> None:
    held = reserve(Address(host="127.0.0.1", port=0))
    try:
        assert held.address.port != 0
        with pytest.raises(ConfigError, match="COUNTERSEAL_LISTEN: cannot listen on"):
            reserve(held.address)
    finally:
        held.close()
    reserve(held.address).close()


def test_an_address_of_another_machine() -> None:
    with pytest.raises(ConfigError, match="not this machine's"):
        reserve(Address(host="192.0.2.1", port=0))
