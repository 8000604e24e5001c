"""Calls over several connections, made again where that is worth it: what `Verifier` and `Sessions` share."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc
import grpc.aio

from counterseal_client.connection import CHANNEL_OPTIONS, Connection, may_retry, to_error
from counterseal_client.errors import VerifierUnavailable

_T = TypeVar("_T")
_Stub = TypeVar("_Stub")


class Calls(Generic[_Stub]):
    """The connections of a synchronous client. May be shared by threads; close it, or use it in a `with` statement.

    Make it after a process has forked, not before: gRPC's connections do not survive a fork.
    """

    def __init__(self, connection: Connection, stub: Callable[[grpc.Channel], _Stub]) -> None:
        self._connection = connection
        self._channels = [_open_channel(connection) for _ in range(connection.channels)]
        self._stubs = [stub(channel) for channel in self._channels]
        self._turn = itertools.count()

    def _attempt(self, call: Callable[..., _T]) -> _T:
        """Make a call, again where that is worth it and the deadline allows."""
        deadline = time.monotonic() + self._connection.timeout
        for attempt in itertools.count(1):
            left = deadline - time.monotonic()
            if left <= 0:
                raise _no_time_left()
            # Another connection every time, so that a retry does not meet the connection that just failed.
            stub = self._stubs[next(self._turn) % len(self._stubs)]
            try:
                return call(stub, timeout=left, metadata=self._connection.metadata())
            except grpc.RpcError as error:
                if not may_retry(error):
                    raise to_error(error) from None
                pause = self._connection.pause(attempt, deadline - time.monotonic())
                if pause is None:
                    raise to_error(error) from None
                time.sleep(pause)
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connections. Calls in flight end with VerifierUnavailable."""
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncCalls(Generic[_Stub]):
    """The connections of a client of one event loop. Close it, or use it in an `async with` statement.

    Channels are opened by the first call, because grpc.aio ties them to the running loop and a gateway is usually put
    together before its loop runs.
    """

    def __init__(self, connection: Connection, stub: Callable[[Any], _Stub]) -> None:
        self._connection = connection
        self._stub = stub
        self._channels: list[grpc.aio.Channel] = []
        self._stubs: list[_Stub] = []
        self._turn = itertools.count()

    async def _attempt(self, call: Callable[..., Awaitable[_T]]) -> _T:
        """Make a call, again where that is worth it and the deadline allows."""
        deadline = time.monotonic() + self._connection.timeout
        for attempt in itertools.count(1):
            left = deadline - time.monotonic()
            if left <= 0:
                raise _no_time_left()
            if not self._stubs:
                self._open()
            stub = self._stubs[next(self._turn) % len(self._stubs)]
            try:
                return await call(stub, timeout=left, metadata=self._connection.metadata())
            except grpc.aio.AioRpcError as error:
                if not may_retry(error):
                    raise to_error(error) from None
                pause = self._connection.pause(attempt, deadline - time.monotonic())
                if pause is None:
                    raise to_error(error) from None
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    def _open(self) -> None:
        self._channels = [_open_aio_channel(self._connection) for _ in range(self._connection.channels)]
        self._stubs = [self._stub(channel) for channel in self._channels]

    async def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        channels, self._channels, self._stubs = self._channels, [], []
        for channel in channels:
            await channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _no_time_left() -> VerifierUnavailable:
    return VerifierUnavailable("DEADLINE_EXCEEDED: no time is left for another attempt", code="DEADLINE_EXCEEDED")


def _open_channel(connection: Connection) -> grpc.Channel:
    if connection.tls is None:
        return grpc.insecure_channel(connection.address, options=CHANNEL_OPTIONS)
    return grpc.secure_channel(connection.address, connection.tls.credentials(), options=CHANNEL_OPTIONS)


def _open_aio_channel(connection: Connection) -> grpc.aio.Channel:
    if connection.tls is None:
        return grpc.aio.insecure_channel(connection.address, options=CHANNEL_OPTIONS)
    return grpc.aio.secure_channel(connection.address, connection.tls.credentials(), options=CHANNEL_OPTIONS)
