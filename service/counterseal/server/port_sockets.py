"""This process's sockets on a TCP port: found by their descriptors, since gRPC shows them to nobody."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from typing import Final

_TICK_SECONDS: Final = 0.02
_CUT_SECONDS: Final = 5.0


def sockets_on(port: int) -> Iterator[tuple[int, bool]]:
    """Yield descriptor, and whether it listens, of this process's TCP sockets on that port that listen or are connected."""
    names: list[str] = []
    with contextlib.suppress(OSError):  # no such folder: a system without, or a jail
        names = os.listdir("/dev/fd")
    for name in names:
        with contextlib.suppress(OSError):
            if (listening := _on_port(int(name), port)) is not None:
                yield int(name), listening


def listeners_on(port: int) -> list[int]:
    """Return the descriptors of those that listen."""
    return [descriptor for descriptor, listening in sockets_on(port) if listening]


def deafen(listeners: list[int]) -> None:
    """Take listeners off their port. Connections in their queues are reset."""
    # gRPC goes on holding the number, and closes it in the end. Behind it there is now a socket that nobody can reach.
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.setblocking(False)
        for descriptor in listeners:
            os.dup2(deaf.fileno(), descriptor, inheritable=False)


def cut(port: int, keep: frozenset[str] = frozenset()) -> None:
    """End connections to the port, and take no more. Returns when none is left, or after some seconds.

    Those from peers whose ports `keep` names stay. gRPC takes each of the others for ended by its client, and the client takes
    it for lost: a call on it is UNAVAILABLE there.
    """
    deafen(listeners_on(port))
    end = time.monotonic() + _CUT_SECONDS
    # All of them in each turn, and again: a connection may be just being accepted.
    while sum(_cut(descriptor, port, keep) for descriptor, _ in sockets_on(port)) and time.monotonic() < end:
        time.sleep(_TICK_SECONDS)


def _cut(descriptor: int, port: int, keep: frozenset[str]) -> bool:
    """End a connection; say whether there was one to end."""
    with contextlib.suppress(OSError), _copy(descriptor) as held:
        # Asked anew: the descriptor may be another socket's by now.
        if held.getsockname()[1] == port and str(held.getpeername()[1]) not in keep:
            held.shutdown(socket.SHUT_RD)
            return True
    return False


def _copy(descriptor: int) -> socket.socket:
    """Return a socket of our own for the same end. Raises OSError for what is no socket."""
    copy = os.dup(descriptor)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise


def _on_port(descriptor: int, port: int) -> bool | None:
    """Say whether it listens, or is connected; None for sockets elsewhere. Raises OSError for others, and what is no socket."""
    with _copy(descriptor) as held:
        if held.family not in {socket.AF_INET, socket.AF_INET6} or held.getsockname()[1] != port:
            return None
        if held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return True
        held.getpeername()  # raises for a socket that is merely bound
        return False
