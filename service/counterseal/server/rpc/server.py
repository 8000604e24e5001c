"""The gRPC server: synchronous, a fixed number of threads, limits on everything that a stranger can send."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from counterseal.server.errors import ConfigError
from counterseal.server.lanes import ChangeLanes, Lane
from counterseal.server.rpc import reflection
from counterseal.server.rpc.gate import Handlers
from counterseal.server.rpc.health import HealthAnswers
from counterseal.server.rpc.patience import Patience
from counterseal.server.rpc.reflection import Reflection
from counterseal.server.rpc.services import SERVICES
from counterseal.server.settings import Address

HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
DESCRIBED: Final = (*SERVICES, HEALTH, reflection.SERVICE)

# Bearer tokens and a few tracing headers fit; floods of metadata do not.
_MAX_METADATA_BYTES: Final = 16 * 1024


# Threads that wait cost little, and threads that are missing stop everything. So there is room, beside those that work, for
# calls that wait for their message, for the store, for their turn to write to it, and for a revocation to be in force.
_WAIT_FOR_MESSAGE: Final = 128
# Keys that are waited for at once; many calls may wait for the same one.
WAIT_FOR_STORE: Final = 64
_SHARE_THAT_WAITS: Final = 2
# For the replay guard's memory, where that is over a network.
WAIT_FOR_GUARD: Final = 64
# In each of the lanes of what changes the store; and in each of the two that end something, for that to be in force.
_CHANGE_LANES: Final = len(fields(ChangeLanes))
_WAIT_TO_WRITE: Final = 32
_LANES_THAT_END: Final = 2
WAIT_FOR_BOUND: Final = 32
# For the turn to have a password hashed: those who sign in, and administrators, whose turns are their own.
WAIT_TO_HASH: Final = 32
WAIT_TO_HASH_FOR_ADMINISTRATORS: Final = 8
HASHED_FOR_ADMINISTRATORS: Final = 1
_SIDE_THREADS: Final = 16
# A message of 4 MiB in time needs 17 Mbit/s; while strangers keep half of the threads for messages waiting, a fourth of that.
_MESSAGE_SECONDS: Final = 2.0
_CROWDED_SECONDS: Final = 0.5
# What one connection may take of all calls, so that nobody uses up those of all others with a single one. Not much less: gRPC's
# clients hold back calls beyond it, but now and then open one too early, which the server refuses with UNAVAILABLE.
_SHARE_OF_CONNECTION: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """How much the server takes at once. Messages in bytes; calls count those that wait also; `threads` work.

    `sign_ins` are hashed at once; `wait_for_issuers` is how many calls may wait for the keys of identity providers.
    """

    message_bytes: int
    threads: int
    concurrent_calls: int
    sign_ins: int = 0
    wait_for_issuers: int = 0

    @property
    def wait_for_store(self) -> int:
        """How many calls may wait for keys from the store at once: half of all, so that those for cached keys find room."""
        return max(WAIT_FOR_STORE, self.concurrent_calls // _SHARE_THAT_WAITS)

    @property
    def pool(self) -> int:
        """How many threads there are at most."""
        return (
            self.threads
            + _CHANGE_LANES * (_changes_at_once(self.threads) + _WAIT_TO_WRITE)
            + _WAIT_FOR_MESSAGE
            + self.wait_for_store
            + WAIT_FOR_GUARD
            + _LANES_THAT_END * WAIT_FOR_BOUND
            + self.sign_ins
            + WAIT_TO_HASH
            + HASHED_FOR_ADMINISTRATORS
            + WAIT_TO_HASH_FOR_ADMINISTRATORS
            + self.wait_for_issuers
        )


def _changes_at_once(threads: int) -> int:
    return max(1, threads // 2)


def verify_lane(limits: ServerLimits) -> Lane:
    """Return the lane in which Verify works."""
    return Lane(limits.threads)


def change_lanes(limits: ServerLimits) -> ChangeLanes:
    """Return the lanes of what changes the store. Calls that wait for a locked store must not be in the way of Verify."""

    def lane() -> Lane:
        return Lane(_changes_at_once(limits.threads), most_waiting=_WAIT_TO_WRITE)

    return ChangeLanes(administration=lane(), entering=lane(), lasting=lane(), leaving=lane())


def message_patience() -> Patience:
    """Return the patience with calls that wait for their message in the server's own threads."""
    return Patience(seconds=_MESSAGE_SECONDS, hurry=_CROWDED_SECONDS, crowd=_WAIT_FOR_MESSAGE // 2)


def side_patience() -> Patience:
    """Return the patience with calls that wait for their peer in the side pool."""
    return Patience(seconds=_MESSAGE_SECONDS, hurry=_CROWDED_SECONDS, crowd=_SIDE_THREADS // 2)


def build_side_pool() -> ThreadPoolExecutor:
    """Return the threads for health, and for beginning reflection."""
    return ThreadPoolExecutor(_SIDE_THREADS, thread_name_prefix="counterseal-side")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPort:
    """How a worker leaves others on the port their part: connections end after `age` seconds, their calls `grace` later.

    An age of 0 is none: connections stay for as long as clients keep them.
    """

    age: float
    grace: float


def build_server(limits: ServerLimits, shared: SharedPort | None = None) -> grpc.Server:
    """Return a server without services. Beyond `concurrent_calls` gRPC itself answers RESOURCE_EXHAUSTED."""
    return grpc.server(
        ThreadPoolExecutor(limits.pool, thread_name_prefix="counterseal-rpc"),
        maximum_concurrent_rpcs=limits.concurrent_calls,
        options=_options(limits, shared),
    )


def _options(limits: ServerLimits, shared: SharedPort | None) -> Sequence[tuple[str, int]]:
    return (
        *_port_options(shared),
        # Twice the limit: up to there our own gate refuses, with an ErrorInfo; beyond, gRPC does, without one.
        ("grpc.max_receive_message_length", 2 * limits.message_bytes),
        ("grpc.max_send_message_length", 2 * limits.message_bytes),
        ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", 2 * _MAX_METADATA_BYTES),
        ("grpc.max_concurrent_streams", max(2, limits.concurrent_calls // _SHARE_OF_CONNECTION)),
        # Dead peers are noticed after 80 s; clients may ping every 10 s, not more often.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    )


def _port_options(shared: SharedPort | None) -> Sequence[tuple[str, int]]:
    # A second server on the same port must fail to start, not silently take half of the calls. Workers of one service share it:
    # their supervisor holds it against all others.
    if shared is None or shared.age == 0:
        return (("grpc.so_reuseport", int(shared is not None)),)
    return (
        ("grpc.so_reuseport", 1),
        ("grpc.max_connection_age_ms", max(1, int(shared.age * 1000))),
        ("grpc.max_connection_age_grace_ms", max(1, int(shared.grace * 1000))),
    )


def add_services(server: grpc.Server, *, ours: Sequence[Handlers], health: HealthAnswers, reflector: Reflection) -> None:
    """Add our services, in the order of `SERVICES`, and health and reflection, which know no secrets."""
    for name, handlers in zip(SERVICES, ours, strict=True):
        _add(server, name, handlers)
    _add(server, HEALTH, health.handlers())
    _add(server, reflection.SERVICE, reflector.handlers())


def _add(server: grpc.Server, name: str, handlers: Handlers) -> None:
    # Both, as generated code does: registered methods are found faster, generic ones by every kind of client.
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    server.add_registered_method_handlers(name, handlers)


def listen(server: grpc.Server, address: Address, credentials: grpc.ServerCredentials | None) -> Address:
    """Bind, and return the address with its real port.

    Raises:
        ConfigError: somebody else listens there, or the address is not this machine's.
    """
    try:
        if credentials is None:
            port = server.add_insecure_port(str(address))
        else:
            port = server.add_secure_port(str(address), credentials)
    except RuntimeError:
        port = 0
    if port == 0:
        certificate = "" if credentials is None else "; or gRPC cannot use the certificate in COUNTERSEAL_TLS_CERT"
        raise ConfigError(
            f"COUNTERSEAL_LISTEN: cannot listen on {address}: in use by another process, or not this machine's{certificate}"
        )
    return Address(host=address.host, port=port)
