"""A flood of made-up ids at the rings themselves, as the server builds them: a million are through in seconds."""

import random
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from counterseal.core.schemes import BUILT_IN, deriving
from counterseal.core.schemes.aws_sigv4 import Credentials
from counterseal.server.assembly.at_rest import open_at_rest
from counterseal.server.assembly.feed import build_feed
from counterseal.server.assembly.keys import build_key_ring
from counterseal.server.config import Config
from counterseal.server.keys.ring import KeyRing
from counterseal.server.lanes import Lane
from counterseal.server.telemetry.log import open_log
from counterseal.server.telemetry.metrics import Metrics

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ALL_KNOWN = 600


@dataclass(frozen=True, kw_only=True)
class Asked:
    """`queries` are statements on the table of keys, run for `ids` ids; `hot_left` are keys still in the cache."""

    ids: int
    queries: int
    hot: int
    hot_left: int


def flood_ring(config: Config, keys: int, hot: list[Credentials], number: int) -> Asked:
    """Ask for `number` ids that nobody has, after the `hot` keys were asked for."""
    with ExitStack() as parts:
        store, cipher, *_ = open_at_rest(config, parts)
        metrics, log = Metrics("scale"), open_log("error")
        bound, feed = build_feed(config, store, metrics, log, parts)
        ring = build_key_ring(config, store, cipher, deriving(BUILT_IN), bound, feed, metrics, Lane(8), parts)
        feed.start()
        _wait_until_all_are_known(metrics, keys)
        for credentials in hot:
            assert ring.find(credentials.key_id) is not None
        source = random.Random(21)
        _wait_until_it_is_sure(ring, metrics, source)
        queries = 0

        def count(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
            nonlocal queries
            queries += "keys.sealed_secret" in statement

        event.listen(store.database.reads, "before_cursor_execute", count)
        for _ in range(number):
            assert ring.find(_made_up(source)) is None
        return Asked(ids=number, queries=queries, hot=len(hot), hot_left=ring.key_count())


def _made_up(source: random.Random) -> str:
    return "CSAK" + "".join(source.choices(_LETTERS, k=20))


def _wait_until_it_is_sure(ring: KeyRing, metrics: Metrics, source: random.Random) -> None:
    """All ids may be there before the thread that loaded them says so; and in quiet times the store is asked anyway."""
    while not metrics.registry.get_sample_value("counterseal_unknown_key_ids_total"):
        assert ring.find(_made_up(source)) is None


def _wait_until_all_are_known(metrics: Metrics, keys: int) -> None:
    for _ in range(_ALL_KNOWN * 100):
        if metrics.registry.get_sample_value("counterseal_known_key_ids") == keys:
            return
        threading.Event().wait(0.01)
    raise RuntimeError("the ids were never all known")
