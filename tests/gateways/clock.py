"""A Counterseal server whose wall clock a test sets to the second, under libfaketime. Monotonic clocks keep running."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.gateways.world import PATIENT
from tests.support.process import RunningServer, running_server
from tests.support.require import require

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


@dataclass
class Clock:
    """`stop_at` freezes the server's clock, `run` gives it the real time."""

    path: Path

    def stop_at(self, seconds: int) -> None:
        self._write(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)))

    def run(self) -> None:
        self._write("+0")

    def _write(self, text: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(text + "\n")
        new.replace(self.path)  # the library reads the file at every look at the clock


@contextlib.contextmanager
def server_with_clock(folder: Path) -> Iterator[tuple[RunningServer, Clock]]:
    """Start a server under libfaketime; the real time runs until a test stops it."""
    require(LIBRARY.exists(), "libfaketime is not installed")
    folder.mkdir(parents=True)
    clock = Clock(folder / "clock")
    clock.run()
    ours = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock.path),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "TZ": "UTC",
    }
    before = dict(os.environ)
    os.environ.update(ours)
    try:
        starting = running_server(folder / "data", PATIENT)
        server = starting.__enter__()
    finally:
        for name in ours:
            os.environ.pop(name)
            if name in before:
                os.environ[name] = before[name]
    try:
        yield server, clock
    finally:
        clock.run()
        starting.__exit__(None, None, None)
