"""The asynchronous client, on grpc.aio."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import grpc
import grpc.aio

from counterseal.core.body import Link
from counterseal.v1.verification_pb2_grpc import VerificationServiceStub
from counterseal_client._convert import to_chunks_verdict, to_verdict
from counterseal_client.connection import CHANNEL_OPTIONS, Connection, may_retry, to_error
from counterseal_client.errors import VerifierUnavailable
from counterseal_client.model import ChunksVerified, Demand, HttpRequest, Rejected, Verdict
from counterseal_client.verifier import build_chunks_message, build_message

if TYPE_CHECKING:  # a name of the type hints alone: at run time one class serves both kinds of channel
    from counterseal.v1.verification_pb2_grpc import VerificationServiceAsyncStub

_T = TypeVar("_T")


class AsyncVerifier:
    """Asks the service for verdicts from one event loop. Close it, or use it in an `async with` statement.

    Channels are opened by the first call, because grpc.aio ties them to the running loop and a gateway is usually put
    together before its loop runs.
    """

    def __init__(self, connection: Connection | str) -> None:
        self._connection = Connection(address=connection) if isinstance(connection, str) else connection
        self._channels: list[grpc.aio.Channel] = []
        self._stubs: list[VerificationServiceAsyncStub] = []
        self._turn = itertools.count()

    async def verify(
        self,
        request: HttpRequest,
        demand: Demand | None = None,
        *,
        request_id: str | None = None,
        lease_signing_key: bool = False,
    ) -> Verdict:
        """Return who signed `request`, or why it is refused. Arguments and errors: see `Verifier.verify`."""
        message = build_message(request, demand, request_id, lease_signing_key=lease_signing_key)
        return to_verdict(await self._attempt(lambda stub, **call: stub.Verify(message, **call)))

    async def verify_chunks(
        self, continuation: bytes, chunks: Sequence[Link], trailer: Link | None = None, *, request_id: str | None = None
    ) -> ChunksVerified | Rejected:
        """Verify further chunks of a body. Arguments and errors: see `Verifier.verify_chunks`."""
        message = build_chunks_message(continuation, chunks, trailer, request_id)
        return to_chunks_verdict(await self._attempt(lambda stub, **call: stub.VerifyChunks(message, **call)))

    async def _attempt(self, call: Callable[..., Awaitable[_T]]) -> _T:
        """Make a call, again where that is worth it and the deadline allows."""
        deadline = time.monotonic() + self._connection.timeout
        for attempt in itertools.count(1):
            left = deadline - time.monotonic()
            if left <= 0:
                raise VerifierUnavailable("DEADLINE_EXCEEDED: no time is left for another attempt", code="DEADLINE_EXCEEDED")
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
        self._channels = [_open_channel(self._connection) for _ in range(self._connection.channels)]
        self._stubs = [VerificationServiceStub(channel) for channel in self._channels]  # type: ignore[misc]

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


def _open_channel(connection: Connection) -> grpc.aio.Channel:
    if connection.tls is None:
        return grpc.aio.insecure_channel(connection.address, options=CHANNEL_OPTIONS)
    return grpc.aio.secure_channel(connection.address, connection.tls.credentials(), options=CHANNEL_OPTIONS)
