"""Where the service is, how to reach it and how long to wait: what `Verifier` and `AsyncVerifier` share."""

import ipaddress
import random
from dataclasses import dataclass, field
from typing import Final

import grpc

from counterseal_client._reasons import reason_in
from counterseal_client.errors import CallerRefused, RequestNotAccepted, VerifierError, VerifierUnavailable

_RANDOM: Final = random.SystemRandom()

# Without its own subchannel pool every channel to one address shares one connection, and a server of several processes
# (SO_REUSEPORT balances per connection) would see a gateway on one of them only. gRPC's own retries are off: one policy is
# enough, and it has to keep the request id. HTTP proxies of the environment are not used: gRPC would hand even calls to
# 127.0.0.1 to what `http_proxy` names, in plaintext, with the bearer token and all that the clients signed. A lost
# connection is tried again within a second, not within two minutes.
CHANNEL_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM bytes for TLS. `root_certificates` None: the system's. Key and certificate chain together make it mutual."""

    root_certificates: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    certificate_chain: bytes | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Return them as gRPC takes them. Raises ValueError when only one of key and chain is given."""
        if (self.private_key is None) != (self.certificate_chain is None):
            raise ValueError("mutual TLS needs private_key and certificate_chain")
        return grpc.ssl_channel_credentials(self.root_certificates, self.private_key, self.certificate_chain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach the service.

    `address` is `host:port` or another gRPC target; without `tls` only loopback addresses and Unix sockets are accepted, unless
    `allow_plaintext` says that something else (a mesh) encrypts. `timeout` is the deadline of one `verify` in seconds, all its
    attempts and pauses included. `channels` is the number of connections. `attempts` is how often UNAVAILABLE is tried at most;
    pauses are random between 0 and `backoff` seconds, doubled with every attempt.
    """

    address: str
    bearer_token: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    allow_plaintext: bool = False
    timeout: float = 1.0
    channels: int = 2
    attempts: int = 3
    backoff: float = 0.05

    def __post_init__(self) -> None:
        if self.timeout <= 0 or self.backoff < 0:
            raise ValueError("timeout must be above 0 seconds, backoff at least 0")
        if self.channels < 1 or self.attempts < 1:
            raise ValueError("channels and attempts must be at least 1")
        if self.tls is None and not self.allow_plaintext and not _is_local(self.address):
            raise ValueError(f"{self.address} is not a loopback address: give tls, or allow_plaintext=True")

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what every call carries: the caller's own credentials."""
        return (("authorization", f"Bearer {self.bearer_token}"),) if self.bearer_token else ()

    def pause(self, attempt: int, left: float) -> float | None:
        """Return how many seconds to wait after failed attempt number `attempt` (from 1), None to give up.

        `left` is the time to the deadline in seconds. The pause is random, so that gateways that lost the same service at the
        same moment do not come back at the same moment.
        """
        if attempt >= self.attempts:
            return None
        pause = _RANDOM.uniform(0, self.backoff * 2 ** (attempt - 1))
        return pause if pause < left else None


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    """Return the code of a failed call. gRPC promises one on every error that a call raises, but not in its types."""
    code = getattr(error, "code", lambda: None)()
    return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN


def may_retry(error: grpc.RpcError) -> bool:
    """Whether a failed call is worth another attempt: UNAVAILABLE and nothing else, as the service's contract says."""
    return code_of(error) is grpc.StatusCode.UNAVAILABLE


def to_error(error: grpc.RpcError) -> VerifierError:
    """Return the client's error for a failed call."""
    code = code_of(error)
    text = f"{code.name}: {getattr(error, 'details', str)() or ''}"
    reason = reason_in(getattr(error, "trailing_metadata", tuple)(), code.value[0])
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return RequestNotAccepted(text, code=code.name, reason=reason)
    if code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}:
        return CallerRefused(text, code=code.name, reason=reason)
    return VerifierUnavailable(text, code=code.name, reason=reason)


def _is_local(address: str) -> bool:
    """Whether a gRPC target stays on this machine: a Unix socket, `localhost`, or a loopback address."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    target = address.removeprefix("dns:///").removeprefix("ipv4:").removeprefix("ipv6:")
    host = target.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
