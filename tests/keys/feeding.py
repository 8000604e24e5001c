"""A store, a feed and a ring under a test's control: time, commits, readings and loads happen when the test says so."""

import threading
from collections.abc import Callable
from typing import Any

import structlog

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.cache import CachedKeyRing, CacheLimits
from counterseal.server.keys.feed import Feed
from counterseal.server.keys.ring import KeyRing, OpenedKey
from counterseal.server.store.changes import Changes, Kind
from counterseal.server.store.waiting import Waiting
from tests.keys.rings import opened

BOUND = 1.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Held(threading.Thread):
    """Work in a thread of its own that stands still at each `pause`, until it is told to go on: one runs at a time."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self.result: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        self._go.acquire()
        try:
            self.result = self._work()
        except BaseException as error:
            self.error = error
        self._work = lambda: None
        self.done = True
        self._stands.release()

    done = False

    @staticmethod
    def pause() -> None:
        current = threading.current_thread()
        if isinstance(current, Held):
            current._stands.release()
            current._go.acquire()

    def step(self) -> bool:
        """Go on until the next pause or the end; say whether that was the end."""
        self._go.release()
        assert self._stands.acquire(timeout=30), "it neither pauses nor ends"
        return self.done

    def finish(self) -> Any:
        """Go on to the end and return the result."""
        while not self.done:
            self.step()
        if self.error is not None:
            raise self.error
        return self.result


class World:
    """A database: key ids with versions, and the number of the last change. It can be down."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.versions: dict[str, int] = {}
        self.changed: dict[str, int] = {}
        self.callers: dict[str, int] = {}
        self.number = 0
        self.down = False
        self.reads = 0

    def commit(self, key_id: str, version: int) -> None:
        self.number += 1
        self.versions[key_id] = version
        self.changed[key_id] = self.number

    # Of the ring: stored.

    def find(self, key_id: str) -> OpenedKey | None:
        as_of = self.clock()
        self._answer()
        self.reads += 1
        version = self.versions.get(key_id)
        Held.pause()
        self._answer()
        return None if version is None else opened(key_id, version, as_of=as_of)

    def evict(self, key_id: str) -> None:
        pass

    def evict_all(self) -> None:
        pass

    def holds(self, opened: OpenedKey) -> bool:
        return self.clock() - opened.as_of <= BOUND

    # Of the feed.

    def read(self, after: int | None) -> Changes:
        self._answer()
        number = self.number
        if after is None or number < after:
            found = Changes(number=number, names=dict.fromkeys(Kind))
        else:
            found = Changes(
                number=number,
                names={
                    Kind.KEYS: tuple(key_id for key_id, changed in self.changed.items() if changed > after),
                    Kind.CALLERS: tuple(name for name, changed in self.callers.items() if changed > after),
                },
            )
        Held.pause()
        self._answer()
        return found

    def watch(self) -> Waiting:
        return Waiting()

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailable("down")


class Meter:
    """Counts what a feed reports."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.changes = 0
        self.delays: list[float] = []

    def read(self, outcome: str) -> None:
        self.reads.append(outcome)

    def changed(self, count: int) -> None:
        self.changes += count

    def delay(self, seconds: float) -> None:
        self.delays.append(seconds)


class Replica:
    """A ring, and the feed that evicts from it."""

    def __init__(
        self, world: World, *, grace: float = 0.0, limits: CacheLimits | None = None, inner: KeyRing | None = None
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        log = structlog.wrap_logger(None, processors=[self._take], wrapper_class=structlog.make_filtering_bound_logger(0))
        self.bound = RevocationBound(seconds=BOUND, grace=grace, clock=world.clock, log=log)
        self.ring = CachedKeyRing(inner or world, limits, bound=self.bound)
        self.meter = Meter()
        self.feed = Feed(source=world, bound=self.bound, log=log, metrics=self.meter, poll=True, wall_clock=world.clock)
        self.feed.subscribe(Kind.KEYS, self._evict)

    def loud(self) -> list[str]:
        """The events logged as warnings or worse."""
        return [line["event"] for line in self.lines if line["level"] not in {"debug", "info"}]

    def _take(self, logger: object, name: str, line: Any) -> Any:
        self.lines.append(dict(line, level=name))
        raise structlog.DropEvent

    def _evict(self, key_ids: Any) -> None:
        if key_ids is None:
            self.ring.evict_all()
        for key_id in key_ids or ():
            self.ring.evict(key_id)
