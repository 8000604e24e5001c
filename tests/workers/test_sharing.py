"""Several workers on one port: who gets the calls, who else may have the port, and what is said about them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from counterseal.server.cli.exits import CONFIG, UNAVAILABLE, USAGE
from tests.server.calls import Client, signed
from tests.support.process import RunningServer, running_server
from tests.support.require import require
from tests.workers.load import channel, issue, wait_for
from tests.workers.metrics import scrape, scrape_whole

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SO_REUSEPORT spreads connections on Linux alone")
CHANNELS = 24


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("workers") / "data", {"WORKERS": "3", "PIN_WORKERS": "true"}) as running:
        yield running


def _refused(tmp_path: Path, code: int = CONFIG, arguments: tuple[str, ...] = (), **settings: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSEAL_")}
    given = {"DATA_DIR": str(tmp_path / "data"), "LISTEN": "127.0.0.1:0", "METRICS_LISTEN": ""} | settings
    done = subprocess.run(
        [sys.executable, "-m", "counterseal.server.cli.main", "serve", *arguments],
        env=environ | {f"COUNTERSEAL_{name}": value for name, value in given.items()},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "listening" not in done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_connections_are_spread_and_counted_for_each_worker(server: RunningServer) -> None:
    message = signed(issue(server))
    for _ in range(CHANNELS):
        with channel(server) as one:
            assert Client(one).verify(message) == "verified"
    found = scrape_whole(server)
    by_worker = [
        (labels["worker"], value)
        for name, labels, value in found.samples
        if name == "counterseal_verify_total" and labels["outcome"] == "verified"
    ]
    # All on one of three: once in 3^23 runs.
    assert len(by_worker) > 1
    assert sum(value for _, value in by_worker) == CHANNELS
    assert found.workers() == {"1", "2", "3"}


def test_one_exposition_for_all(server: RunningServer) -> None:
    # Counted by the supervisor after it has said that all are ready.
    wait_for(lambda: scrape(server).values("counterseal_workers", state="ready") == [3.0], "three workers")
    found = scrape_whole(server)
    described = [line for line in found.text.splitlines() if line.startswith("# ")]
    assert len(described) == len(set(described))
    for name in ("counterseal_build_info", "counterseal_store_up"):
        assert found.text.count(f"# TYPE {name} ") == 1
        assert found.values(name) == [1.0, 1.0, 1.0]
    assert found.values("counterseal_workers", state="ready") == [3.0]
    assert found.values("counterseal_workers", state="starting") == [0.0]
    assert found.values("counterseal_worker_restarts_total") == [0.0]
    assert found.values("counterseal_workers_unread") == [0.0]
    keys = [(name, tuple(sorted(labels.items()))) for name, labels, _ in found.samples]
    assert len(keys) == len(set(keys))


def test_the_supervisor_knows_no_grpc(server: RunningServer) -> None:
    assert "cygrpc" not in Path(f"/proc/{server.process.pid}/maps").read_text()
    for worker in server.workers():
        assert "cygrpc" in Path(f"/proc/{worker}/maps").read_text()


def test_each_worker_answers_for_its_health(server: RunningServer) -> None:
    for _ in range(CHANNELS):
        with channel(server) as one:
            answer = health_pb2_grpc.HealthStub(one).Check(health_pb2.HealthCheckRequest())
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_workers_stay_on_cores_of_their_own(server: RunningServer) -> None:
    mine = sorted(os.sched_getaffinity(server.process.pid))
    found = [os.sched_getaffinity(worker) for worker in server.workers()]
    assert all(len(cores) == 1 for cores in found)
    assert set().union(*found) == set(mine[:3])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nobody_else_gets_the_port(server: RunningServer, tmp_path: Path, workers: str) -> None:
    said = _refused(tmp_path, LISTEN=server.address, WORKERS=workers)
    assert f"COUNTERSEAL_LISTEN: cannot listen on {server.address}: in use" in said


def test_workers_do_not_join_a_server_without(tmp_path: Path) -> None:
    with running_server(tmp_path / "alone") as alone:
        said = _refused(tmp_path, LISTEN=alone.address, WORKERS="2")
        assert f"COUNTERSEAL_LISTEN: cannot listen on {alone.address}: in use" in said


def test_a_port_in_use_for_metrics(server: RunningServer, tmp_path: Path) -> None:
    address = server.metrics_url.removeprefix("http://").removesuffix("/metrics")
    assert f"COUNTERSEAL_METRICS_LISTEN: cannot listen on {address}" in _refused(tmp_path, METRICS_LISTEN=address, WORKERS="2")


def test_what_keeps_the_first_worker_from_starting_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "master.keys").write_text("mk:short\n")
    (tmp_path / "data" / "master.keys").chmod(0o600)
    said = _refused(tmp_path, WORKERS="3")
    assert said.count("Error: COUNTERSEAL_MASTER_KEYS") == 1
    absent = f"sqlite:///{tmp_path / 'data' / 'absent' / 'x.db'}"
    assert "Error: " in _refused(tmp_path, UNAVAILABLE, WORKERS="3", DATABASE_URL=absent)


def test_one_process_cannot_know_replays_for_all(tmp_path: Path) -> None:
    assert "COUNTERSEAL_REPLAY" in _refused(tmp_path, REPLAY="memory", WORKERS="2")
    assert "COUNTERSEAL_REPLAY" in _refused(tmp_path, arguments=("--supervise",), REPLAY="memory")


def test_workers_are_started_by_a_supervisor_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "counterseal.server.cli.worker"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == USAGE
    assert "counterseal serve --workers" in done.stderr


def test_connections_move_with_age(tmp_path: Path) -> None:
    require(Path("/proc/self/fd").exists(), "/proc")
    with running_server(tmp_path / "data", {"WORKERS": "2", "MAX_CONNECTION_AGE": "0.2"}) as server:
        message = signed(issue(server))
        with channel(server) as one:
            client = Client(one)

            def seen_by() -> int:
                assert client.verify(message) == "verified"
                return len(
                    {labels["worker"] for name, labels, _ in scrape(server).samples if name == "counterseal_verify_total"}
                )

            wait_for(lambda: seen_by() == 2, "both workers have verified for one channel")
