"""SIGHUP: new settings and new processes, and no call that was refused.

COUNTERSEAL_TEST_RELOADS says how often the service is reloaded under load (2).
"""

import os
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import pytest

from tests.server.calls import Client, failing, signed
from tests.support.process import RunningServer, running_server
from tests.workers.load import channel, issue, load, wait_for
from tests.workers.metrics import scrape

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="SO_REUSEPORT spreads connections on Linux alone"),
    # Processes are started again and again, which takes long on a machine with much else to do.
    pytest.mark.timeout(900),
]
RELOADS = int(os.environ.get("COUNTERSEAL_TEST_RELOADS", "2"))
AGE = "1"
# How long calls may take to end on an old worker, on a machine that comes to each process once in a while.
GRACE = "60"


def _write(path: Path, **settings: object) -> None:
    path.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))


def _reloads(server: RunningServer, outcome: str) -> float:
    return scrape(server).values("counterseal_reloads_total", outcome=outcome)[0]


def _ready(server: RunningServer) -> float:
    return scrape(server).values("counterseal_workers", state="ready")[0]


def _reload(server: RunningServer, outcome: str = "done") -> None:
    before = _reloads(server, outcome)
    server.reload()
    wait_for(lambda: _reloads(server, outcome) == before + 1, f"a reload that is {outcome}")


def _lines(server: RunningServer, event: str) -> list[str]:
    return [line for line in server.log().splitlines() if f'"event": "{event}"' in line]


def _alone(server: RunningServer, workers: int) -> bool:
    return len(server.workers()) == workers


def test_no_call_is_refused(tmp_path: Path) -> None:
    toml = tmp_path / "c.toml"
    _write(toml, workers=2, max_connection_age=AGE, stop_grace=GRACE)
    with (
        running_server(tmp_path / "data", {"CONFIG": str(toml)}) as server,
        load(server, issue(server), kept=8, opened=4) as gateways,
    ):
        for _ in range(RELOADS):
            before = set(server.workers())
            _reload(server)
            wait_for(lambda: _alone(server, 2), "the old workers are gone")
            assert not before & set(server.workers())
            gateways.more(200)
        log = server.log()
    assert not gateways.wrong
    assert not gateways.failures
    assert "worker_died" not in log
    assert "worker_killed" not in log
    print(f"{RELOADS} reloads under load: {gateways.done()} calls, none failed")


def test_new_settings_are_in_force(tmp_path: Path) -> None:
    toml = tmp_path / "c.toml"
    _write(toml, workers=2, max_connection_age=AGE, verify_requires_caller="false")
    with running_server(tmp_path / "data", {"CONFIG": str(toml)}) as server:
        message = signed(issue(server))
        with channel(server) as one:
            assert Client(one).verify(message) == "verified"
        _write(toml, workers=3, max_connection_age=AGE, verify_requires_caller="true")
        _reload(server)
        wait_for(lambda: _alone(server, 3), "three workers")
        with channel(server) as one, failing() as seen:
            Client(one).verify(message)
        assert seen[0].code == "UNAUTHENTICATED"
        _write(toml, workers=1, max_connection_age=AGE)
        _reload(server)
        wait_for(lambda: _alone(server, 1), "one worker")
        with channel(server) as one:
            assert Client(one).verify(message) == "verified"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workers = 2\nskews = 1\n", "there is no setting 'skews'"),
        ("workers = \n", "c.toml is not TOML"),
        ('workers = 2\nlisten = "127.0.0.1:1"\n', "COUNTERSEAL_LISTEN: a reload cannot change it"),
        ('workers = 2\nlisten = "127.0.0.1:0"\nmaster_keys = "mk:short"\n', "COUNTERSEAL_MASTER_KEYS"),
        (None, "c.toml"),
    ],
)
def test_settings_that_cannot_be_used_change_nothing(tmp_path: Path, text: str | None, said: str) -> None:
    toml = tmp_path / "c.toml"
    listen = '"127.0.0.1:0"'
    _write(toml, workers=2, max_connection_age=AGE, listen=listen)
    settings = {"CONFIG": str(toml)}
    with running_server(tmp_path / "data", settings, without=("LISTEN",)) as server:
        message = signed(issue(server))
        before = set(server.workers())
        if text is None:
            toml.unlink()
        else:
            toml.write_text(text)
        _reload(server, "failed")
        assert set(server.workers()) == before
        (line,) = wait_for(lambda: _lines(server, "reload_failed"), "the log says why")
        assert said in line
        assert "/dev/fd/" not in line
        # Also whoever has to be replaced now gets the settings that are in force, not those in the file.
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_for(lambda: set(server.workers()) != before and _ready(server) == 2, "another worker")
        with channel(server) as one:
            assert Client(one).verify(message) == "verified"


