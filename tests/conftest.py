"""What holds for the whole run: secrets are written down, and at the end searched for in everything that was let out.

Hypothesis: the same examples on every machine and no deadlines, unless HYPOTHESIS_PROFILE asks for a hunt.
"""

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import leaks

_SITE = str(Path(__file__).parent / "support" / "site")
# Tests start programs while other threads of theirs are inside gRPC. Its handlers of fork() then start threads in the child,
# which abort before the program is run. Read when gRPC is first used.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "hunt", deadline=None, max_examples=5_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the one process that starts all others, which inherit its environment
        config.stash[_RUN] = run = Path(tempfile.mkdtemp(prefix="counterseal-tests-"))
        for name, folder in ((leaks.SECRETS, run / "secrets"), (leaks.LOGS, run / "let-out")):
            folder.mkdir()
            os.environ[name] = str(folder)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (_SITE, os.environ.get("PYTHONPATH"))))
    _watch_this_process()
    _watch_rpc_errors()


_RUN = pytest.StashKey[Path]()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # the first process gets every report
    for title, text in report.sections:
        leaks.let_out("captured", f"{report.nodeid} {title}\n{text}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    run = session.config.stash.get(_RUN, None)
    if run is None:
        return
    found = leaks.find_leaks(run / "secrets", run / "let-out")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    files = len(list((run / "let-out").iterdir()))
    if reporter is not None:
        number = leaks.count_secrets(run / "secrets")
        reporter.write_line("")
        reporter.write_line(f"searched {files} outputs of the service for {number} secret values: {len(found)} found")
        for line in found[:50]:
            reporter.write_line(f"LEAK {line}", red=True)
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        sys.stderr.write(f"what was let out is kept in {run / 'let-out'}\n")
    else:
        shutil.rmtree(run, ignore_errors=True)


def _watch_this_process() -> None:
    """Load our sitecustomize, unless the interpreter did at start: only those that the first process starts find it there."""
    path = Path(_SITE) / "sitecustomize.py"
    if getattr(sys.modules.get("sitecustomize"), "__file__", None) == str(path):
        return
    spec = importlib.util.spec_from_file_location("counterseal_test_site", path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _watch_rpc_errors() -> None:
    """Keep the text of every RPC error that a client of this process meets."""
    from grpc import _channel

    plain = _channel._InactiveRpcError.__init__

    def watched(self: Any, state: Any) -> None:
        plain(self, state)
        metadata = [value for _, value in self.trailing_metadata() or ()]
        leaks.let_out("rpc-error", f"{self.details()} {self.debug_error_string()} {metadata}")

    if plain.__name__ != "watched":
        _channel._InactiveRpcError.__init__ = watched  # type: ignore[method-assign]
