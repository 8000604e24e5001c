"""The administrator's connection: where a server listens, and the channel that leads there."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from counterseal.server.rpc import client_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a server listens and how to reach it. `timeout` is the deadline of each call, in seconds.

    `ca` None and `tls` set: the system's own certificate authorities. `token` empty: none is sent.
    """

    address: str
    token: str = field(default="", repr=False)
    tls: bool = False
    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    timeout: float = 10.0


def open_channel(endpoint: Endpoint) -> grpc.Channel:
    """Return a channel to the endpoint; it connects with the first call.

    Raises:
        PlaintextRefused: a bearer token would leave this machine unencrypted.
        UnreadableFile: a certificate or key cannot be read.
    """
    loopback = _is_loopback(endpoint.address)
    # A proxy from the environment must not stand between us and this very machine.
    options = [("grpc.enable_http_proxy", 0)] if loopback else []
    if endpoint.tls or endpoint.ca is not None:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=_read(endpoint.ca),
            private_key=_read(endpoint.client_key),
            certificate_chain=_read(endpoint.client_certificate),
        )
        return grpc.secure_channel(endpoint.address, credentials, options=options)
    if endpoint.token and not loopback:
        raise client_errors.PlaintextRefused(
            f"{endpoint.address} is not on this machine, and the bearer token would travel unencrypted: give --tls or --ca FILE"
        )
    return grpc.insecure_channel(endpoint.address, options=options)


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise client_errors.UnreadableFile(f"cannot read {path}: {error.strerror}") from None


def _is_loopback(address: str) -> bool:
    """Whether the address stays on this machine. Names other than `localhost` are not looked up, and count as remote."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
