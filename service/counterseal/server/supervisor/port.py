"""One port for all workers, taken by the supervisor before there is any."""

import socket
from dataclasses import dataclass, field

from counterseal.server.errors import ConfigError
from counterseal.server.settings import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A bound socket that never listens: it gets no connections, and keeps everybody out but our own workers."""

    address: Address
    _socket: socket.socket = field(repr=False)

    def close(self) -> None:
        """Let go of the port."""
        self._socket.close()


def reserve(address: Address) -> Reservation:
    """Take the port for processes of this user that ask for it with SO_REUSEPORT. Port 0 takes any free one.

    Raises:
        ConfigError: somebody else has it, workers of another server among them; or the address is not this machine's.
    """
    held = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Bound like somebody who shares with nobody, so that a port in use by other workers is refused; beside connections of
        # a former server that wait for their end. Only then opened to workers, and closed to a second supervisor.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((address.host, address.port))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        held.close()
        raise ConfigError(
            f"COUNTERSEAL_LISTEN: cannot listen on {address}: in use by another process, or not this machine's"
        ) from None
    return Reservation(address=Address(host=address.host, port=held.getsockname()[1]), _socket=held)
