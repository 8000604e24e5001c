"""LISTEN on a connection of its own.

Written against libpq itself: waiting, asking whether the connection still lives, and hearing a notification are one wait here.
"""

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import psycopg

from counterseal.server.errors import StoreUnavailable

_QUIET_SECONDS: Final = 1.0


class Listening:
    """A watch that hears every change that was announced since it was opened."""

    def __init__(self, connection: "psycopg.Connection[Any]", timeout: float, lost: Callable[[], None]) -> None:
        self._connection, self._pgconn = connection, connection.pgconn
        self._timeout, self._lost = timeout, lost
        self._heard = time.monotonic()
        self._asked: float | None = None
        self._closed = False
        self._in_use = threading.Lock()
        # A duplicate, to wake whoever waits from another thread.
        self._socket = socket.socket(fileno=os.dup(connection.pgconn.socket))

    def wait(self, seconds: float) -> None:
        """See Watch."""
        end = time.monotonic() + seconds
        with self._in_use:
            try:
                while not self._closed and not self._notified():
                    now = time.monotonic()
                    if now >= end:
                        return
                    self._ask_if_quiet(now)
                    self._poll(min(end - now, _QUIET_SECONDS))
            except psycopg.Error as error:
                if not self._closed:
                    self._lost()
                    raise StoreUnavailable("the connection that hears of changes is gone") from error

    def _poll(self, seconds: float) -> None:
        poller = select.poll()
        poller.register(self._pgconn.socket, select.POLLIN)
        poller.poll(max(1, int(seconds * 1000)))

    def _notified(self) -> bool:
        """Take in what has arrived; say whether a notification was in it."""
        poller = select.poll()
        poller.register(self._pgconn.socket, select.POLLIN)
        if poller.poll(0):
            self._pgconn.consume_input()
            self._heard = time.monotonic()
        while self._asked is not None and not self._pgconn.is_busy():
            if self._pgconn.get_result() is None:
                self._asked = None
        found = False
        while self._pgconn.notifies() is not None:
            found = True
        return found

    def _ask_if_quiet(self, now: float) -> None:
        """Send an empty query after a quiet second. A listener whose connection was cut silently would wait for ever."""
        if self._asked is None:
            if now - self._heard >= _QUIET_SECONDS:
                self._pgconn.send_query(b"")
                self._asked = now
        elif now - self._asked > self._timeout:
            raise psycopg.OperationalError("no answer in time")

    def close(self) -> None:
        """See Watch."""
        self._closed = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._in_use:
            self._socket.close()
            self._connection.close()


def open_listening(
    connect: Callable[[], "psycopg.Connection[Any]"], channel: str, timeout: float, lost: Callable[[], None]
) -> Listening:
    """Connect and listen. `lost` is called when the connection turns out to be gone.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    try:
        connection = connect()
        try:
            connection.autocommit = True
            connection.execute(f"LISTEN {channel}".encode())
            return Listening(connection, timeout, lost)
        except BaseException:
            connection.close()
            raise
    except psycopg.Error as error:
        raise StoreUnavailable("the key store did not answer") from error
