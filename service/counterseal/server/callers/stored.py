"""The callers that live in the store, kept in memory, and never older than the revocation bound.

Read whole, when the store's mark says that it changed, and every minute anyway (`watch.py`). The change feed has this look
whenever something has changed, before it moves on; so what is known here is as young as the feed. A row that does not open, and
one that claims what the configuration gives to another, is left out and reported; the others go on to call.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from counterseal.server.callers.book import CallerBook, by_digest
from counterseal.server.callers.caller import Caller, pace_of
from counterseal.server.callers.reserved import Reserved
from counterseal.server.errors import SealBroken, StoreUnavailable
from counterseal.server.keys.caller_seal import check_seal
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.store.caller_records import CallerMark, CallerState, Role, StoredCaller
from counterseal.server.store.callers import CallerStore

# Calls that wait while another one reads; further ones are sent elsewhere, so that they do not take up the server's threads.
_MOST_WAITING: Final = 16
_WAIT_SECONDS: Final = 0.5
# After the store has not answered, it is asked again so much later.
_PAUSE_SECONDS: Final = 0.1

# Told the name and what is wrong, once for each row that was found so.
Alarm = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class _Known:
    """The callers as they were at the time `checked`, of our clock, or later."""

    book: CallerBook
    checked: float


class StoredCallers:
    """Thread-safe. `bound` and what `clock` returns are seconds; `reserved` is what belongs to others."""

    def __init__(
        self,
        *,
        store: CallerStore,
        cipher: SecretCipher,
        bound: float,
        reserved: Reserved,
        alarm: Alarm,
        clock: Callable[[], float] = time.monotonic,
        as_of: Callable[[], float] = lambda: float("-inf"),
    ) -> None:
        """`as_of` dates the change feed by the same clock: for whatever was committed before, `refresh` was called."""
        self._store = store
        self._cipher = cipher
        self._bound = bound
        self._reserved = reserved
        self._alarm = alarm
        self._clock = clock
        self._as_of = as_of
        self._known = _Known(CallerBook(), float("-inf"))
        self._mark: CallerMark | None = None
        self._failed = float("-inf")
        self._reported: frozenset[tuple[str, bytes]] = frozenset()
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)

    def fresh(self) -> CallerBook:
        """Return the callers as they are, or were at most the bound ago.

        Raises:
            StoreUnavailable: that cannot be found out now.
        """
        # Before what is known is looked at: it may become younger in between, and must not seem so.
        as_of = self._as_of()
        known = self._known
        if self._clock() - max(known.checked, as_of) <= self._bound:
            return known.book
        return self._catch_up()

    def latest(self) -> CallerBook:
        """Return the callers as they were last known, however long ago."""
        return self._known.book

    def refresh(self, *, whole: bool = False) -> None:
        """Take up what has changed. What is committed before this begins is in force when it returns.

        `whole`: read every row, however still the mark stands. A row changed behind our back does not move it.

        Raises:
            StoreUnavailable: the store does not answer; what was known stays known, and grows old.
        """
        with self._lock:
            self._read(whole=whole)

    def _catch_up(self) -> CallerBook:
        """Read for a call that cannot go on without. One reads, some wait for it, the rest is sent elsewhere."""
        if not self._waiting.acquire(blocking=False):
            raise StoreUnavailable("the callers are being read")
        try:
            asked = self._clock()
            if not self._lock.acquire(timeout=_WAIT_SECONDS):
                raise StoreUnavailable("the callers are being read")
            try:
                if self._known.checked < asked - self._bound:
                    if self._clock() - self._failed < _PAUSE_SECONDS:
                        raise StoreUnavailable("the callers cannot be read")
                    self._read()
                return self._known.book
            finally:
                self._lock.release()
        finally:
            self._waiting.release()

    def _read(self, *, whole: bool = False) -> None:
        """Under the lock."""
        began = self._clock()
        try:
            mark = self._store.mark()  # before the rows: whatever changes in between moves the mark of the next time
            if mark == self._mark and not whole:
                self._known = _Known(self._known.book, began)
                return
            rows = self._store.read_all()
        except StoreUnavailable:
            self._failed = self._clock()
            raise
        wrong = {(name, b""): "a stored caller makes no sense to this release" for name in rows.unreadable}
        callers = []
        for stored in rows.callers:
            if problem := self._problem(stored):
                wrong[stored.record.name, stored.seal] = problem
            elif stored.record.state is CallerState.ACTIVE:
                callers.append(stored)
        self._known, self._mark = _Known(_book(callers), began), mark
        for row in wrong.keys() - self._reported:
            self._alarm(row[0], wrong[row])
        self._reported = frozenset(wrong)

    def _problem(self, stored: StoredCaller) -> str:
        try:
            check_seal(stored, self._cipher)
        except SealBroken as error:
            return str(error)
        if stored.record.name in self._reserved.names or stored.record.san in self._reserved.sans:
            return "the configuration gives this caller's name, or what it is recognised by, to another"
        return ""


def caller_of(stored: StoredCaller) -> Caller:
    """Return the caller in a row that opens."""
    record, limits = stored.record, stored.record.limits
    return Caller(
        name=record.name,
        role=record.role,
        tenants=limits.tenants or None,
        schemes=limits.schemes or None,
        regions=limits.regions or None,
        services=limits.services or None,
        string_to_sign=limits.string_to_sign,
        lease=record.role in {Role.ADMIN, Role.LEASE},
        pace=pace_of(calls_per_second=limits.calls_per_second, burst=limits.burst, concurrent_calls=limits.concurrent_calls),
    )


def _book(rows: list[StoredCaller]) -> CallerBook:
    callers = [(stored, caller_of(stored)) for stored in rows]
    return CallerBook(
        by_token=by_digest((stored.token_sha256, caller) for stored, caller in callers if stored.token_sha256 is not None),
        by_san={stored.record.san: caller for stored, caller in callers if stored.record.san},
    )
