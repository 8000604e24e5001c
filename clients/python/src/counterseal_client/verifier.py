"""The synchronous client."""

import itertools
import time
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar

import grpc

from counterseal.core.body import Link
from counterseal.v1 import verification_pb2 as pb
from counterseal.v1.verification_pb2_grpc import VerificationServiceStub
from counterseal_client._convert import to_chunks_message, to_chunks_verdict, to_message, to_verdict
from counterseal_client.connection import CHANNEL_OPTIONS, Connection, may_retry, to_error
from counterseal_client.errors import RequestNotAccepted, VerifierUnavailable
from counterseal_client.model import ChunksVerified, Demand, HttpRequest, Rejected, Verdict

_T = TypeVar("_T")


class Verifier:
    """Asks the service for verdicts. May be shared by threads; close it, or use it in a `with` statement.

    Make it after a process has forked, not before: gRPC's connections do not survive a fork.
    """

    def __init__(self, connection: Connection | str) -> None:
        self._connection = Connection(address=connection) if isinstance(connection, str) else connection
        self._channels = [_open_channel(self._connection) for _ in range(self._connection.channels)]
        self._stubs = [VerificationServiceStub(channel) for channel in self._channels]
        self._turn = itertools.count()

    def verify(
        self,
        request: HttpRequest,
        demand: Demand | None = None,
        *,
        request_id: str | None = None,
        lease_signing_key: bool = False,
    ) -> Verdict:
        """Return who signed `request`, or why it is refused.

        `request_id` (at most 128 characters of [A-Za-z0-9._:-]; made up when None) is the same on every attempt.
        `lease_signing_key`: ask for `ChunkSigned.signing_key`; the caller needs the permission `lease`. Raises VerifierError,
        mostly as VerifierUnavailable, CallerRefused or RequestNotAccepted: then there is no verdict, and the request must not
        pass.
        """
        message = build_message(request, demand, request_id, lease_signing_key=lease_signing_key)
        return to_verdict(self._attempt(lambda stub, **call: stub.Verify(message, **call)))

    def verify_chunks(
        self, continuation: bytes, chunks: Sequence[Link], trailer: Link | None = None, *, request_id: str | None = None
    ) -> ChunksVerified | Rejected:
        """Verify further chunks of a body, in their order, many in one call, and the trailer after the last one.

        `continuation` is `ChunkSigned.continuation` for the first call, and the answer's before for each later one. At most
        4096 chunks. Raises as `verify` does: then nobody knows, and no byte of these chunks may be handed on.
        """
        message = build_chunks_message(continuation, chunks, trailer, request_id)
        return to_chunks_verdict(self._attempt(lambda stub, **call: stub.VerifyChunks(message, **call)))

    def _attempt(self, call: Callable[..., _T]) -> _T:
        """Make a call, again where that is worth it and the deadline allows."""
        deadline = time.monotonic() + self._connection.timeout
        for attempt in itertools.count(1):
            left = deadline - time.monotonic()
            if left <= 0:
                raise VerifierUnavailable("DEADLINE_EXCEEDED: no time is left for another attempt", code="DEADLINE_EXCEEDED")
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


def build_message(
    request: HttpRequest, demand: Demand | None, request_id: str | None, *, lease_signing_key: bool
) -> pb.VerifyRequest:
    """Return the message for one verification. Raises RequestNotAccepted when the request cannot be put into one."""
    try:
        return to_message(request, demand, request_id or uuid.uuid4().hex, lease_signing_key=lease_signing_key)
    except (ValueError, TypeError) as error:
        raise RequestNotAccepted(f"the request does not fit into a message: {error}", code="INVALID_ARGUMENT") from None


def build_chunks_message(
    continuation: bytes, chunks: Sequence[Link], trailer: Link | None, request_id: str | None
) -> pb.VerifyChunksRequest:
    """Return the message for further chunks. Raises RequestNotAccepted when they cannot be put into one."""
    try:
        return to_chunks_message(continuation, chunks, trailer, request_id or uuid.uuid4().hex)
    except (ValueError, TypeError) as error:
        raise RequestNotAccepted(f"the chunks do not fit into a message: {error}", code="INVALID_ARGUMENT") from None


def _open_channel(connection: Connection) -> grpc.Channel:
    if connection.tls is None:
        return grpc.insecure_channel(connection.address, options=CHANNEL_OPTIONS)
    return grpc.secure_channel(connection.address, connection.tls.credentials(), options=CHANNEL_OPTIONS)
