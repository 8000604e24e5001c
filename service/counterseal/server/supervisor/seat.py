"""A worker's side of the bond with its supervisor."""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import threading
from typing import Final

from prometheus_client import CollectorRegistry

from counterseal.server.supervisor import messages
from counterseal.server.supervisor.messages import Errand, Failed, Ready
from counterseal.server.telemetry.merge import dump

_PR_SET_PDEATHSIG: Final = 1
_SCRAPE_SECONDS: Final = 5.0


class Seat:
    """Where a worker sits: it hears there when to stop, answers there for its metrics, and goes when the supervisor goes.

    `asked` is set once the worker is to end. `retiring` then says how: other workers stand ready to take over its connections.
    """

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        self.asked = threading.Event()
        self.retiring = False
        # For `leave_port`.
        self.first_new: int | None = None
        # Set by `stop` alone: it also cuts a retirement short.
        self.stopping = threading.Event()
        self._control = socket.socket(fileno=errand.control)
        self._scrapes = socket.socket(fileno=errand.scrapes)
        for held in (self._control, self._scrapes):
            held.set_inheritable(False)
        _die_with(errand.supervisor)
        threading.Thread(target=self._listen, name="counterseal-seat", daemon=True).start()

    def pin(self) -> None:
        """Stay on one core, another for each slot, of those that this process may use. Does nothing where there is no way."""
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {cores[self.errand.slot % len(cores)]})

    def ready(self, said: Ready) -> None:
        """Tell the supervisor that this worker answers."""
        self._control.sendall(messages.write(said))

    def failed(self, text: str, code: int) -> None:
        """Tell the supervisor why this worker cannot start."""
        with contextlib.suppress(OSError):
            self._control.sendall(messages.write(Failed(text=text, code=code)))

    def show(self, registry: CollectorRegistry) -> None:
        """Answer for these metrics, from now on."""
        threading.Thread(target=self._answer_scrapes, args=(registry,), name="counterseal-metrics", daemon=True).start()

    def stop(self) -> None:
        """End, as if the supervisor had said so. Also called by the handlers of signals."""
        self.stopping.set()
        self.asked.set()

    def _listen(self) -> None:
        lines = messages.Lines()
        with contextlib.suppress(OSError):
            while piece := self._control.recv(4096):
                for line in lines.take(piece):
                    self._hear(line)
        # The supervisor is gone. Nobody would replace this worker, or end it; and a new server needs the port.
        os._exit(os.EX_SOFTWARE)

    def _hear(self, line: bytes) -> None:
        if line == messages.STOP:
            self.stop()
        elif line.split()[:1] == [messages.RETIRE]:
            place = line.split()[1:]
            self.first_new = int(place[0]) if place and place[0].isdigit() else None
            self.retiring = True
            self.asked.set()

    def _answer_scrapes(self, registry: CollectorRegistry) -> None:
        while True:
            _, descriptors, _, _ = socket.recv_fds(self._scrapes, 16, 1)
            for descriptor in descriptors:
                with contextlib.suppress(OSError), socket.socket(fileno=descriptor) as answer:
                    answer.settimeout(_SCRAPE_SECONDS)
                    answer.sendall(dump(registry))


def _die_with(supervisor: int) -> None:
    """Have the kernel end this process when the supervisor dies: also one that hangs must not keep the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(os.EX_SOFTWARE)  # it died before the kernel was asked
