"""What answers beside our own services, and how the server listens."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from counterseal.server.config import Config
from counterseal.server.rolled_back import RollbackWatch
from counterseal.server.rpc.gate import Gate
from counterseal.server.rpc.health import StoreHealth
from counterseal.server.rpc.reflection import Reflection
from counterseal.server.rpc.server import DESCRIBED, ServerLimits, SharedPort, side_patience
from counterseal.server.rpc.services import SERVICES
from counterseal.server.rpc.tls import TlsFiles, server_credentials
from counterseal.server.sessions.jwks import MOST_WAITING
from counterseal.server.store.engine import KeyStore
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics

if TYPE_CHECKING:
    import grpc


def build_health(
    store: KeyStore, watch: RollbackWatch, metrics: Metrics, log: Log, side_pool: ThreadPoolExecutor, parts: ExitStack
) -> StoreHealth:
    """Return what answers health checks: whether the store does, and is no earlier state of itself."""
    patience = side_patience()
    parts.callback(patience.close)

    def ping() -> None:
        watch.admit()
        store.ping()

    return StoreHealth(ping=ping, services=SERVICES, up=metrics.store_up, log=log, pool=side_pool, patience=patience)


def build_reflection(config: Config, gate: Gate, log: Log, side_pool: ThreadPoolExecutor) -> Reflection:
    """Anybody on this machine may ask; beyond it, whoever is known."""

    def admit(context: "grpc.ServicerContext") -> None:
        if not config.listen.is_loopback:
            gate.admit("ServerReflectionInfo", context)

    return Reflection(DESCRIBED, admit=admit, pool=side_pool, log=log)


def server_limits(config: Config) -> ServerLimits:
    """Return how much the server takes at once."""
    return ServerLimits(
        message_bytes=config.max_message_bytes,
        threads=config.threads,
        concurrent_calls=config.max_concurrent_calls,
        sign_ins=config.sign_ins_at_once,
        wait_for_issuers=MOST_WAITING * len({setting.jwks_url for setting in config.oidc}),
    )


def port_sharing(config: Config) -> SharedPort:
    """Return how a worker shares the port with others."""
    return SharedPort(age=config.max_connection_age, grace=config.stop_grace)


def listener_credentials(config: Config, log: Log) -> "grpc.ServerCredentials | None":
    """Return what the listener presents; None without TLS."""
    if config.tls_cert is None or config.tls_key is None:
        return None
    return server_credentials(TlsFiles(cert=config.tls_cert, key=config.tls_key, client_ca=config.tls_client_ca), log)
