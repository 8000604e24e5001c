"""What a client of the service can meet beside the errors of `server/errors.py`. Free of gRPC, so that it imports quickly."""

from counterseal.server.errors import ServiceError


class ServerUnreachable(ServiceError):
    """Nothing answered at the address: no server, no network, or no TLS where TLS was expected."""

    def __init__(self, address: str, detail: str = "") -> None:
        super().__init__(f"no counterseal server answers at {address}" + (f" ({detail})" if detail else ""))
        self.address = address


class ServerBusy(ServiceError):
    """The server is stopping, or takes no more work at once. Retry later."""


class CallTimedOut(ServiceError):
    """The call's deadline passed first: whether it took effect is not known."""


class ServerDefect(ServiceError):
    """The server reports a defect of its own, or its answer cannot be understood. Never means verified."""


class PlaintextRefused(ServiceError):
    """A bearer token is not sent over an unencrypted connection that leaves this machine."""


class UnreadableFile(ServiceError):
    """A file that the connection needs, such as a CA certificate, cannot be read."""
