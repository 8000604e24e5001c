"""The synchronous client."""

import itertools
import time
import uuid
from types import TracebackType
from typing import Self

import grpc

from counterseal.v1 import verification_pb2 as pb
from counterseal.v1.verification_pb2_grpc import VerificationServiceStub
from counterseal_client._convert import to_message, to_verdict
from counterseal_client.connection import CHANNEL_OPTIONS, Connection, may_retry, to_error
from counterseal_client.errors import RequestNotAccepted, VerifierUnavailable
from counterseal_client.model import Demand, HttpRequest, Verdict


class Verifier:
    """Asks the service for verdicts. May be shared by threads; close it, or use it in a `with` statement.

    Make it after a process has forked, not before: gRPC's connections do not survive a fork.
    """

    def __init__(self, connection: Connection | str) -> None:
        self._connection = Connection(address=connection) if isinstance(connection, str) else connection
        self._channels = [_open_channel(self._connection) for _ in range(self._connection.channels)]
        self._stubs = [VerificationServiceStub(channel) for channel in self._channels]
        self._turn = itertools.count()

    def verify(self, request: HttpRequest, demand: Demand | None = None, *, request_id: str | None = None) -> Verdict:
        """Return who signed `request`, or why it is refused.

        `request_id` (at most 128 characters of [A-Za-z0-9._:-]; made up when None) is the same on every attempt. Raises
        VerifierError, mostly as VerifierUnavailable, CallerRefused or RequestNotAccepted: then there is no verdict, and the
        request must not pass.
        """
        deadline = time.monotonic() + self._connection.timeout
        message = build_message(request, demand, request_id)
        for attempt in itertools.count(1):
            try:
                return to_verdict(self._call(message, deadline))
            except grpc.RpcError as error:
                if not may_retry(error):
                    raise to_error(error) from None
                pause = self._connection.pause(attempt, deadline - time.monotonic())
                if pause is None:
                    raise to_error(error) from None
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _call(self, message: pb.VerifyRequest, deadline: float) -> pb.VerifyResponse:
        left = deadline - time.monotonic()
        if left <= 0:
            raise VerifierUnavailable("DEADLINE_EXCEEDED: no time is left for another attempt", code="DEADLINE_EXCEEDED")
        # Another connection every time, so that a retry does not meet the connection that just failed.
        stub = self._stubs[next(self._turn) % len(self._stubs)]
        return stub.Verify(message, timeout=left, metadata=self._connection.metadata())

    def close(self) -> None:
        """Close the connections. Calls in flight end with VerifierUnavailable."""
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def build_message(request: HttpRequest, demand: Demand | None, request_id: str | None) -> pb.VerifyRequest:
    """Return the message for one verification. Raises RequestNotAccepted when the request cannot be put into one."""
    try:
        return to_message(request, demand, request_id or uuid.uuid4().hex)
    except (ValueError, TypeError) as error:
        raise RequestNotAccepted(f"the request does not fit into a message: {error}", code="INVALID_ARGUMENT") from None


def _open_channel(connection: Connection) -> grpc.Channel:
    if connection.tls is None:
        return grpc.insecure_channel(connection.address, options=CHANNEL_OPTIONS)
    return grpc.secure_channel(connection.address, connection.tls.credentials(), options=CHANNEL_OPTIONS)
