"""Single flight: concurrent finds of one key id make one load."""

from concurrent.futures import Future
from threading import Lock
from typing import Final

from counterseal.server.errors import SealBroken, StoreUnavailable
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.ring import KeyRing, OpenedKey
from counterseal.server.keys.workers import Workers
from counterseal.server.lanes import seconds_left

_SHARED: Final = (StoreUnavailable, SealBroken)


class SingleFlightKeyRing:
    """Loads each key once for all who wait for it, in threads of its own.

    No caller leads: one that gives up, or whose deadline passes, leaves the load to the others. Each find waits at most
    `timeout` seconds, and not longer than its call has. Errors go to all who wait and are forgotten with the flight. A load
    older than the revocation bound is not joined: what it brings would be too old to be relied on, or to be called absent.
    """

    def __init__(
        self, inner: KeyRing, *, timeout: float, bound: RevocationBound, threads: int = 8, max_flights: int = 1024
    ) -> None:
        """`max_flights` bounds the loads that may be waiting or under way when the store hangs."""
        self._inner = inner
        self._timeout = timeout
        self._joinable = min(timeout, bound.seconds)
        self._clock = bound.clock
        self._max_flights = max_flights
        self._workers = Workers(threads)
        self._lock = Lock()
        self._flights: dict[str, _Flight] = {}
        self._running = 0

    def find(self, key_id: str) -> OpenedKey | None:
        """See KeyRing. StoreUnavailable also when the load takes longer than `timeout`, or too many loads are waiting."""
        landed = self._join(key_id).landed
        try:
            return landed.result(seconds_left(self._timeout))
        except _SHARED as error:
            # A fresh one for each who waits: a shared one would collect all their tracebacks.
            raise type(error)(str(error)) from error
        except TimeoutError:
            if landed.done():
                raise  # the load's own, and none of the errors that a load may raise
            raise StoreUnavailable("the key store did not answer in time") from None

    def evict(self, key_id: str) -> None:
        """See KeyRing. A load under way goes on for those who wait already; whoever comes now gets a new one."""
        self._inner.evict(key_id)
        with self._lock:
            self._flights.pop(key_id, None)

    def evict_all(self) -> None:
        """See KeyRing."""
        self._inner.evict_all()
        with self._lock:
            self._flights.clear()

    def holds(self, opened: OpenedKey) -> bool:
        """See KeyRing."""
        return self._inner.holds(opened)

    def close(self) -> None:
        """Let the threads end."""
        self._workers.close()

    def _join(self, key_id: str) -> "_Flight":
        with self._lock:
            flight = self._flights.get(key_id)
            # A load older than the timeout is stuck; the next find tries anew instead of waiting for it as well.
            now = self._clock()
            if flight is not None and now - flight.started < self._joinable:
                return flight
            if self._running >= self._max_flights:
                raise StoreUnavailable("the key store is busy: too many keys are waiting to be loaded")
            flight = _Flight(now)
            self._flights[key_id] = flight
            self._running += 1
        self._workers.submit(lambda: self._load(key_id, flight))
        return flight

    def _load(self, key_id: str, flight: "_Flight") -> None:
        try:
            opened = self._inner.find(key_id)
        except BaseException as error:  # whatever it is, it belongs to those who wait
            self._land(key_id, flight)
            flight.landed.set_exception(error)
        else:
            self._land(key_id, flight)
            flight.landed.set_result(opened)

    def _land(self, key_id: str, flight: "_Flight") -> None:
        """Take the flight off the board before its result is known, so that no result is handed out twice."""
        with self._lock:
            self._running -= 1
            if self._flights.get(key_id) is flight:
                del self._flights[key_id]


class _Flight:
    """A load under way."""

    __slots__ = ("landed", "started")

    def __init__(self, started: float) -> None:
        self.landed: Future[OpenedKey | None] = Future()
        self.started = started
