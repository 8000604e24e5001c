"""All workers of one supervisor: starting them, hearing from them, noticing their ends."""

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from counterseal.server.supervisor.process import COMMAND, State, Worker, start_worker
from counterseal.server.supervisor.snapshot import Snapshot

_SCRAPE_SECONDS: Final = 2.0
_PIECE: Final = 256 * 1024


@dataclass(slots=True, kw_only=True)
class Fleet:
    """The worker processes. `listen` and `metrics` are what the settings say, `port` is the one that was taken."""

    listen: str
    metrics: str
    port: int
    supervisor: int
    environ: Mapping[str, str] = field(repr=False)
    command: Sequence[str] = COMMAND
    # Never changed, only replaced: scrapes read it in threads of their own.
    workers: tuple[Worker, ...] = ()
    _started: int = 0

    def launch(self, slot: int, *, generation: int, snapshot: Snapshot, deadline: float) -> Worker:
        """Start a worker. Raises OSError when the machine has no room for it."""
        errand = {
            "serial": self._started + 1,
            "slot": slot,
            "listen": self.listen,
            "metrics": self.metrics,
            "port": self.port,
            "supervisor": self.supervisor,
        }
        worker = start_worker(
            errand, generation=generation, deadline=deadline, environ=self.environ, snapshot=snapshot, command=self.command
        )
        self._started += 1
        self.workers = (*self.workers, worker)
        return worker

    def of(self, generation: int, *states: State) -> list[Worker]:
        """Return the workers of a generation that are in one of the states."""
        return [worker for worker in self.workers if worker.generation == generation and worker.state in states]

    def ended(self) -> Iterator[tuple[Worker, int]]:
        """Yield those that have ended since, with their exit codes (negative: the signal), and forget them."""
        for worker in self.workers:
            code = worker.process.poll()
            if code is not None:
                self.workers = tuple(other for other in self.workers if other is not worker)
                yield worker, code
                worker.close()

    def count(self) -> dict[str, int]:
        """Return how many there are in each state."""
        return dict(Counter(worker.state.value for worker in self.workers))

    def gather(self) -> Iterator[tuple[int, bytes]]:
        """Ask all workers for their metrics at once, and yield what each of them wrote in time: all, a part, or nothing."""
        # Those that start have none yet.
        asked = [(worker, worker.ask_metrics()) for worker in self.workers if worker.state is not State.STARTING]
        end = time.monotonic() + _SCRAPE_SECONDS
        for worker, answer in asked:
            yield worker.serial, b"" if answer is None else _read(answer, end)


def _read(answer: socket.socket, end: float) -> bytes:
    pieces = []
    with answer, contextlib.suppress(OSError):
        while True:
            answer.settimeout(max(0.001, end - time.monotonic()))
            piece = answer.recv(_PIECE)
            if not piece:
                break
            pieces.append(piece)
    return b"".join(pieces)
