"""SIGHUP after a release was put in place: a symlink leads to the new code, and no call fails while workers are exchanged."""

import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

import counterseal
from tests.support.process import RunningServer, running_server
from tests.workers.load import issue, load, wait_for
from tests.workers.metrics import scrape, scrape_whole

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="SO_REUSEPORT spreads connections on Linux alone"),
    # Processes are started again and again, which takes long on a machine with much else to do.
    pytest.mark.timeout(900),
]
# Neither is the version of the code that is tested here: so neither can be had from anywhere but its folder.
OLD, NEW = "0.0.1+old", "0.0.2+new"
# A long grace, since a busy machine comes to each process once in a while.
SETTINGS = {"WORKERS": "2", "MAX_CONNECTION_AGE": "1", "STOP_GRACE": "60"}


class Releases:
    """Folders with whole copies of the package, and a symlink to the one that is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.current = folder / "current"

    def make(self, version: str) -> Path:
        """Copy the package under another version; returns its `__init__.py`."""
        source = Path(counterseal.__file__).parent
        # Compiled files come along: they are good for as long as the times of their sources are kept. Not those that somebody
        # is writing, who then renames them.
        shutil.copytree(source, self.folder / version / source.name, ignore=shutil.ignore_patterns("*.pyc.*"))
        init = self.folder / version / source.name / "__init__.py"
        text, changed = re.subn(r'(?m)^__version__ = ".*"$', f'__version__ = "{version}"', init.read_text())
        assert changed == 1
        init.write_text(text)
        return init

    def install(self, version: str) -> None:
        """Let the symlink lead there, in one step."""
        following = self.folder / "following"
        following.symlink_to(version)
        following.replace(self.current)

    def remove(self, version: str) -> None:
        shutil.rmtree(self.folder / version)


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    made = Releases(tmp_path / "releases")
    made.make(OLD)
    made.install(OLD)
    monkeypatch.setenv("PYTHONPATH", str(made.current))
    return made


def versions(server: RunningServer) -> dict[str, str]:
    """The version of each worker that answers, by its number."""
    return {
        labels["worker"]: labels["version"] for name, labels, _ in scrape(server).samples if name == "counterseal_build_info"
    }


def _started(server: RunningServer) -> list[str]:
    return [line for line in server.log().splitlines() if '"event": "worker_started"' in line]


def all_are(server: RunningServer, version: str) -> bool:
    """Whether two workers run and answer, both with that code."""
    found = versions(server)
    return len(server.workers()) == len(found) == 2 and set(found.values()) == {version}


def test_new_code_replaces_the_old_and_no_call_fails(tmp_path: Path, releases: Releases) -> None:
    with running_server(tmp_path / "data", SETTINGS) as server:
        wait_for(lambda: f'"version": "{OLD}"' in server.log(), "it says which code it is")
        wait_for(lambda: all_are(server, OLD), "two workers of the old code")
        with load(server, issue(server), kept=4, opened=1) as gateways:
            before, numbers = set(server.workers()), scrape_whole(server).workers()
            releases.make(NEW)
            releases.install(NEW)
            infos = [labels for name, labels, _ in scrape_whole(server).samples if name == "counterseal_build_info"]
            assert {labels["version"] for labels in infos} == {OLD}, "new code is taken at a reload, not before"
            server.reload()
            wait_for(lambda: all_are(server, NEW), "two workers of the new code")
            assert not before & set(server.workers())
            assert not numbers & set(versions(server))
            gateways.more(200)
        assert not gateways.wrong
        assert not gateways.failures
        wait_for(lambda: len(_started(server)) == 4, "the last worker says that it has started")
        started = _started(server)
        assert [OLD in line for line in started] == [True, True, False, False]
        assert [NEW in line for line in started] == [False, False, True, True]
        # The old release may be removed. The supervisor is still of it, and does without its files.
        releases.remove(OLD)
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_for(lambda: not numbers & set(versions(server)) and all_are(server, NEW), "a worker in place of one that died")
        server.reload()
        wait_for(lambda: scrape(server).values("counterseal_reloads_total", outcome="done") == [2.0], "a second reload")
        wait_for(lambda: all_are(server, NEW), "two workers of the new code")
        assert server.stop() == 0
        print(f"{OLD} exchanged for {NEW} under load: {gateways.done()} calls, none failed")


def test_code_that_does_not_start_changes_nothing(tmp_path: Path, releases: Releases) -> None:
    with (
        running_server(tmp_path / "data", SETTINGS) as server,
        load(server, issue(server), kept=4, opened=1) as gateways,
    ):
        before = set(server.workers())
        init = releases.make(NEW)
        whole = init.read_text()
        init.write_text(whole + "raise RuntimeError('a release that was put in place by half')\n")
        releases.install(NEW)
        server.reload()
        wait_for(lambda: scrape(server).values("counterseal_reloads_total", outcome="failed") == [1.0], "a failed reload")
        assert set(server.workers()) == before
        wait_for(lambda: all_are(server, OLD), "both answer, with the old code")
        gateways.more(100)
        init.write_text(whole)
        server.reload()
        wait_for(lambda: all_are(server, NEW), "two workers of the mended code")
        gateways.more(100)
    assert not gateways.wrong
    assert not gateways.failures
