"""One worker process, seen from the supervisor."""

import contextlib
import enum
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from counterseal.server.supervisor import messages
from counterseal.server.supervisor.messages import Errand, Failed, Ready
from counterseal.server.supervisor.snapshot import Snapshot

COMMAND: Final = (sys.executable, "-m", "counterseal.server.cli.worker")


class State(enum.Enum):
    """Where a worker is in its life. It ends from each of them; from the last two because it was told to."""

    STARTING = "starting"
    READY = "ready"
    RETIRING = "retiring"
    STOPPING = "stopping"


@dataclass(slots=True, kw_only=True, eq=False)
class Worker:
    """A process that was started, and what it has said so far.

    `generation` counts reloads. `deadline` is when its present state must have ended, in monotonic seconds.
    """

    serial: int
    slot: int
    generation: int
    deadline: float
    process: subprocess.Popen[bytes]
    control: socket.socket = field(repr=False)
    scrapes: socket.socket = field(repr=False)
    state: State = State.STARTING
    failed: Failed | None = None
    # It says nothing any more: it has ended, or is about to.
    silent: bool = False
    _lines: messages.Lines = field(default_factory=messages.Lines, repr=False)

    def hear(self) -> list[Ready | Failed]:
        """Return what it has said since."""
        try:
            piece = self.control.recv(64 * 1024)
        except BlockingIOError:
            return []
        except OSError:
            piece = b""
        self.silent = not piece
        return [said for line in self._lines.take(piece) if (said := messages.read(line)) is not None]

    def tell(self, message: bytes) -> None:
        """Say something to it. Whether it still hears is seen when it ends."""
        with contextlib.suppress(OSError):
            self.control.sendall(message + b"\n")

    def ask_metrics(self) -> socket.socket | None:
        """Return a socket on which the worker writes its metrics, and then closes its end; None when it takes no question."""
        mine, its = socket.socketpair()
        with its:
            try:
                socket.send_fds(self.scrapes, [b"?"], [its.fileno()])
            except OSError:
                mine.close()
                return None
        return mine

    def close(self) -> None:
        """Let go of a worker that has ended."""
        self.control.close()
        self.scrapes.close()


def start_worker(
    errand: Mapping[str, object],
    *,
    generation: int,
    deadline: float,
    environ: Mapping[str, str],
    snapshot: Snapshot,
    command: Sequence[str] = COMMAND,
) -> Worker:
    """Start a fresh interpreter. `errand` holds what an Errand does beside its descriptors.

    Raises:
        OSError: there is no room for another process, or no such program any more.
    """
    control, its_control = socket.socketpair()
    # Datagrams: questions are whole, and each brings its own way for the answer.
    scrapes, its_scrapes = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with its_control, its_scrapes:
        whole = Errand(**errand, control=its_control.fileno(), scrapes=its_scrapes.fileno())  # type: ignore[arg-type]
        control.setblocking(False)
        scrapes.setblocking(False)
        try:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter, with an argument that we wrote
                [*command, whole.text()],
                env=snapshot.environ(environ),
                stdin=subprocess.DEVNULL,
                pass_fds=(whole.control, whole.scrapes, *snapshot.descriptors),
                # Ctrl-C at a terminal reaches the supervisor alone, which then tells the workers.
                process_group=0,
            )
        except OSError:
            control.close()
            scrapes.close()
            raise
    return Worker(
        serial=whole.serial,
        slot=whole.slot,
        generation=generation,
        deadline=deadline,
        process=process,
        control=control,
        scrapes=scrapes,
    )
