"""Who signs in, what that gives them, and who administers those who may."""

import datetime as dt
import hmac
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from counterseal.server.assembly.oidc import build_id_tokens
from counterseal.server.config import Config
from counterseal.server.errors import ConfigError
from counterseal.server.keys.audit_key import find_audit_key
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.ring import KeyRing
from counterseal.server.lanes import ChangeLanes
from counterseal.server.lockout import source_network
from counterseal.server.rpc.afterwards import Afterwards
from counterseal.server.rpc.principals import PrincipalHandlers
from counterseal.server.rpc.server import (
    HASHED_FOR_ADMINISTRATORS,
    WAIT_FOR_BOUND,
    WAIT_TO_HASH,
    WAIT_TO_HASH_FOR_ADMINISTRATORS,
)
from counterseal.server.rpc.sessions import SessionHandlers
from counterseal.server.schemes import Schemes
from counterseal.server.sessions.begin import Beginnings
from counterseal.server.sessions.desk import SessionDesk
from counterseal.server.sessions.drafts import Lifetimes
from counterseal.server.sessions.exchange import Exchanging
from counterseal.server.sessions.failures import FailedSignIns
from counterseal.server.sessions.forgetting import Forgetting
from counterseal.server.sessions.ground import Alarm, Ground
from counterseal.server.sessions.key_maker import KeyMaker
from counterseal.server.sessions.passwords import Passwords
from counterseal.server.sessions.principal_admin import PrincipalAdmin
from counterseal.server.sessions.sign_in import SigningIn
from counterseal.server.sessions.throttle import Throttle
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.principals import PrincipalStore
from counterseal.server.store.sessions import SessionStore
from counterseal.server.store.sign_ins import SignInCounts
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics
from counterseal.server.telemetry.session_metrics import SessionCounts

# What the digests of attempts are keyed with is made of the one key that all servers of a store have in common.
_PURPOSE: Final = b"counterseal attempts to sign in"


def build_sessions(
    config: Config,
    store: KeyStore,
    cipher: SecretCipher,
    ring: KeyRing,
    schemes: Schemes,
    lanes: ChangeLanes,
    clock: Callable[[], float],
    metrics: Metrics,
    log: Log,
    parts: ExitStack,
) -> tuple[SessionHandlers, PrincipalHandlers]:
    """Return SessionService and PrincipalService. Each has turns of its own in which passwords are hashed.

    Else whoever keeps the service busy with guesses would keep administrators from setting the password that is guessed.
    """
    principals = PrincipalStore(store.transactions, store.journal)
    alarm = _alarm(metrics, log)
    passwords, new_passwords = _passwords(config, lanes)
    ground = _ground(config, store, cipher, ring, clock, alarm)
    beginnings = Beginnings(ground)
    throttle = _throttle(config, store, cipher, clock, log, parts)
    signing_in = SigningIn(
        ground=ground,
        principals=principals,
        passwords=passwords,
        throttle=throttle,
        failures=_failures(store, clock, log, parts),
        beginnings=beginnings,
        schemes=schemes.enabled,
    )
    id_tokens = build_id_tokens(config, store, log, clock, lanes.entering.aside)
    exchanging = Exchanging(
        ground=ground, id_tokens=id_tokens, throttle=throttle, beginnings=beginnings, schemes=schemes.enabled
    )
    desk = SessionDesk(ground=ground, signing_in=signing_in, exchanging=exchanging, throttle=throttle, schemes=schemes.enabled)
    counts = SessionCounts(metrics.registry)
    afterwards = Afterwards(aside=lanes.leaving.aside, most=WAIT_FOR_BOUND, clock=clock)
    sessions = SessionHandlers(desk=desk, afterwards=afterwards, clock=clock, counts=counts, log=log)
    admin = PrincipalAdmin(store=principals, ring=ring, cipher=cipher, passwords=new_passwords, clock=clock, alarm=alarm)
    return sessions, PrincipalHandlers(admin=admin, log=log)


def _passwords(config: Config, lanes: ChangeLanes) -> tuple[Passwords, Passwords]:
    """Return what compares the passwords of those who sign in, and what hashes those that administrators set."""
    return (
        Passwords(at_once=config.sign_ins_at_once, aside=lanes.entering.aside, most_waiting=WAIT_TO_HASH),
        Passwords(
            at_once=HASHED_FOR_ADMINISTRATORS,
            aside=lanes.administration.aside,
            most_waiting=WAIT_TO_HASH_FOR_ADMINISTRATORS,
        ),
    )


def _alarm(metrics: Metrics, log: Log) -> Alarm:
    def alarm(session_id: str) -> None:
        metrics.seal_broken()
        log.error("session_seal_broken", session=session_id)

    return alarm


def _ground(
    config: Config, store: KeyStore, cipher: SecretCipher, ring: KeyRing, clock: Callable[[], float], alarm: Alarm
) -> Ground:
    lifetimes = Lifetimes(
        session=dt.timedelta(seconds=config.session_seconds),
        idle=dt.timedelta(seconds=config.session_idle_seconds),
        access_token=dt.timedelta(seconds=config.access_token_seconds),
        key=dt.timedelta(seconds=config.session_key_seconds),
    )
    return Ground(
        store=SessionStore(store.transactions, store.journal),
        read_key=store.read_key,
        ring=ring,
        cipher=cipher,
        maker=KeyMaker(cipher, lifetimes),
        lifetimes=lifetimes,
        clock=clock,
        # In an outage, a cache may be relied on for the grace as well.
        revoke_bound=dt.timedelta(seconds=config.revoke_bound + config.outage_grace),
        alarm=alarm,
    )


def _throttle(
    config: Config, store: KeyStore, cipher: SecretCipher, clock: Callable[[], float], log: Log, parts: ExitStack
) -> Throttle:
    audit_key = find_audit_key(store, cipher)
    if audit_key is None:
        raise ConfigError("COUNTERSEAL_DATABASE_URL: the key of the audit chain is gone")
    counts = SignInCounts(store.transactions)
    forgetting = Forgetting(counts.purge, clock=clock, log=log)
    parts.callback(forgetting.close)
    forgetting.start()
    return Throttle(
        counts,
        failures=config.sign_in_failures,
        seconds=config.sign_in_seconds,
        network=source_network,
        key=hmac.digest(audit_key.key, _PURPOSE, "sha256"),
        clock=clock,
    )


def _failures(store: KeyStore, clock: Callable[[], float], log: Log, parts: ExitStack) -> FailedSignIns:
    failures = FailedSignIns(store.note, clock=clock, log=log)
    parts.callback(failures.close)
    failures.start()
    return failures
