"""A server process to be measured: what it took to start, what it holds, and the processor time that it uses."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.process import wait_for_addresses

_LOADED_SECONDS = 300


@dataclass
class Measured:
    """A running server. `started` and `loaded` are seconds from its start until it answered, and until it knew all key ids."""

    process: subprocess.Popen[bytes]
    address: str
    metrics_url: str
    started: float
    loaded: float = 0

    def metric(self, name: str) -> float:
        text = urllib.request.urlopen(self.metrics_url, timeout=30).read().decode()
        return sum(float(value) for value in re.findall(rf"^{re.escape(name)} ([0-9.e+-]+)$", text, re.MULTILINE))

    def cpu_seconds(self) -> float:
        # The kernel's clock of another process (clock_getcpuclockid), threads that have ended included.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def resident_bytes(self) -> int:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024


@contextmanager
def measured_server(data_dir: Path, *, keys: int, core: int | None = None, **settings: str) -> Iterator[Measured]:
    """Start a server on a store with `keys` keys, wait until it knows them all, and stop it at the end."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSEAL_")}
    env |= {"COUNTERSEAL_DATA_DIR": str(data_dir), "COUNTERSEAL_LISTEN": "127.0.0.1:0"}
    env |= {"COUNTERSEAL_METRICS_LISTEN": "127.0.0.1:0", "COUNTERSEAL_LOG_LEVEL": "error"}
    env |= {f"COUNTERSEAL_{name}": value for name, value in settings.items()}
    log_path = data_dir / "server.log"
    begun = time.perf_counter()
    with log_path.open("wb") as log:
        command = [sys.executable, "-m", "counterseal.server.cli.main", "serve"]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log)
    try:
        found = wait_for_addresses(process, log_path)
        server = Measured(
            process, found["listening on"], "http://" + found["metrics on http:"], started=time.perf_counter() - begun
        )
        if core is not None:
            for task in Path(f"/proc/{process.pid}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(task.name), {core})
        while server.metric("counterseal_known_key_ids") < keys:
            if time.perf_counter() - begun > _LOADED_SECONDS:
                raise RuntimeError("the server never knew all ids")
            time.sleep(0.05)
        server.loaded = time.perf_counter() - begun
        yield server
    finally:
        process.terminate()
        process.wait()
