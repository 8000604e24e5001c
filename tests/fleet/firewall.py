"""The machine's own packet filter, where a test may use it. What it drops is lost on the way: no end is told anything."""

import contextlib
import functools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from typing import Final

# `-w`: others on this machine may be changing the rules too.
_IPTABLES: Final = ("iptables", "-w")
# Seen from who connects to the port: what it sends, what it is sent, both.
WAYS: Final[Sequence[tuple[str, ...]]] = (("--dport",), ("--sport",), ("--dport", "--sport"))


@contextlib.contextmanager
def dropping(port: int, ends: Sequence[str]) -> Iterator[None]:
    """Drop what is sent to (`--dport`) or from (`--sport`) a loopback port, until the end."""
    with contextlib.ExitStack() as rules:
        for end in ends:
            rule = ("OUTPUT", "-o", "lo", "-p", "tcp", end, str(port), "-j", "DROP")
            _run("-I", *rule)
            rules.callback(_run, "-D", *rule)
        yield


def _run(*arguments: str) -> None:
    subprocess.run([*_IPTABLES, *arguments], check=True, capture_output=True, timeout=60)


@functools.cache
def works() -> bool:
    """Say whether rules can be made here, and drop: in some sandboxes they are taken and mean nothing."""
    if os.geteuid() != 0 or shutil.which(_IPTABLES[0]) is None:
        return False
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        try:
            with dropping(address[1], ("--dport",)), socket.create_connection(address, timeout=1):
                return False
        except subprocess.SubprocessError:
            return False
        except TimeoutError:
            return True
