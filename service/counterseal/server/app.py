"""The composition root: reads top to bottom like a recipe. Nothing but this and `assembly/` constructs collaborators."""

import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from counterseal import __version__
from counterseal.core.model import Derive, Window
from counterseal.core.schemes import deriving
from counterseal.server.assembly.at_rest import open_at_rest, watch_rollback
from counterseal.server.assembly.callers import build_callers, build_gate, build_lockout
from counterseal.server.assembly.feed import build_feed
from counterseal.server.assembly.keys import build_key_ring
from counterseal.server.assembly.listener import (
    build_health,
    build_reflection,
    listener_credentials,
    port_sharing,
    server_limits,
)
from counterseal.server.assembly.replay import build_replay_guard
from counterseal.server.assembly.schemes import build_schemes
from counterseal.server.assembly.sessions import build_sessions
from counterseal.server.assembly.uses import build_uses
from counterseal.server.chunks import ChunkVerifier
from counterseal.server.config import Config
from counterseal.server.issuer import Issuer
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.remember import remembering
from counterseal.server.keys.ring import KeyRing
from counterseal.server.port_sockets import cut
from counterseal.server.rpc.afterwards import Afterwards
from counterseal.server.rpc.audit import AuditHandlers
from counterseal.server.rpc.chunks import ChunkHandlers
from counterseal.server.rpc.gate import Gate
from counterseal.server.rpc.health import StoreHealth
from counterseal.server.rpc.key_admin import KeyHandlers
from counterseal.server.rpc.leases import LeaseBook
from counterseal.server.rpc.public_choice import PublicErrors
from counterseal.server.rpc.reflection import Reflection
from counterseal.server.rpc.scheme_list import SchemeHandlers
from counterseal.server.rpc.server import (
    WAIT_FOR_BOUND,
    WAIT_FOR_STORE,
    add_services,
    build_server,
    build_side_pool,
    change_lanes,
    listen,
    verify_lane,
)
from counterseal.server.rpc.services import Administration, verification_handlers
from counterseal.server.rpc.verification import VerificationHandlers
from counterseal.server.schemes import Schemes
from counterseal.server.settings import Address
from counterseal.server.signals import ending_signals, hangups
from counterseal.server.store.audit_trail import AuditTrail
from counterseal.server.store.engine import KeyStore
from counterseal.server.telemetry.log import Log, open_log
from counterseal.server.telemetry.metrics import Metrics
from counterseal.server.telemetry.scrape import ScrapeListener
from counterseal.server.verifier import Guard, Lockout, Uses, Verifier
from counterseal.server.welcome import welcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc

Clock = Callable[[], float]
_SETTLE_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A server that answers: where it listens, and the parts that tests look into."""

    address: Address
    metrics_url: str | None
    metrics: Metrics
    health: StoreHealth


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT, then finish the calls in flight; a second signal does not wait for them.

    Returns 0. Raises:
        ConfigError: a setting does not fit this machine: an address in use, a file that cannot be read, a wrong master key.
        StoreUnavailable: the key store does not answer at start.
    """
    log = open_log(config.log_level)
    with hangups(partial(log.warning, "reload_needs_supervisor")), ending_signals() as stop, serving(config, log) as service:
        print(welcome(config, service.address, service.metrics_url), flush=True)  # noqa: T201  # for people; logs go to standard error
        log.info("started", address=str(service.address), version=__version__, tls=config.tls)
        stop.wait()
        log.info("stopping", grace_seconds=config.stop_grace)
    log.info("stopped")
    return 0


