"""The replay guard, and what it remembers in."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from counterseal.server.config import Config
from counterseal.server.errors import ConfigError
from counterseal.server.lanes import Lane
from counterseal.server.replay.guard import ReplayGuard
from counterseal.server.replay.memories import Memory
from counterseal.server.replay.memory import LocalMemory
from counterseal.server.replay.policy import ColdStart, Policy
from counterseal.server.replay.sql import SqlMemory
from counterseal.server.replay.tender import Tender
from counterseal.server.replay.waiting import WaitingMemory
from counterseal.server.rpc.server import WAIT_FOR_GUARD
from counterseal.server.schemes import Schemes
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.replays import ReplayTable
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics

Clock = Callable[[], float]
# Also how soon a loss is noticed that no request meets.
_TEND_SECONDS: Final = 1.0


def build_replay_guard(
    config: Config,
    store: KeyStore,
    schemes: Schemes,
    lane: Lane,
    clock: Clock,
    metrics: Metrics,
    log: Log,
    parts: ExitStack,
) -> ReplayGuard:
    """Return the guard. It tends its memory in a thread of its own until `parts` are closed.

    Raises:
        ConfigError: what the settings name cannot be used here.
    """
    memory = _memory(config, store, lane, clock, metrics)
    if memory is not None:
        parts.callback(memory.close)
        tender = Tender(memory, clock=clock, seconds=_TEND_SECONDS, state=_state(config, metrics, log))
        # Once before the first call, so that the memory's beginning lies before whatever is signed from now on.
        tender.turn()
        tender.start()
        parts.callback(tender.close)
    return ReplayGuard(
        memory=memory,
        policy=Policy(
            schemes=schemes.enabled,
            exempt_schemes=frozenset(config.replay_exempt_schemes),
            exempt_methods=frozenset(method.encode("ascii") for method in config.replay_exempt_methods),
            skew=config.skew,
        ),
        cold=ColdStart(
            refuses=config.replay_cold_start != "accept", strict=config.replay_cold_start == "strict", skew=config.skew
        ),
        clock=clock,
        meter=metrics.replay,
    )


def _memory(config: Config, store: KeyStore, lane: Lane, clock: Clock, metrics: Metrics) -> Memory | None:
    if config.replay == "off":
        return None
    if config.replay == "memory":
        local = LocalMemory(entries=config.replay_entries, began=clock())
        metrics.replay.watch_size(local.size)
        return local
    shared = SqlMemory(ReplayTable(store.database)) if config.replay == "sql" else _redis(config, clock)
    return WaitingMemory(shared, aside=lane.aside, most=WAIT_FOR_GUARD)


def _redis(config: Config, clock: Clock) -> Memory:
    try:
        from counterseal.server.replay.redis import CLUSTER_PARTS, RedisMemory
        from counterseal.server.replay.redis_cluster import ClusterLink, is_cluster
        from counterseal.server.replay.redis_link import Link
    except ImportError:
        raise ConfigError("COUNTERSEAL_REPLAY: redis needs the extra `redis`") from None
    url = config.replay_url or ""
    if is_cluster(url):
        cluster = ClusterLink(url, timeout=config.store_timeout, connections=WAIT_FOR_GUARD)
        return RedisMemory(cluster, clock=clock, parts=CLUSTER_PARTS)
    return RedisMemory(Link(url, timeout=config.store_timeout, connections=WAIT_FOR_GUARD), clock=clock)


def _state(config: Config, metrics: Metrics, log: Log) -> Callable[[bool], None]:
    def told(up: bool) -> None:
        metrics.replay.up(up)
        if up:
            log.info("replay_guard_up", memory=config.replay)
        else:
            log.error("replay_guard_down", memory=config.replay)

    return told
