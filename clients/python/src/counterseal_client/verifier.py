"""The synchronous client."""

import uuid
from collections.abc import Sequence

from counterseal.core.body import Link
from counterseal.v1 import verification_pb2 as pb
from counterseal.v1.verification_pb2_grpc import VerificationServiceStub
from counterseal_client._calls import Calls
from counterseal_client._convert import to_chunks_message, to_chunks_verdict, to_message, to_verdict
from counterseal_client.connection import Connection
from counterseal_client.errors import RequestNotAccepted
from counterseal_client.model import ChunksVerified, Demand, HttpRequest, Rejected, Verdict


class Verifier(Calls[VerificationServiceStub]):
    """Asks the service for verdicts. May be shared by threads; close it, or use it in a `with` statement.

    Make it after a process has forked, not before: gRPC's connections do not survive a fork.
    """

    def __init__(self, connection: Connection | str) -> None:
        super().__init__(Connection(address=connection) if isinstance(connection, str) else connection, VerificationServiceStub)

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