def test_one_worker_under_a_supervisor(tmp_path: Path) -> None:
    with (
        running_server(
            tmp_path / "data", {"MAX_CONNECTION_AGE": AGE, "STOP_GRACE": GRACE}, arguments=("--supervise",)
        ) as server,
        load(server, issue(server), kept=4, opened=1) as gateways,
    ):
        (before,) = server.workers()
        _reload(server)
        wait_for(lambda: _alone(server, 1), "one worker")
        assert server.workers() != [before]
        gateways.more(100)
    assert not gateways.failures


def _reload_cut_short(server: RunningServer) -> bool:
    """Reload, and kill a new worker; say whether that was before the reload was done."""
    before, done, failed = set(server.workers()), _reloads(server, "done"), _reloads(server, "failed")
    server.reload()
    for fresh in wait_for(lambda: set(server.workers()) - before, "a new worker"):
        with suppress(ProcessLookupError):  # one of two, of which the supervisor ended the other
            os.kill(fresh, signal.SIGKILL)
    wait_for(lambda: _reloads(server, "failed") > failed or _reloads(server, "done") > done, "the reload has ended")
    if _reloads(server, "failed") > failed:
        wait_for(lambda: set(server.workers()) == before, "the old workers and no others")
        return True
    wait_for(lambda: _alone(server, 2) and _ready(server) == 2, "two workers")
    return False


def test_a_new_worker_that_dies_ends_the_reload_and_not_the_service(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2", "MAX_CONNECTION_AGE": AGE}) as server:
        assert any(_reload_cut_short(server) for _ in range(3))
        _reload(server)


def test_reloads_without_end_leave_only_so_many_workers(tmp_path: Path) -> None:
    """Those that leave wait for their connections. Whoever asks again and again must not fill the machine with them."""
    with running_server(tmp_path / "data", arguments=("--supervise",)) as server, ExitStack() as held:
        for _ in range(3):
            # Many: some may still be led to a worker that is about to leave.
            for one in [held.enter_context(channel(server)) for _ in range(12)]:
                grpc.channel_ready_future(one).result(60)
            _reload(server)
        # Three are leaving, each held up by a connection.
        server.reload()
        wait_for(lambda: '"event": "reload_waits"' in server.log(), "a reload that waits")
        assert len(server.workers()) == 4
        assert _reloads(server, "done") == 3
        held.close()
        wait_for(lambda: _reloads(server, "done") == 4, "the last reload, which was not forgotten")


def test_stopping_in_the_midst_of_a_reload(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", {"WORKERS": "2"}) as server:
        before = set(server.workers())
        server.reload()
        wait_for(lambda: set(server.workers()) - before, "a new worker")
        assert server.stop() == 0


def test_a_server_without_supervisor_goes_on(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        message = signed(issue(server))
        server.reload()
        wait_for(lambda: '"event": "reload_needs_supervisor"' in server.log(), "it says so")
        with channel(server) as one:
            assert Client(one).verify(message) == "verified"
