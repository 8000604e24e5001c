"""The one mapping from what goes wrong to a gRPC code and an `ErrorReason`. Nothing else chooses codes.

Every answer carries a `google.rpc.Status` with one `ErrorInfo`. What is not in the table is a bug: INTERNAL, fixed text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from counterseal.server import errors
from counterseal.v1 import error_reason_pb2 as reasons

DOMAIN: Final = "counterseal"
INTERNAL_TEXT: Final = "internal error; the service's log has the details"


class MessageUnreadable(errors.ServiceError):
    """The bytes of a call are no message of the method's kind."""


class MessageTooLarge(errors.ServiceError):
    """The message is larger than the service takes."""


class DeadlinePassed(errors.ServiceError):
    """The call's deadline passed before the work began, or while it lasted."""


class CallCancelled(errors.ServiceError):
    """The call ended before there was anything to answer. For the log and the metrics: nobody reads an answer any more."""


class Stopping(errors.ServiceError):
    """The service takes no more calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call's failure as it goes on the wire. Nothing in it is secret."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: Mapping[str, str]


_CODES: Final[Mapping[type[errors.ServiceError], tuple[grpc.StatusCode, int]]] = {
    errors.InvalidField: (grpc.StatusCode.INVALID_ARGUMENT, reasons.ERROR_REASON_INVALID_FIELD),
    MessageUnreadable: (grpc.StatusCode.INVALID_ARGUMENT, reasons.ERROR_REASON_INVALID_FIELD),
    errors.CallerUnknown: (grpc.StatusCode.UNAUTHENTICATED, reasons.ERROR_REASON_CALLER_UNKNOWN),
    errors.CallerNotPermitted: (grpc.StatusCode.PERMISSION_DENIED, reasons.ERROR_REASON_CALLER_NOT_PERMITTED),
    errors.KeyNotFound: (grpc.StatusCode.NOT_FOUND, reasons.ERROR_REASON_KEY_NOT_FOUND),
    errors.KeyExists: (grpc.StatusCode.ALREADY_EXISTS, reasons.ERROR_REASON_KEY_EXISTS),
    errors.EtagMismatch: (grpc.StatusCode.ABORTED, reasons.ERROR_REASON_ETAG_MISMATCH),
    errors.KeyIsRevoked: (grpc.StatusCode.FAILED_PRECONDITION, reasons.ERROR_REASON_KEY_REVOKED),
    errors.RequestIdReused: (grpc.StatusCode.ALREADY_EXISTS, reasons.ERROR_REASON_REQUEST_ID_REUSED),
    errors.StoreUnavailable: (grpc.StatusCode.UNAVAILABLE, reasons.ERROR_REASON_STORE_UNAVAILABLE),
    errors.ReplayGuardUnavailable: (grpc.StatusCode.UNAVAILABLE, reasons.ERROR_REASON_REPLAY_GUARD_UNAVAILABLE),
    errors.CallerLimitReached: (grpc.StatusCode.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_CALLER_LIMIT),
    errors.CallerNotFound: (grpc.StatusCode.NOT_FOUND, reasons.ERROR_REASON_CALLER_NOT_FOUND),
    errors.CallerExists: (grpc.StatusCode.ALREADY_EXISTS, reasons.ERROR_REASON_CALLER_EXISTS),
    errors.PrincipalNotFound: (grpc.StatusCode.NOT_FOUND, reasons.ERROR_REASON_PRINCIPAL_NOT_FOUND),
    errors.PrincipalExists: (grpc.StatusCode.ALREADY_EXISTS, reasons.ERROR_REASON_PRINCIPAL_EXISTS),
    errors.SessionNotFound: (grpc.StatusCode.NOT_FOUND, reasons.ERROR_REASON_SESSION_NOT_FOUND),
    errors.SignInUnavailable: (grpc.StatusCode.UNAVAILABLE, reasons.ERROR_REASON_SIGN_IN_UNAVAILABLE),
    Stopping: (grpc.StatusCode.UNAVAILABLE, reasons.ERROR_REASON_STOPPING),
    MessageTooLarge: (grpc.StatusCode.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_OVERLOADED),
    CallCancelled: (grpc.StatusCode.CANCELLED, reasons.ERROR_REASON_DEADLINE_EXCEEDED),
    DeadlinePassed: (grpc.StatusCode.DEADLINE_EXCEEDED, reasons.ERROR_REASON_DEADLINE_EXCEEDED),
}


def failure_of(error: BaseException) -> Failure:
    """Say how `error` goes on the wire. Whatever is unknown, a broken seal included, is INTERNAL with a fixed text."""
    found = _CODES.get(type(error)) if isinstance(error, errors.ServiceError) else None
    if found is None:
        return _failure(grpc.StatusCode.INTERNAL, reasons.ERROR_REASON_INTERNAL, INTERNAL_TEXT, {})
    code, reason = found
    metadata = {"field": error.field} if isinstance(error, errors.InvalidField) else {}
    return _failure(code, reason, str(error), metadata)


def _failure(code: grpc.StatusCode, reason: int, message: str, metadata: Mapping[str, str]) -> Failure:
    name = reasons.ErrorReason.Name(reason).removeprefix("ERROR_REASON_")
    return Failure(code=code, reason=name, message=message, metadata=metadata)


def wire_status(failure: Failure) -> grpc.Status:
    """Return the failure as gRPC sends it: code, message, and one ErrorInfo."""
    info = error_details_pb2.ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=failure.metadata)
    packed = any_pb2.Any()
    packed.Pack(info)
    status = status_pb2.Status(code=failure.code.value[0], message=failure.message, details=[packed])
    wire: grpc.Status = rpc_status.to_status(status)
    return wire
