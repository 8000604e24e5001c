"""Pinning is asked for, not given; who takes a dead worker's place takes its core; a reload puts it on and off."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.process import RunningServer, running_server
from tests.workers.load import wait_for
from tests.workers.metrics import scrape

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SO_REUSEPORT spreads connections on Linux alone")
AGE = "0.5"


def cores_of(server: RunningServer) -> list[set[int]]:
    return [os.sched_getaffinity(worker) for worker in server.workers()]


def spread(server: RunningServer) -> list[set[int]]:
    """What two pinned workers should have, of the cores that the service may use."""
    mine = sorted(os.sched_getaffinity(server.process.pid))
    return sorted([{mine[0]}, {mine[1 % len(mine)]}], key=sorted)


def replaced(server: RunningServer, before: list[int]) -> None:
    wait_for(lambda: len(server.workers()) == 2 and server.workers() != before, "another worker")
    wait_for(lambda: scrape(server).values("counterseal_workers", state="ready") == [2.0], "two that answer")


def test_nobody_is_pinned_who_did_not_ask(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server:
        whole = os.sched_getaffinity(server.process.pid)
        assert whole == os.sched_getaffinity(0)
        assert cores_of(server) == [whole, whole]


def test_a_replacement_takes_the_core_that_is_free(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", arguments=("--workers", "2", "--pin-workers")) as server:
        for number in range(2):
            assert sorted(cores_of(server), key=sorted) == spread(server)
            before = server.workers()
            os.kill(before[number], signal.SIGKILL)
            replaced(server, before)
        assert sorted(cores_of(server), key=sorted) == spread(server)
        # The supervisor does next to nothing, and what it starts must be free to choose.
        assert os.sched_getaffinity(server.process.pid) == os.sched_getaffinity(0)


def reload(server: RunningServer) -> None:
    def done() -> float:
        return scrape(server).values("counterseal_reloads_total", outcome="done")[0]

    before = done()
    server.reload()
    wait_for(lambda: done() == before + 1, "a reload")
    wait_for(lambda: len(server.workers()) == 2, "the old workers are gone")


def test_a_reload_pins_and_lets_go(tmp_path: Path) -> None:
    toml = tmp_path / "c.toml"
    toml.write_text(f"workers = 2\nmax_connection_age = {AGE}\n")
    with running_server(tmp_path / "data", {"CONFIG": str(toml)}) as server:
        whole = os.sched_getaffinity(server.process.pid)
        for pin, expected in (("true", spread(server)), ("false", [whole, whole])):
            toml.write_text(f"workers = 2\nmax_connection_age = {AGE}\npin_workers = {pin}\n")
            reload(server)
            assert sorted(cores_of(server), key=sorted) == expected
