"""The change feed: a thread that reads what has changed and has everybody forget it, before caches are relied on any further.

A hint from the database (NOTIFY, `data_version`) only hastens the next reading. What the bound rests on is that a reading was
complete, and when it began; without any hint there is one every `poll_seconds`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.store.changes import Changes, Kind
from counterseal.server.store.database import Watch
from counterseal.server.telemetry.log import Log, describe

# Given what has changed; None: anything may have.
Forget = Callable[[Sequence[str] | None], None]
_SHARE_OF_BOUND: Final = 4
_LONGEST_POLL: Final = 1.0
# Changes that come in a stream are read together, so often at most.
_LEAST_PAUSE: Final = 0.005
_WATCH_SECONDS: Final = 30.0
_CLOSE_SECONDS: Final = 2.0


class Source(Protocol):
    """What changes are read from: `store.changes.ChangeReader`."""

    def read(self, after: int | None) -> Changes:
        """Return what was committed behind a number; None: from the beginning. Raises StoreUnavailable."""

    def watch(self) -> Watch:
        """Open a watch. Raises StoreUnavailable."""


class FeedMetrics(Protocol):
    """What a feed reports. Must not raise."""

    def read(self, outcome: str) -> None:
        """A reading ended: `unchanged`, `changed`, `reset` (everything was forgotten) or `failed`."""

    def changed(self, count: int) -> None:
        """So many changes were taken in."""

    def delay(self, seconds: float) -> None:
        """A change was taken in so long after its time, by two clocks that may be apart."""


class Feed:
    """Reads changes and tells subscribers; `bound` learns how far it has come.

    Whatever goes wrong, in a subscriber as well, leaves the bound where it was: the cache grows stale, and is not relied on.
    """

    def __init__(
        self,
        *,
        source: Source,
        bound: RevocationBound,
        log: Log,
        metrics: FeedMetrics,
        poll: bool = False,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`poll`: without a watch. `wall_clock` returns Unix seconds."""
        self._source = source
        self._bound = bound
        self._log = log
        self._metrics = metrics
        self._wall_clock = wall_clock
        self.poll_seconds: Final = min(bound.seconds / _SHARE_OF_BOUND, _LONGEST_POLL)
        self._number: int | None = None
        self._failing: type[Exception] | None = None
        self._subscribers: list[tuple[Kind, Forget]] = []
        self._sequence_hooks: list[Callable[[int], None]] = []
        self._history_hooks: list[Callable[[Changes], None]] = []
        self._nudge = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counterseal-feed", daemon=True)
        self._watcher = None if poll else _Watcher(source, self._nudge, self._closed, log, pause=self.poll_seconds)

    def subscribe(self, kind: Kind, forget: Forget) -> None:
        """Have `forget` called with what has changed, before the bound moves on. It must be quick. Before `start` only."""
        self._subscribers.append((kind, forget))

    def on_sequence(self, hook: Callable[[int], None]) -> None:
        """Have `hook` called with the number of the change sequence whenever it is another. Before `start` only."""
        self._sequence_hooks.append(hook)

    def on_history(self, hook: Callable[[Changes], None]) -> None:
        """Have `hook` called with every reading of another number, and of another history. Before `start` only."""
        self._history_hooks.append(hook)

    def is_fresh(self) -> bool:
        """Say whether subscribers have been told of everything older than the bound. The outage grace does not make it so."""
        return self._bound.is_fresh()

    def start(self) -> None:
        """Begin to read."""
        if self._watcher is not None:
            self._watcher.start()
        self._thread.start()

    def close(self) -> None:
        """Stop; waits a little for the reading under way."""
        self._closed.set()
        self._nudge.set()
        if self._watcher is not None:
            self._watcher.renew()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)

    def catch_up(self) -> bool:
        """Read once, and say whether that went well. For the feed's thread, and for tests that have none."""
        began = self._bound.clock()
        try:
            changes = self._source.read(self._number)
            for kind, forget in self._subscribers:
                names = changes.names[kind]
                if names is None or names:
                    forget(names)
            if changes.number != self._number or not changes.followed:
                for told in self._history_hooks:
                    told(changes)
            if changes.number != self._number:
                for hook in self._sequence_hooks:
                    hook(changes.number)
        except Exception as error:  # of any kind: a feed that ended would leave the cache stale for good
            self._failed(error)
            return False
        before, self._number = self._number, changes.number
        self._bound.caught_up(began)
        self._succeeded(changes, before)
        return True

    def _run(self) -> None:
        while not self._closed.is_set():
            self._nudge.clear()
            if self.catch_up():
                self._closed.wait(_LEAST_PAUSE)
                self._nudge.wait(self.poll_seconds)
                continue
            if self._watcher is not None:
                # Whatever keeps readings from coming through may have cut the watch as well, and silently.
                self._watcher.renew()
            self._closed.wait(self.poll_seconds)

    def _failed(self, error: Exception) -> None:
        self._metrics.read("failed")
        if self._failing is not type(error):
            self._log.warning("feed_lost", feed_age_seconds=self._age(), **describe(error))
        self._failing = type(error)

    def _succeeded(self, changes: Changes, before: int | None) -> None:
        if self._failing is not None:
            self._failing = None
            self._log.warning("feed_recovered")
        missed = [kind.value for kind, names in changes.names.items() if names is None]
        if missed:
            self._log.info("feed_reset", kinds=missed, number=changes.number, before=before)
        self._metrics.read("reset" if missed else "unchanged" if changes.number == before else "changed")
        self._metrics.changed(sum(len(names) for names in changes.names.values() if names))
        now = self._wall_clock()
        for updated in changes.updated:
            self._metrics.delay(max(0.0, now - updated / 1e6))

    def _age(self) -> float | None:
        """How old the feed's knowledge is; None before the first reading."""
        return None if self._number is None else round(self._bound.age(), 3)


class _Watcher:
    """Waits for hints in a thread of its own: neither opening a watch nor a dead one may be in the way of reading."""

    def __init__(self, source: Source, nudge: threading.Event, closed: threading.Event, log: Log, *, pause: float) -> None:
        self._source = source
        self._nudge = nudge
        self._closed = closed
        self._log = log
        self._pause = pause
        self._lock = threading.Lock()
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._run, name="counterseal-watch", daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def renew(self) -> None:
        """Give up the watch; another is opened, unless the feed is closed."""
        with self._lock:
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow(self._source.watch())
            except StoreUnavailable:
                pass  # the readings tell of it
            except Exception as error:  # of any kind: without this thread, hints would end for good
                self._log.warning("feed_watch_failed", **describe(error))
            self._closed.wait(self._pause)

    def _follow(self, watch: Watch) -> None:
        """Pass on hints until the watch is renewed or raises."""
        with self._lock:
            self._watch = watch
        try:
            while self._watch is watch and not self._closed.is_set():
                # First, too: what was committed before the watch was there, it tells nobody.
                self._nudge.set()
                watch.wait(_WATCH_SECONDS)
        finally:
            self.renew()
