"""Workers and supervisors that die: who notices, and what is left."""

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.server.calls import Client, signed
from tests.support.process import RunningServer, running_server
from tests.workers.load import channel, issue, load, wait_for
from tests.workers.metrics import Scraped, scrape

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="SO_REUSEPORT spreads connections on Linux alone"),
    # Processes are started again and again, which takes long on a machine with much else to do.
    pytest.mark.timeout(900),
]

# What a client may see of a worker that was killed: never a verdict, always to be tried again.
LOST = {"UNAVAILABLE"}


def _running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}


def _free(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as anybody:
        anybody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            anybody.bind((host, int(port)))
        except OSError:
            return False
    return True


def _ready(server: RunningServer) -> float:
    return scrape(server).values("counterseal_workers", state="ready")[0]


def _replaced(server: RunningServer, times: int) -> Scraped | None:
    """Return what two workers say once so many others were replaced."""
    found = scrape(server)
    return found if found.values("counterseal_worker_restarts_total") == [times] and len(found.workers()) == 2 else None


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server, load(server, issue(server)) as gateways:
        before = set(server.workers())
        for times, killed in enumerate(sorted(before), 1):
            os.kill(killed, signal.SIGKILL)
            gateways.more(200)
            found = wait_for(lambda times=times: _replaced(server, times), "two workers")  # type: ignore[misc]
        assert not before & set(server.workers())
        gateways.more(200)
    assert not gateways.wrong
    assert gateways.codes() <= LOST
    # Calls in flight, and calls of those who were waiting for a connection: not more than gateways at each death.
    assert sum(gateways.failures.values()) <= 2 * 10 * 2
    # The dead are left out.
    assert found.workers() == {"3", "4"}


def test_workers_go_with_their_supervisor(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server:
        workers = server.workers()
        server.kill()
        wait_for(lambda: not any(_running(worker) for worker in workers), "the workers are gone")
        # The last of a process's threads closes its sockets, a moment after it is said to be gone.
        wait_for(lambda: _free(server.address), "the port is free")


def test_a_stopped_worker_goes_too(tmp_path: Path) -> None:
    """One that hears nothing, since it is stopped, must not keep the port either."""
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server:
        workers = server.workers()
        os.kill(workers[0], signal.SIGSTOP)
        server.kill()
        wait_for(lambda: not any(_running(worker) for worker in workers), "the workers are gone")


def test_a_worker_that_does_not_answer_is_left_out_of_the_metrics(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server:
        stopped = server.workers()[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            # The other one may be busy, and left out as well for a while.
            wait_for(lambda: scrape(server).values("counterseal_workers_unread") == [1.0], "the other one answers")
            assert len(scrape(server).workers()) == 1
        finally:
            os.kill(stopped, signal.SIGCONT)
        wait_for(lambda: scrape(server).workers() == {"1", "2"}, "both answer again")


def test_a_crash_loop_ends_the_service(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server:
        end = time.monotonic() + 90
        while server.process.poll() is None and time.monotonic() < end:
            for worker in server.workers()[:1]:
                with contextlib.suppress(ProcessLookupError):  # killed before, and gone meanwhile
                    os.kill(worker, signal.SIGKILL)
            time.sleep(0.2)
        assert server.process.wait(120) == 70
        assert '"event": "crash_loop"' in server.log()
        assert "workers end again and again" in server.log()


def test_a_worker_that_is_asked_to_end_alone_is_replaced(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server:
        before = server.workers()
        os.kill(before[0], signal.SIGHUP)  # for the supervisor alone
        os.kill(before[0], signal.SIGTERM)
        wait_for(lambda: before[0] not in server.workers() and len(server.workers()) == 2, "another")
        assert before[1] in server.workers()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_stopping_under_load(tmp_path: Path, workers: str) -> None:
    """No call ends without an answer: those in flight get theirs, later ones are told to go elsewhere."""
    with (
        running_server(tmp_path / "data", {"WORKERS": workers}) as server,
        load(server, issue(server), kept=16, pause=0) as gateways,
    ):
        before = server.workers()
        gateways.more(200)
        assert server.stop() == 0
        assert not any(_running(worker) for worker in before)
        wait_for(lambda: gateways.failures, "a call that came too late")
        log = server.log()
    assert not gateways.wrong
    assert gateways.codes() == {"UNAVAILABLE"}
    if workers != "1":
        assert log.count('"event": "worker_ended"') == 2
        assert log.count('"exit": 0, "event": "worker_ended"') == 2


def test_stopping_as_systemd_does(tmp_path: Path) -> None:
    """SIGTERM to every process of the service at once is still one request to stop."""
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server:
        workers = server.workers()
        server.process.send_signal(signal.SIGSTOP)  # at once for it too, however long the signals take
        for pid in (*workers, server.process.pid):
            os.kill(pid, signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        assert server.process.wait(120) == 0
        assert server.log().count('"exit": 0, "event": "worker_ended"') == 2


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server:
        workers = server.workers()
        # One that cannot stop, as if its calls never ended.
        os.kill(workers[0], signal.SIGSTOP)
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: '"event": "stopping"' in server.log(), "it is stopping")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(120)
        assert not any(_running(worker) for worker in workers)
        assert "stopping_at_once" in server.log()


def test_a_worker_that_cannot_stop_is_killed_in_the_end(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2", "STOP_GRACE": "0"}) as server:
        stuck = server.workers()[0]
        os.kill(stuck, signal.SIGSTOP)
        assert server.stop() == 0
        assert '"event": "worker_killed"' in server.log()


def test_no_worker_while_the_store_is_away_is_no_crash(tmp_path: Path) -> None:
    """The replacement has to wait for the store; the service goes on with the workers that it has."""
    data = tmp_path / "data"
    with running_server(data, {"WORKERS": "2"}) as server:
        message = signed(issue(server))
        with channel(server) as one:
            assert Client(one).verify(message) == "verified"
        (data / "counterseal.db").rename(data / "away.db")
        data.chmod(0o500)
        if os.access(data, os.W_OK):
            data.chmod(0o700)
            (data / "counterseal.db").mkdir(mode=0o700)  # root may write anywhere, but not open a folder as a database
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_for(lambda: '"event": "worker_cannot_start"' in server.log() or server.process.poll() is not None, "a try")
        assert server.process.poll() is None
        data.chmod(0o700)
        if (data / "counterseal.db").is_dir():
            (data / "counterseal.db").rmdir()
        (data / "away.db").rename(data / "counterseal.db")
        wait_for(lambda: _ready(server) == 2, "two workers again")
