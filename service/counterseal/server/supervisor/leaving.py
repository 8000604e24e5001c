"""Leaving the port without refusing anybody: how a worker that is replaced gives up its connections.

gRPC's own stop cancels calls that were received and not yet handed to a thread (measured: about one for each connection under
load). So the listener goes first, the connections go by their age (gRPC sends a GOAWAY in two steps, and clients open the next
connection at another worker), and the server is stopped when there are none left.
"""

import ctypes
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Final

from counterseal.server.port_sockets import deafen, listeners_on, sockets_on

# gRPC spreads ages by a tenth.
_JITTER: Final = 1.1
_TICK_SECONDS: Final = 0.1
# For handshakes that have begun, and connections in the queue: a second where new ones are led elsewhere, less where they wait.
_STEERED_SECONDS: Final = 1.0
_UNHEARD_SECONDS: Final = 0.25
# For a busy machine to accept what is in the queue after that: longer where nobody else waits for it.
_STEERED_QUEUE_SECONDS: Final = 60.0
_UNHEARD_QUEUE_SECONDS: Final = 10.0
# Where `struct tcp_info` has tcpi_unacked: of a listener, how many connections wait to be accepted.
_WAITING_AT: Final = slice(24, 28)

_Program = tuple[tuple[int, int, int, int], ...]
_SO_ATTACH_FILTER: Final = 26
_SO_ATTACH_REUSEPORT_CBPF: Final = 51
# Classic BPF over the TCP header: load the flags, keep SYN and ACK of them, drop what has SYN alone, let the rest pass.
_DROP_SYN: Final[_Program] = (
    (0x30, 0, 0, 13),
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFF_FFFF),
)
# There is no such listener: the kernel goes back to choosing by a hash of the addresses.
_ANY: Final = 0xFFFF_FFFF


def leave_port(port: int, first_new: int | None = None) -> None:
    """Accept no more connections. Those that were being made are completed first.

    A listener that closes resets the connections in its queue (unless net.ipv4.tcp_migrate_req is set, which is not for us to
    do). So for a moment it gets no new ones. `first_new` is the place of a listener that stays, in the order in which those on
    the port began to listen: it gets all. Where there is none, new ones are not heard: whoever is not heard asks again after a
    second, and then finds another listener.
    """
    listeners = listeners_on(port)
    if sys.platform == "linux":
        # One listener runs the program for all on the port.
        steered = first_new is not None and all(
            _run(descriptor, _SO_ATTACH_REUSEPORT_CBPF, _choose(first_new)) for descriptor in listeners
        )
        if not steered:
            for descriptor in listeners:
                _run(descriptor, _SO_ATTACH_FILTER, _DROP_SYN)
        time.sleep(_STEERED_SECONDS if steered else _UNHEARD_SECONDS)
        end = time.monotonic() + (_STEERED_QUEUE_SECONDS if steered else _UNHEARD_QUEUE_SECONDS)
        while any(map(_waiting, listeners)) and time.monotonic() < end:
            time.sleep(_TICK_SECONDS)
    deafen(listeners)


def join_port(port: int) -> None:
    """Undo what those who left last did: from now on every listener has its part again."""
    if sys.platform == "linux":
        for descriptor in listeners_on(port):
            _run(descriptor, _SO_ATTACH_REUSEPORT_CBPF, _choose(_ANY))


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
    return sum(not listening for _, listening in sockets_on(port))


def _waiting(listener: int) -> int:
    """Return how many connections wait in the listener's queue."""
    with socket.socket(fileno=os.dup(listener)) as held:
        return int.from_bytes(held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[_WAITING_AT], sys.byteorder)


def _choose(place: int) -> _Program:
    """Return the program that gives every new connection to one listener.

    The kernel keeps those on a port in a row, puts new ones at its end, and fills a gap with the last one. So the place behind
    all old listeners is a new one's, also while the old ones go, if there are as many new ones; and then it is nobody's, which
    lets the kernel choose freely again.
    """
    return ((0x06, 0, 0, place),)


def _run(descriptor: int, option: int, program: _Program) -> bool:
    """Have the kernel run a program for a listener; say whether it does."""
    steps = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    with socket.socket(fileno=os.dup(descriptor)) as held:
        try:
            held.setsockopt(socket.SOL_SOCKET, option, struct.pack("@HL", len(program), ctypes.addressof(steps)))
        except OSError:
            return False
    return True
