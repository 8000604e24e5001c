"""The cache's settings reach the cache, and its events reach a scrape."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.server.calls import Issued, signed
from tests.server.inprocess import InProcess, in_process, wait_for_feed

# A revocation bound that a busy machine keeps: beyond it, every look-up would be a miss.
BOUND = {"REVOKE_BOUND": "600"}


def _events(server: InProcess, event: str) -> float:
    value = server.service.metrics.registry.get_sample_value("counterseal_key_cache_events_total", {"event": event})
    assert value is not None
    return value


def _loads(server: InProcess) -> float:
    value = server.service.metrics.registry.get_sample_value("counterseal_key_load_seconds_count")
    assert value is not None
    return value


def _issue(server: InProcess, count: int) -> list[Issued]:
    """Issue keys of which the feed has told: it evicts what it tells of, at a time of its own."""
    issued = [server.client.issue() for _ in range(count)]
    wait_for_feed(server, count)
    return issued


def test_one_place_for_two_keys(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", CACHE_KEYS="1", **BOUND) as server:
        messages = [signed(issued) for issued in _issue(server, 2)]
        for message in messages * 2:
            assert server.client.verify(message) == "verified"
        assert (_events(server, "miss"), _events(server, "hit"), _events(server, "evicted")) == (4, 0, 3)
        assert _loads(server) == 4


def test_places_enough(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", CACHE_KEYS="2", **BOUND) as server:
        messages = [signed(issued) for issued in _issue(server, 2)]
        for message in messages * 2:
            assert server.client.verify(message) == "verified"
        assert (_events(server, "miss"), _events(server, "hit"), _events(server, "evicted")) == (2, 2, 0)


@pytest.mark.parametrize(("seconds", "misses"), [("0.001", 2), ("60", 1)])
def test_lifetime_of_absences(tmp_path: Path, seconds: str, misses: int) -> None:
    with in_process(tmp_path / "data", CACHE_NEGATIVE_SECONDS=seconds, **BOUND) as server:
        (issued,) = _issue(server, 1)
        message = signed(replace(issued, key_id="CSAK" + "A" * 20))
        assert server.client.verify(message) == "UNKNOWN_KEY"
        time.sleep(0.05)  # the shorter lifetime is over, the longer one is not
        assert server.client.verify(message) == "UNKNOWN_KEY"
        assert (_events(server, "miss"), _events(server, "negative")) == (misses, 2 - misses)


def test_a_place_for_one_absence(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", CACHE_NEGATIVE="1", **BOUND) as server:
        (issued,) = _issue(server, 1)
        absent = [signed(replace(issued, key_id="CSAK" + letter * 20)) for letter in "AB"]
        for message in absent * 2:
            assert server.client.verify(message) == "UNKNOWN_KEY"
        assert (_events(server, "miss"), _events(server, "negative")) == (4, 0)


def test_the_same_request_verifies_again_inside_its_window(tmp_path: Path) -> None:
    """There is no replay memory in this release; the README says so."""
    with in_process(tmp_path / "data") as server:
        message = signed(server.client.issue())
        assert [server.client.verify(message) for _ in range(3)] == ["verified"] * 3
