"""The gRPC server: synchronous, a fixed number of threads, limits on everything that a stranger can send."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from counterseal.server.errors import ConfigError
from counterseal.server.rpc.gate import Gate, Handlers, admit_admin, admit_anyone
from counterseal.server.rpc.health import StoreHealth
from counterseal.server.rpc.key_admin import KeyHandlers
from counterseal.server.rpc.verification import VerificationHandlers
from counterseal.server.settings import Address
from counterseal.server.telemetry.metrics import Metrics
from counterseal.v1 import keys_pb2, verification_pb2

VERIFICATION: Final = verification_pb2.DESCRIPTOR.services_by_name["VerificationService"]
KEYS: Final = keys_pb2.DESCRIPTOR.services_by_name["KeyService"]
SERVICES: Final = (VERIFICATION.full_name, KEYS.full_name)

# Bearer tokens and a few tracing headers fit; floods of metadata do not.
_MAX_METADATA_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """How much the server takes at once. Messages in bytes; calls count those that wait also."""

    message_bytes: int
    threads: int
    concurrent_calls: int


def build_side_pool() -> ThreadPoolExecutor:
    """Return the few threads for health watches and reflection."""
    return ThreadPoolExecutor(4, thread_name_prefix="counterseal-side")


def build_server(limits: ServerLimits) -> grpc.Server:
    """Return a server without services. Beyond `concurrent_calls` gRPC itself answers RESOURCE_EXHAUSTED."""
    return grpc.server(
        ThreadPoolExecutor(limits.threads, thread_name_prefix="counterseal-rpc"),
        maximum_concurrent_rpcs=limits.concurrent_calls,
        options=_options(limits),
    )


def _options(limits: ServerLimits) -> Sequence[tuple[str, int]]:
    return (
        # A second server on the same port must fail to start, not silently take half of the calls.
        ("grpc.so_reuseport", 0),
        # Twice the limit: up to there our own gate refuses, with an ErrorInfo; beyond, gRPC does, without one.
        ("grpc.max_receive_message_length", 2 * limits.message_bytes),
        ("grpc.max_send_message_length", 2 * limits.message_bytes),
        ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", 2 * _MAX_METADATA_BYTES),
        ("grpc.max_concurrent_streams", limits.concurrent_calls),
        # Dead peers are noticed after 80 s; clients may ping every 10 s, not more often.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    )


def add_services(
    server: grpc.Server,
    *,
    gate: Gate,
    metrics: Metrics,
    verification: VerificationHandlers,
    keys: KeyHandlers,
    health: StoreHealth,
    side_pool: ThreadPoolExecutor,
) -> None:
    """Add our services behind the gate, and health and reflection, which answer everybody and know no secrets.

    `side_pool` is for streams: whoever opens one and neither reads nor writes holds a thread of it, and none that verifies.
    """
    verify = gate.handlers(VERIFICATION, {"Verify": verification.verify}, admit_anyone, metrics.verify_seconds.observe)
    administer = gate.handlers(
        KEYS,
        {
            "IssueKey": keys.issue_key,
            "GetKey": keys.get_key,
            "ListKeys": keys.list_keys,
            "UpdateKey": keys.update_key,
            "Revoke": keys.revoke,
        },
        admit_admin,
    )
    for name, handlers in ((VERIFICATION.full_name, verify), (KEYS.full_name, administer)):
        _add(server, name, handlers)
    health_pb2_grpc.add_HealthServicer_to_server(health.answers, server)
    described = (*SERVICES, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
    reflector = reflection.ReflectionServicer(described)
    reflector.ServerReflectionInfo = partial(reflector.ServerReflectionInfo)  # which takes attributes, as a method does not
    reflector.ServerReflectionInfo.experimental_thread_pool = side_pool
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflector, server)


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
        raise ConfigError(f"COUNTERSEAL_LISTEN: cannot listen on {address}: in use by another process, or not this machine's")
    return Address(host=address.host, port=port)
