"""The signals that ask the server to end, or the supervisor of several workers to do something."""

import contextlib
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def ending_signals(also: Callable[[], None] | None = None) -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and SIGINT set; `also` is called too. A second signal ends the process at once."""
    asked, came = threading.Event(), deque[int]()

    def handler(number: int) -> None:
        came.append(number)
        if len(came) > 1:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def tell() -> None:
        asked.set()
        if also is not None:
            also()

    with _told((signal.SIGTERM, signal.SIGINT), handler, tell):
        yield asked


@contextmanager
def hangups(heard: Callable[[], None]) -> Iterator[None]:
    """Call `heard` at SIGHUP, which would otherwise end the process."""
    with _told((signal.SIGHUP,), lambda _number: None, heard):
        yield


@contextmanager
def _told(numbers: Sequence[int], handler: Callable[[int], None], tell: Callable[[], None]) -> Iterator[None]:
    """At each of these signals call `handler` at once, and `tell` in a thread of its own.

    A handler runs in the middle of whatever the main thread was at, with the locks that it holds: one that sets an event, or
    writes a line of the log, may wait for itself for ever.
    """
    there, wake = os.pipe()
    os.set_blocking(wake, False)

    def follow() -> None:
        while os.read(there, 1):
            tell()
        os.close(there)

    def handle(number: int, _: object) -> None:
        handler(number)
        with contextlib.suppress(BlockingIOError):  # so many wait to be told that one more says nothing new
            os.write(wake, b".")

    threading.Thread(target=follow, name="counterseal-signals", daemon=True).start()
    try:
        with _handled(numbers, handle):
            yield
    finally:
        os.close(wake)


class SignalQueue:
    """Signals in the order in which they came. `fileno` is ready to be read when there are any."""

    def __init__(self) -> None:
        self._there, self._wake = socket.socketpair()
        for end in (self._there, self._wake):
            end.setblocking(False)
        self._numbers: deque[int] = deque()

    def fileno(self) -> int:
        """Return what to wait for."""
        return self._there.fileno()

    def take(self) -> list[int]:
        """Return the signals that have come since."""
        with contextlib.suppress(BlockingIOError):
            while self._there.recv(4096):
                pass
        found = []
        while self._numbers:
            found.append(self._numbers.popleft())
        return found

    def _put(self, number: int, _: object) -> None:
        self._numbers.append(number)

    @contextmanager
    def of(self, numbers: Sequence[int]) -> Iterator[None]:
        """Queue these signals. In the main thread alone."""
        former = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        try:
            with _handled(numbers, self._put):
                yield
        finally:
            signal.set_wakeup_fd(former)


@contextmanager
def _handled(numbers: Sequence[int], handler: Callable[[int, object], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
