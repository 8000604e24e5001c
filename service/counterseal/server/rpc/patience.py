"""Calls that keep a thread waiting for their peer, and the end of our patience with them.

grpcio's synchronous server gives every call a thread before its message is there, and waits in it for as long as the peer's
connection lives: with as many calls without messages as there are threads, a stranger stops everything. So whatever waits for
a peer stands in a table while it does, and calls that stand there too long are cancelled.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc

from counterseal.server.rpc.errors import CallCancelled

_TICK_SECONDS: Final = 0.1


class Patience:
    """Cancels calls that wait longer than `seconds`; from `crowd` waiting calls on, longer than `hurry` seconds."""

    def __init__(self, *, seconds: float, hurry: float, crowd: int) -> None:
        self._seconds = seconds
        self._hurry = hurry
        self._crowd = crowd
        # Entered and left without a lock: each is one operation on a dict.
        self._calls: dict[grpc.ServicerContext, float] = {}
        # Counted by our own thread, and read off no clock: when the machine lets this process wait for seconds, what callers
        # have sent lies unread meanwhile, and nobody is late.
        self._now = 0.0
        self._over = threading.Event()
        threading.Thread(target=self._follow, name="counterseal-patience", daemon=True).start()

    def message(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes | None:
        """Return the call's message, or None when it ends without one.

        A second message is not looked for, nor does grpcio in a unary call: waiting for the end costs another turn of its
        polling thread. What was read is what is answered.

        Raises:
            CallCancelled: by its peer, or here.
        """
        self._calls[context] = self._now
        try:
            return next(requests, None)
        except grpc.RpcError:
            raise CallCancelled("the call was cancelled before its message was there") from None
        finally:
            self._calls.pop(context, None)

    @contextmanager
    def during(self, context: grpc.ServicerContext) -> Iterator[None]:
        """Cancel the call if what happens inside takes too long."""
        self._calls[context] = self._now
        if self._over.is_set():
            context.cancel()
        try:
            yield
        finally:
            self._calls.pop(context, None)

    def close(self) -> None:
        """Cancel whoever waits, and end."""
        self._over.set()
        for context in self._calls.copy():
            context.cancel()

    def _follow(self) -> None:
        while not self._over.wait(_TICK_SECONDS):
            self._now += _TICK_SECONDS
            calls = self._calls.copy()
            since = self._now - (self._hurry if len(calls) >= self._crowd else self._seconds)
            for context, begun in calls.items():
                # Gone, if it is no longer there: what it waited for has come in the meantime.
                if begun < since and self._calls.pop(context, None) is not None:
                    context.cancel()
