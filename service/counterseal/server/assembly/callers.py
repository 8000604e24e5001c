"""The gate that every call enters by, whom it lets in, and who administers those."""

from collections.abc import Callable
from contextlib import ExitStack

from counterseal.server.caller_admin import CallerAdmin
from counterseal.server.callers import Caller, CallerBook, Identifies, Role, admin_token, call_book
from counterseal.server.callers.everyone import Everyone
from counterseal.server.callers.reserved import Reserved
from counterseal.server.callers.stored import StoredCallers
from counterseal.server.callers.watch import CallerWatch
from counterseal.server.config import Config
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.feed import Feed
from counterseal.server.lockout import SourceLockout
from counterseal.server.rpc.caller_admin import CallerHandlers
from counterseal.server.rpc.gate import Gate
from counterseal.server.rpc.server import message_patience
from counterseal.server.schemes import Schemes
from counterseal.server.settings import ANONYMOUS_NAME
from counterseal.server.store.callers import CallerStore
from counterseal.server.store.engine import KeyStore
from counterseal.server.telemetry.lockout_metrics import LockoutCounts
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics


def build_callers(
    config: Config,
    store: KeyStore,
    cipher: SecretCipher,
    bound: RevocationBound,
    feed: Feed,
    schemes: Schemes,
    clock: Callable[[], float],
    metrics: Metrics,
    log: Log,
    parts: ExitStack,
) -> tuple[Identifies, CallerHandlers]:
    """Return who is who, with the stored callers read, and CallerService. To be put together before the feed starts."""

    def alarm(name: str, problem: str) -> None:
        metrics.seal_broken()
        log.error("caller_seal_broken", caller=name, text=problem)

    callers, reserved = CallerStore(store.transactions, store.journal), Reserved.by(config.callers)
    stored = StoredCallers(
        store=callers,
        cipher=cipher,
        bound=bound.seconds,
        reserved=reserved,
        alarm=alarm,
        clock=bound.clock,
        as_of=lambda: bound.as_of,
    )
    # Also of removals, which leave nothing behind that a feed could name.
    feed.on_sequence(lambda _: stored.refresh())
    stored.refresh()
    watch = CallerWatch(stored, log)
    parts.callback(watch.close)
    watch.start()
    admin = CallerAdmin(
        store=callers,
        cipher=cipher,
        reserved=reserved,
        schemes=frozenset(schemes.known),
        clock=clock,
        take_up=stored.refresh,
    )
    return Everyone(find_callers(config), stored), CallerHandlers(admin=admin, log=log)


def build_gate(config: Config, callers: Identifies, metrics: Metrics, log: Log, parts: ExitStack) -> Gate:
    """Return the gate that every call of ours enters by."""
    patience = message_patience()
    parts.callback(patience.close)
    return Gate(
        book=callers,
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


def build_lockout(config: Config, metrics: Metrics, log: Log) -> SourceLockout:
    """Return what counts failed signatures, and locks out where that is configured."""
    return SourceLockout(
        failures=config.lockout_failures,
        seconds=config.lockout_seconds,
        log=log,
        meter=LockoutCounts(metrics.registry),
    )
