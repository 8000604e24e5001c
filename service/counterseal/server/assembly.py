"""The second page of the composition root: how single parts are made of the settings. Only `app.py` uses it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from counterseal.core.model import Derive
from counterseal.server.callers import Caller, CallerBook, Role, admin_token, call_book
from counterseal.server.config import Config
from counterseal.server.data_folder import make_folder, read_master_keys
from counterseal.server.keys.cache import CachedKeyRing, CacheLimits
from counterseal.server.keys.canary import check_master_keys
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.flight import SingleFlightKeyRing
from counterseal.server.keys.stored import StoredKeyRing
from counterseal.server.keys.tickets import TicketCipher
from counterseal.server.keys.waiting import WaitingKeyRing
from counterseal.server.lanes import Lane
from counterseal.server.rpc.gate import Gate
from counterseal.server.rpc.health import StoreHealth
from counterseal.server.rpc.reflection import Reflection
from counterseal.server.rpc.server import (
    DESCRIBED,
    SERVICES,
    WAIT_FOR_STORE,
    ServerLimits,
    message_patience,
    side_patience,
)
from counterseal.server.rpc.tls import TlsFiles, server_credentials
from counterseal.server.settings import ANONYMOUS_NAME
from counterseal.server.store.engine import KeyStore, open_store
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics

if TYPE_CHECKING:
    import grpc


def open_at_rest(config: Config, parts: ExitStack) -> tuple[KeyStore, SecretCipher, TicketCipher]:
    """Open what is at rest, and check that it belongs together."""
    make_folder(config.data_dir)
    store = open_store(config.database_url, timeout=config.store_timeout)
    parts.callback(store.close)
    store.upgrade()
    master_keys = read_master_keys(config, store)
    cipher = SecretCipher(master_keys)
    check_master_keys(store, cipher)
    return store, cipher, TicketCipher(master_keys)


def build_key_ring(
    config: Config, store: KeyStore, cipher: SecretCipher, derive: Derive, metrics: Metrics, lane: Lane, parts: ExitStack
) -> CachedKeyRing:
    """Cache around wait around flight around store: every layer is a KeyRing around a KeyRing."""
    stored = StoredKeyRing(store.read_key, cipher, derive, scopes_per_key=config.cache_scopes_per_key)
    flight = SingleFlightKeyRing(stored, timeout=config.store_timeout)
    parts.callback(flight.close)
    limits = CacheLimits(
        keys=config.cache_keys,
        key_seconds=config.cache_key_seconds,
        negative=config.cache_negative,
        negative_seconds=config.cache_negative_seconds,
    )
    waiting = WaitingKeyRing(flight, aside=lane.aside, most=WAIT_FOR_STORE)
    ring = CachedKeyRing(waiting, limits, metrics=metrics.cache)
    metrics.cache.watch_size("key", ring.key_count)
    metrics.cache.watch_size("absent", ring.absent_count)
    return ring


def build_gate(config: Config, metrics: Metrics, log: Log, parts: ExitStack) -> Gate:
    """Return the gate that every call of ours enters by."""
    patience = message_patience()
    parts.callback(patience.close)
    return Gate(
        book=find_callers(config),
        metrics=metrics,
        log=log,
        max_bytes=config.max_message_bytes,
        certificates=config.tls_client_ca is not None,
        patience=patience,
    )


def find_callers(config: Config) -> CallerBook:
    """On loopback the generated token administers; without TLS anybody there may verify, unless configured otherwise."""
    anonymous = None
    if config.listen.is_loopback and not config.tls and not config.verify_requires_caller:
        anonymous = Caller(
            name=ANONYMOUS_NAME,
            role=Role.GATEWAY,
            string_to_sign=config.allow_string_to_sign,
            lease=config.allow_lease,
            anonymous=True,
        )
    bearer = admin_token(config.data_dir) if config.listen.is_loopback else None
    return call_book(config.callers, admin_token=bearer, anonymous=anonymous)


def build_health(store: KeyStore, metrics: Metrics, log: Log, side_pool: ThreadPoolExecutor, parts: ExitStack) -> StoreHealth:
    """Return what answers health checks: whether the store does."""
    patience = side_patience()
    parts.callback(patience.close)
    return StoreHealth(ping=store.ping, services=SERVICES, up=metrics.store_up, log=log, pool=side_pool, patience=patience)


def build_reflection(config: Config, gate: Gate, log: Log, side_pool: ThreadPoolExecutor) -> Reflection:
    """Anybody on this machine may ask; beyond it, whoever is known."""

    def admit(context: "grpc.ServicerContext") -> None:
        if not config.listen.is_loopback:
            gate.admit("ServerReflectionInfo", context)

    return Reflection(DESCRIBED, admit=admit, pool=side_pool, log=log)


def server_limits(config: Config) -> ServerLimits:
    """Return how much the server takes at once."""
    return ServerLimits(
        message_bytes=config.max_message_bytes, threads=config.threads, concurrent_calls=config.max_concurrent_calls
    )


def listener_credentials(config: Config, log: Log) -> "grpc.ServerCredentials | None":
    """Return what the listener presents; None without TLS."""
    if config.tls_cert is None or config.tls_key is None:
        return None
    return server_credentials(TlsFiles(cert=config.tls_cert, key=config.tls_key, client_ca=config.tls_client_ca), log)
