"""Leaving the port without refusing anybody: how a worker that is replaced gives up its connections.

gRPC's own stop cancels calls that were received and not yet handed to a thread (measured: about one for each connection under
load). So the listener goes first, the connections go by their age (gRPC sends a GOAWAY in two steps, and clients open the next
connection at another worker), and the server is stopped when there are none left.
"""

import contextlib
import ctypes
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

# gRPC spreads ages by a tenth.
_JITTER: Final = 1.1
_TICK_SECONDS: Final = 0.1
# Handshakes that have begun are completed, and connections in the queue accepted.
_HANDSHAKE_SECONDS: Final = 0.25

_SO_ATTACH_FILTER: Final = 26
# Classic BPF over the TCP header: load the flags, keep SYN and ACK of them, drop what has SYN alone, let the rest pass.
_DROP_SYN: Final = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF_FFFF))


def leave_port(port: int) -> None:
    """Accept no more connections. Those that were being made are completed first.

    A listener that closes resets the connections in its queue (unless net.ipv4.tcp_migrate_req is set, which is not for us to
    do). So for a moment it hears no new ones; whoever is not heard asks again after a second, and then finds another listener.
    """
    listeners = [descriptor for descriptor, listening in _sockets(port) if listening]
    if sys.platform == "linux":
        for descriptor in listeners:
            _drop_new(descriptor)
        time.sleep(_HANDSHAKE_SECONDS)
    # gRPC goes on holding the number, and closes it in the end. Behind it there is now a socket that nobody can reach.
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.setblocking(False)
        for descriptor in listeners:
            os.dup2(deaf.fileno(), descriptor, inheritable=False)


def wait_until_alone(port: int, *, age: float, grace: float, hurry: Callable[[], bool]) -> bool:
    """Wait until no connection is left, or none can be: `age` and `grace` seconds. Say whether none is.

    An age of 0 means that connections have none: then it is `grace` alone. `hurry` says whether to wait no longer.
    """
    end = time.monotonic() + age * _JITTER + grace
    while count_connections(port):
        if time.monotonic() > end or hurry():
            return False
        time.sleep(_TICK_SECONDS)
    return True


def count_connections(port: int) -> int:
    """Return how many connections to the port this process holds."""
    return sum(not listening for _, listening in _sockets(port))


def _sockets(port: int) -> Iterator[tuple[int, bool]]:
    """Yield descriptor, and whether it listens, of this process's TCP sockets on that port."""
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            if (listening := _on_port(int(name), port)) is not None:
                yield int(name), listening


def _on_port(descriptor: int, port: int) -> bool | None:
    copy = os.dup(descriptor)
    try:
        held = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None
    with held:
        if held.family not in {socket.AF_INET, socket.AF_INET6} or held.getsockname()[1] != port:
            return None
        return bool(held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _drop_new(descriptor: int) -> None:
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in _DROP_SYN))
    with socket.socket(fileno=os.dup(descriptor)) as held, contextlib.suppress(OSError):
        held.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HL", len(_DROP_SYN), ctypes.addressof(program)))
