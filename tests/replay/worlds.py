"""Memories of every kind, each empty, with ways to look behind them. `tests/replay/conftest.py` makes fixtures of them."""

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest.mock import patch

from counterseal.server.replay.memories import Memory
from counterseal.server.replay.memory import LocalMemory
from counterseal.server.replay.sql import SqlMemory
from counterseal.server.store.engine import open_store
from counterseal.server.store.replays import ReplayTable
from counterseal.server.store.tables import REPLAYS
from tests.store.engines import ENGINES
from tests.support.redis import shared_redis

# Times of the tests. Redis forgets by its own clock, so what is to be forgotten there is waited for.
BEGAN = 1_790_000_000.0


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = BEGAN) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextmanager
def local(_: Path, clock: Clock) -> Iterator[Memory]:
    yield LocalMemory(entries=100_000, began=clock())


@functools.cache
def _database(engine: str) -> str:
    """The URL of a database of the engine with its schema in place: making one takes longer than all tests on it."""
    folder = Path(tempfile.mkdtemp(prefix="counterseal-replay-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    url = ENGINES[engine](folder)
    store = open_store(url, timeout=60)
    store.upgrade()
    store.close()
    return url


@contextmanager
def table(engine: str) -> Iterator[ReplayTable]:
    """The table of a database of that engine, emptied."""
    store = open_store(_database(engine), timeout=60)
    try:
        store.transactions.writing(lambda connection: connection.execute(REPLAYS.delete()))
        yield ReplayTable(store.database)
    finally:
        store.close()


@contextmanager
def sql(engine: str) -> Iterator[Memory]:
    with table(engine) as found:
        yield SqlMemory(found)


@contextmanager
def redis(url: str, clock: Callable[[], float], *, timeout: float = 60) -> Iterator[Memory]:
    from counterseal.server.replay import redis_link
    from counterseal.server.replay.redis import RedisMemory

    with patch.object(redis_link, "_MOST_SECONDS", timeout):  # longer than the service has: a machine that tests is a busy one
        link = redis_link.Link(url, timeout=timeout, connections=64)
    memory = RedisMemory(link, clock=clock)
    try:
        yield memory
    finally:
        memory.close()


Maker = Callable[[Path, Clock], AbstractContextManager[Memory]]


def _sql(engine: str) -> Maker:
    return lambda *_: sql(engine)


MEMORIES: Mapping[str, Maker] = {
    "memory": local,
    "redis": lambda _, clock: redis(shared_redis().new_database(), clock),
    **{engine: _sql(engine) for engine in ENGINES},
}
