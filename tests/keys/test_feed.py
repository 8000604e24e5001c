"""The feed's thread: hints, polls, failures and recovery. What a reading means for the cache is in test_bound.py."""

import threading
from collections.abc import Sequence

import pytest
import structlog

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.feed import Feed
from counterseal.server.store.changes import Changes, Kind
from tests.keys.feeding import Clock, Meter, Replica, World


class Hints:
    """A source whose watch hints when a test says so, and which can fail."""

    def __init__(self) -> None:
        self.number = 1
        self.error: Exception | None = None
        self.reads, self.watches = threading.Semaphore(0), threading.Semaphore(0)
        self.hint = threading.Event()
        self.closes = 0

    def read(self, after: int | None) -> Changes:
        self.reads.release()
        if self.error is not None:
            raise self.error
        return Changes(number=self.number, names=dict.fromkeys(Kind, ()))

    def watch(self) -> "Hints":
        self.watches.release()
        return self

    def wait(self, seconds: float) -> None:
        if self.hint.wait(seconds):
            self.hint.clear()

    def close(self) -> None:
        self.closes += 1
        self.hint.set()


def _feed(source: Hints, lines: list[str], *, bound: float = 10_000, poll: bool = False) -> Feed:
    def take(logger: object, name: str, line: structlog.typing.EventDict) -> str:
        lines.append(str(line["event"]))
        raise structlog.DropEvent

    log = structlog.wrap_logger(None, processors=[take], wrapper_class=structlog.make_filtering_bound_logger(0))
    return Feed(source=source, bound=RevocationBound(seconds=bound), log=log, metrics=Meter(), poll=poll)


def test_a_hint_is_followed_by_a_reading_and_so_is_opening_the_watch() -> None:
    source = Hints()
    feed = _feed(source, [])
    feed.start()
    assert source.watches.acquire(timeout=30)
    for _ in range(3):
        while source.reads.acquire(timeout=0.2):
            pass
        source.hint.set()
        assert source.reads.acquire(timeout=30)
    feed.close()


def test_without_any_hint_there_are_readings() -> None:
    source = Hints()
    feed = _feed(source, [], bound=0.1, poll=True)
    feed.start()
    for _ in range(5):
        assert source.reads.acquire(timeout=30)
    assert not source.watches.acquire(blocking=False)
    feed.close()


def test_a_failing_feed_is_told_of_once_and_gets_a_new_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    source, lines = Hints(), list[str]()
    feed = _feed(source, lines, bound=0.1)
    feed.start()
    assert source.watches.acquire(timeout=30)
    source.error = StoreUnavailable("gone")
    assert source.watches.acquire(timeout=30)
    assert source.watches.acquire(timeout=30)
    source.error = None
    _until(lambda: "feed_recovered" in lines)
    assert lines.count("feed_lost") == 1
    _until(feed.is_fresh)
    feed.close()


def test_a_bug_in_a_subscriber_stops_neither_the_thread_nor_passes_for_a_reading(replica: Replica, world: World) -> None:
    def broken(names: Sequence[str] | None) -> None:
        raise ZeroDivisionError

    replica.feed.subscribe(Kind.CALLERS, broken)
    before = replica.bound.as_of
    world.number += 1
    world.callers["c"] = world.number
    world.clock.now += 0.5
    for _ in range(3):
        assert replica.feed.catch_up() is False
    assert replica.bound.as_of == before
    assert replica.loud() == ["feed_lost"]
    assert replica.meter.reads[-3:] == ["failed"] * 3


def test_subscribers_hear_of_their_kind(replica: Replica, world: World) -> None:
    heard: list[object] = []
    replica.feed.subscribe(Kind.CALLERS, heard.append)
    world.commit("k", 1)
    replica.feed.catch_up()
    world.number += 1
    world.callers["c"] = world.number
    replica.feed.catch_up()
    replica.feed.catch_up()
    assert heard == [("c",)]
    assert replica.meter.reads == ["reset", "changed", "changed", "unchanged"]
    assert replica.meter.changes == 2


def test_closing_before_starting_and_twice() -> None:
    feed = _feed(Hints(), [])
    feed.close()
    feed.close()


def _until(holds) -> None:  # type: ignore[no-untyped-def]
    for _ in range(3000):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it does not come about")


@pytest.fixture
def world() -> World:
    return World(Clock())


@pytest.fixture
def replica(world: World) -> Replica:
    made = Replica(world)
    assert made.feed.catch_up()
    return made
