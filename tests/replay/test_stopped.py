"""A process that stands still while it asks a memory, and a memory that is out of order for a while."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from counterseal.core.policy import ReplayPolicy
from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.memories import Answer, Memory
from counterseal.server.replay.memory import LocalMemory
from counterseal.server.replay.policy import CLOCKS_APART
from counterseal.server.replay.sql import SqlMemory
from counterseal.server.replay.tender import Tender
from counterseal.server.store.replays import ReplayTable
from tests.replay.guarding import WINDOW, key, put, world
from tests.replay.worlds import BEGAN, Clock
from tests.store import samples

NOW = BEGAN + 100
_SECONDS = 30


class Asleep:
    """A memory that is reached only after so many seconds, in which it is tended."""

    def __init__(self, inner: Memory, clock: Clock) -> None:
        self.inner, self.clock, self.seconds = inner, clock, 0.0

    def use(self, mark: bytes, owner: bytes, *, until: float, now: float) -> Answer:
        self.clock.now += self.seconds
        self.inner.tend(self.clock.now)
        return self.inner.use(mark, owner, until=until, now=now)

    def tend(self, now: float) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("seconds", [WINDOW.skew + CLOCKS_APART + 10, 86_400])
def test_whoever_slept_on_the_way_to_the_memory_does_not_know(seconds: float) -> None:
    """The clock was read, then the process stopped: by the time that the memory hears of it, it has forgotten the first use."""
    clock = Clock(NOW)
    memory = Asleep(LocalMemory(entries=100, began=BEGAN), clock)
    here, request = world(memory, clock=clock, cold_start="refuse"), put(NOW)
    assert here.ask(request) is None
    memory.seconds = seconds
    with pytest.raises(ReplayGuardUnavailable, match="window"):
        here.ask(request)
    assert here.counts.outcomes == ["first", "unavailable"]


def test_whoever_slept_for_less_knows() -> None:
    clock = Clock(NOW)
    memory = Asleep(LocalMemory(entries=100, began=BEGAN), clock)
    here, known = world(memory, clock=clock), key(ReplayPolicy.SINGLE_USE)
    memory.seconds = WINDOW.skew
    assert here.ask(put(NOW), known) is None
    clock.now = NOW
    assert here.ask(put(NOW), known) is not None


def test_a_table_that_was_away_is_tended_again(tmp_path: Path) -> None:
    store = samples.open_store(f"sqlite:///{tmp_path}/keys.db", timeout=10)
    store.upgrade()
    table, told = ReplayTable(store.database), list[bool]()
    memory = SqlMemory(table)
    memory.use(b"m" * 32, b"o" * 32, until=BEGAN + 1, now=BEGAN)
    tender = Tender(memory, clock=lambda: BEGAN + 100_000, seconds=0.001, state=told.append)
    execute = store.database.writes.connect
    with execute() as connection, connection.begin():
        connection.exec_driver_sql("ALTER TABLE replays RENAME TO elsewhere")
    tender.start()
    try:
        _wait(lambda: told == [False])
        with execute() as connection, connection.begin():
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO replays")
        _wait(lambda: told == [False, True])
        # What had ended is gone.
        assert table.use(b"m" * 32, b"p" * 32, until=1, now=0) is None
    finally:
        tender.close()
        store.close()


def _wait(met: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not met():
        assert time.monotonic() < end
        time.sleep(0.01)
