"""Real servers for tests: started from Debian packages on a free loopback port, in a folder of their own, gone at the end."""

import atexit
import contextlib
import functools
import itertools
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, TypeVar

# Far more than needed: a machine that runs all tests at once may not come to one program for many seconds.
START_SECONDS = 150
_NUMBERS = itertools.count(1)
# Below those that Linux gives to whoever connects, or listens on any.
_PORTS = range(20_000, 32_768)
# Those of this process, which lets go of them by ending.
_claims: list[socket.socket] = []


def claim_port() -> tuple[int, socket.socket]:
    """Return a loopback port, and what keeps it from other test processes until it is closed.

    A server that starts late on it, or comes back after a while, finds it as free as it was.
    """
    for port in random.SystemRandom().sample(_PORTS, k=100):
        claim = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), socket.socket() as probe:
            # An abstract name is one socket's alone, and gone with its process.
            claim.bind(f"\0counterseal-test-port-{port}")
            probe.bind(("127.0.0.1", port))
            return port, claim
        claim.close()
    raise RuntimeError("no port is free")


def free_port() -> int:
    """Return a loopback port that nobody listens on, and that nobody else will be given as long as this process lives."""
    port, claim = claim_port()
    _claims.append(claim)
    return port


def unique_name(prefix: str = "t") -> str:
    """Return a name that no other test of this run uses."""
    return f"{prefix}{os.getpid()}_{next(_NUMBERS)}"


# Reads `pid folder` lines until the process that started it is gone, whatever killed it; then ends what is left.
_GUARD = """
while read -r pid folder; do left="$left $pid:$folder"; done
for one in $left; do
  pid=${one%%:*} folder=${one#*:}
  case "$(readlink /proc/$pid/cwd)" in "$folder"*) kill -CONT $pid; kill -9 $pid;; esac
done
for one in $left; do rm -rf "${one#*:}"; done
"""


@functools.cache
def _guard() -> "subprocess.Popen[bytes]":
    """The guardian of this process's servers: atexit alone does not see a process that is killed."""
    return subprocess.Popen(["sh", "-c", _GUARD], stdin=subprocess.PIPE, start_new_session=True)


class Daemon:
    """A server process. `command` and `is_ready` are the subclass's; everything else is here."""

    # Whom to be when the test runs as root: most databases refuse to run as root.
    user: ClassVar[str] = "nobody"
    stop_signal: ClassVar[int] = signal.SIGTERM

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="counterseal-daemon-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.give(self.folder)
        atexit.register(self.close)

    def command(self) -> list[str]:
        """Return the command line that runs the server in the foreground."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Say whether the server answers; called again and again while it starts."""
        raise NotImplementedError

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def account(self) -> pwd.struct_passwd | None:
        """Return whom the server runs as, None for whoever runs the tests."""
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam(self.user)
        except KeyError:
            return pwd.getpwnam("nobody")

    def give(self, path: Path) -> None:
        """Let the server's user own the file or the folder."""
        account = self.account()
        if account is not None:
            os.chown(path, account.pw_uid, account.pw_gid)

    def launch(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        """Start a program as the server's user, its output in a file of the folder."""
        account = self.account()
        who = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid}
        with (self.folder / log).open("ab") as out:
            started: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.folder), "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                extra_groups=None if account is None else [account.pw_gid],
                **who,  # type: ignore[call-overload]
            )
            return started

    def run(self, command: list[str]) -> None:
        """Run a program to its end as the server's user."""
        code = self.launch(command, "prepare.log").wait(START_SECONDS)
        if code != 0:
            raise RuntimeError(f"{command[0]} ended with {code}: {(self.folder / 'prepare.log').read_text(errors='replace')}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.process = self.launch(self.command(), "server.log")
        guard = _guard().stdin
        assert guard is not None
        guard.write(f"{self.process.pid} {self.folder}\n".encode())
        guard.flush()
        end = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{type(self).__name__} did not start: {self.log()[-4000:]}")
            time.sleep(0.02)

    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def stop(self) -> None:
        """Stop in an orderly way."""
        if self.process is not None and self.process.poll() is None:
            self.resume()
            self.process.send_signal(self.stop_signal)
            self.process.wait(START_SECONDS)

    def kill(self) -> None:
        """kill -9, children and all: no handler runs, no buffer is flushed."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)  # no further children while they are counted
            family = [*children(self.process.pid), self.process.pid]
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait(START_SECONDS)
            wait_gone(family)

    def restart(self) -> None:
        """Stop if it runs, start on the same port with the same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP for all of it: connections stay open and nobody answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int) -> None:
        assert self.process is not None
        for pid in (self.process.pid, *children(self.process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self) -> None:
        """Stop for good and remove the folder. May be called twice."""
        atexit.unregister(self.close)
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def children(pid: int) -> list[int]:
    """Return the process's children. Read from /proc: a server's children may be in sessions of their own."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def wait_gone(pids: list[int]) -> None:
    """Wait until killed processes are gone or are mere entries that nobody has waited for."""
    end = time.monotonic() + START_SECONDS
    for pid in pids:
        while time.monotonic() < end:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                break
            if state == "Z":
                break
            time.sleep(0.01)


_D = TypeVar("_D", bound=Daemon)


@contextlib.contextmanager
def running(make: Callable[[], _D]) -> Iterator[_D]:
    """Start one and close it at the end."""
    daemon = make()
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.close()
