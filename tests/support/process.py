"""A real server process on a free port, in a data folder of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from tests.support import leaks

# Far more than needed: a machine that runs all tests at once may not come to one program for many seconds.
START_SECONDS = 150
STOP_SECONDS = 120


@dataclass
class RunningServer:
    """A `counterseal serve` that answers. `address` is host:port of gRPC, `metrics_url` where Prometheus reads."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    address: str
    metrics_url: str
    log_path: Path
    env: dict[str, str] = field(repr=False)

    @property
    def admin_token(self) -> str:
        return (self.data_dir / "admin.token").read_text().strip()

    @property
    def admin_metadata(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.admin_token}")]

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(self.address)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def workers(self) -> list[int]:
        """The processes that serve under this one, where it is a supervisor (WORKERS of 2 and more)."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """kill -9: no handler of the process runs. Workers go with their supervisor."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = STOP_SECONDS) -> int:
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                leaks.let_out("metrics", urllib.request.urlopen(self.metrics_url, timeout=5).read().decode())
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


def start_server(
    data_dir: Path, *, arguments: Sequence[str] = (), without: Sequence[str] = (), **settings: str
) -> RunningServer:
    """Start a server; `settings` are names without prefix, e.g. `SKEW="60"`. The caller stops it.

    `arguments` are those of `serve`; `without` names settings that would be given here, and stand in a file this time.
    """
    log_dir = Path(os.environ.get("COUNTERSEAL_TEST_LOGS", str(data_dir.parent)))
    log_dir.mkdir(parents=True, exist_ok=True)
    log_path = log_dir / f"server-{os.getpid()}-{time.monotonic_ns()}.log"
    env = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSEAL_") or k.startswith("COUNTERSEAL_TEST_")}
    env |= {
        "COUNTERSEAL_DATA_DIR": str(data_dir),
        "COUNTERSEAL_LISTEN": "127.0.0.1:0",
        "COUNTERSEAL_METRICS_LISTEN": "127.0.0.1:0",
    }
    env |= {f"COUNTERSEAL_{name}": value for name, value in settings.items()}
    env = {name: value for name, value in env.items() if name.removeprefix("COUNTERSEAL_") not in without}
    log = log_path.open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "counterseal.server.cli.main", "serve", *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=log,
        stdin=subprocess.DEVNULL,
    )
    log.close()
    found = wait_for_addresses(process, log_path)
    return RunningServer(process, data_dir, found["listening on"], "http://" + found["metrics on http:"], log_path, env)


def wait_for_addresses(process: subprocess.Popen[bytes], log_path: Path) -> dict[str, str]:
    """Read the addresses that `serve` prints on standard output once it answers, then keep draining the pipe."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    printed = []
    try:
        for raw in process.stdout:
            line = raw.decode(errors="replace")
            printed.append(line)
            for label in ("listening on", "metrics on http:"):
                if match := re.search(rf"{label}[\s/]+([\w.\[\]:-]*:\d+\S*)", line):
                    found[label] = match[1]
            if len(found) == 2:
                break
    finally:
        timer.cancel()
    if len(found) != 2:
        process.kill()
        raise RuntimeError(f"the server did not start: {''.join(printed)}\n{log_path.read_text(errors='replace')}")
    threading.Thread(target=_drain, args=(process,), daemon=True).start()
    return found


def _drain(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    with contextlib.suppress(ValueError, OSError):
        for _ in process.stdout:
            pass


@contextlib.contextmanager
def running_server(
    data_dir: Path,
    settings: Mapping[str, str] | None = None,
    *,
    arguments: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Iterator[RunningServer]:
    server = start_server(data_dir, arguments=arguments, without=without, **dict(settings or {}))
    try:
        yield server
    finally:
        server.stop()
