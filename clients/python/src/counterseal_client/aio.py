"""The asynchronous client, on grpc.aio."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from counterseal.core.body import Link
from counterseal.v1.verification_pb2_grpc import VerificationServiceStub
from counterseal_client._calls import AsyncCalls
from counterseal_client._convert import to_chunks_verdict, to_verdict
from counterseal_client.connection import Connection
from counterseal_client.model import ChunksVerified, Demand, HttpRequest, Rejected, Verdict
from counterseal_client.verifier import build_chunks_message, build_message

if TYPE_CHECKING:  # a name of the type hints alone: at run time one class serves both kinds of channel
    from counterseal.v1.verification_pb2_grpc import VerificationServiceAsyncStub  # noqa: F401 - of the base class


class AsyncVerifier(AsyncCalls["VerificationServiceAsyncStub"]):
    """Asks the service for verdicts from one event loop. Close it, or use it in an `async with` statement.

    Channels are opened by the first call, because grpc.aio ties them to the running loop and a gateway is usually put
    together before its loop runs.
    """

    def __init__(self, connection: Connection | str) -> None:
        to = Connection(address=connection) if isinstance(connection, str) else connection
        super().__init__(to, VerificationServiceStub)  # type: ignore[arg-type]

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