@contextmanager
def serving(config: Config, log: Log, *, clock: Clock = time.time, shared_port: bool = False) -> "Iterator[Service]":
    """Put a server together, start it, and take it down again in the opposite order. Raises what `run` raises.

    `shared_port`: this is one worker of several, under a supervisor that holds the port for all of them.
    """
    with ExitStack() as parts:
        metrics = Metrics(__version__)
        schemes = build_schemes(config, log)
        store, cipher, tickets = open_at_rest(config, parts)
        watch = watch_rollback(config, store, cipher, metrics, log, parts)

        limits = server_limits(config)
        lane = verify_lane(limits)
        derive = deriving(schemes.known)
        bound, feed = build_feed(config, store, metrics, log, parts)
        ring = build_key_ring(config, store, cipher, derive, bound, feed, metrics, lane, parts)
        watch.on_accepted(ring.evict_all)
        feed.on_history(watch.on_history)
        window = Window(skew=config.skew)
        guard = build_replay_guard(config, store, schemes, lane, clock, metrics, log, parts)
        lockout, uses = build_lockout(config, metrics, log), build_uses(config, store, log, parts)
        verifier = _verifier(config, schemes, ring, derive, lockout, guard, uses, window, clock)
        chunks = ChunkVerifier(ring=ring, schemes=schemes.enabled, derive=derive, tickets=tickets, clock=clock)
        leases = LeaseBook(store.note, aside=lane.aside, most=WAIT_FOR_STORE)
        verification, chunk_calls = _verification(config, schemes, verifier, chunks, leases, window, clock, metrics, log)
        lanes = change_lanes(limits)
        afterwards = Afterwards(aside=lanes.administration.aside, most=WAIT_FOR_BOUND, clock=clock)
        keys = KeyHandlers(issuer=_issuer(config, schemes, store, cipher, ring, clock), log=log, afterwards=afterwards)

        sessions, principals = build_sessions(config, store, cipher, ring, schemes, lanes, clock, metrics, log, parts)

        known, callers = build_callers(config, store, cipher, bound, feed, schemes, clock, metrics, log, parts)
        gate, side_pool = build_gate(config, known, metrics, log, parts), build_side_pool()
        audit = AuditHandlers(AuditTrail(store))
        administration = Administration(keys=keys, callers=callers, principals=principals, sessions=sessions, audit=audit)
        health = build_health(store, watch, metrics, log, side_pool, parts)
        reflector = build_reflection(config, gate, log, side_pool)
        server = build_server(limits, port_sharing(config) if shared_port else None)
        add_services(
            server,
            ours=(
                verification_handlers(gate, lane, verification, chunk_calls, SchemeHandlers(schemes), metrics),
                *administration.behind(gate, lanes),
            ),
            health=health.answers,
            reflector=reflector,
        )
        address = listen(server, config.listen, listener_credentials(config, log))

        scrape = None
        if config.metrics_listen is not None:
            scrape = parts.enter_context(ScrapeListener(config.metrics_listen, metrics.registry))
        gate.rely_on(watch.admit)
        watch.start()
        feed.start()
        server.start()
        parts.callback(_stop, server, gate, health, reflector, address.port, config.stop_grace)
        health.start()
        yield Service(address=address, metrics_url=scrape.url if scrape else None, metrics=metrics, health=health)


def _verifier(
    config: Config,
    schemes: Schemes,
    ring: KeyRing,
    derive: Derive,
    lockout: Lockout,
    guard: Guard,
    uses: Uses | None,
    window: Window,
    clock: Clock,
) -> Verifier:
    return Verifier(
        ring=ring,
        schemes=schemes.enabled,
        window=window,
        clock=clock,
        absent_derive=remembering(derive, config.cache_scopes_per_key),
        lockout=lockout,
        guard=guard,
        uses=uses,
    )


def _verification(
    config: Config,
    schemes: Schemes,
    verifier: Verifier,
    chunks: ChunkVerifier,
    leases: LeaseBook,
    window: Window,
    clock: Clock,
    metrics: Metrics,
    log: Log,
) -> tuple[VerificationHandlers, ChunkHandlers]:
    sample = config.log_success_sample
    verification = VerificationHandlers(
        verifier=verifier,
        chunks=chunks,
        leases=leases,
        public_errors=PublicErrors(schemes.enabled),
        window=window,
        clock=clock,
        metrics=metrics,
        log=log,
        sample=sample,
    )
    return verification, ChunkHandlers(chunks=chunks, window=window, clock=clock, metrics=metrics, log=log, sample=sample)


def _issuer(config: Config, schemes: Schemes, store: KeyStore, cipher: SecretCipher, ring: KeyRing, clock: Clock) -> Issuer:
    return Issuer(
        store=store,
        cipher=cipher,
        ring=ring,
        schemes=schemes.enabled,
        clock=clock,
        # In an outage, a cache may be relied on for the grace as well.
        revoke_bound=config.revoke_bound + config.outage_grace,
    )


def _stop(server: "grpc.Server", gate: Gate, health: StoreHealth, reflector: Reflection, port: int, grace: float) -> None:
    """Tell load balancers first, then send new calls elsewhere, then finish those in flight, for `grace` seconds at most.

    gRPC's own stop cancels calls that it has received and not yet handed to a thread, and callers do not try again what was
    CANCELLED. So it comes last, when connections are cut: what arrived on one in that moment is UNAVAILABLE to its caller.
    Those that carry calls taken up are cut when these are answered, all others before.
    """
    end = time.monotonic() + grace
    health.stop()
    gate.close()
    reflector.close()
    calls = gate.in_flight()
    # For answers to be on their way, and for load balancers to hear.
    time.sleep(min(grace, _SETTLE_SECONDS))
    busy = calls & gate.in_flight()
    if busy:
        cut(port, keep=frozenset(call.peer().rpartition(":")[2] for call in busy))
        gate.wait_for(busy, end - time.monotonic())
        time.sleep(min(grace, _SETTLE_SECONDS))
    cut(port)
    server.stop(max(0.0, end - time.monotonic())).wait()
