"""What a failed call becomes for the administrator: the errors of `errors.py` and `client_errors.py`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from counterseal.server import errors
from counterseal.server.rpc import client_errors

ERROR_DOMAIN: Final = "counterseal"
_BY_REASON: Final[Mapping[str, type[errors.ServiceError]]] = {
    "CALLER_UNKNOWN": errors.CallerUnknown,
    "CALLER_NOT_PERMITTED": errors.CallerNotPermitted,
    "KEY_NOT_FOUND": errors.KeyNotFound,
    "KEY_EXISTS": errors.KeyExists,
    "ETAG_MISMATCH": errors.EtagMismatch,
    "KEY_REVOKED": errors.KeyIsRevoked,
    "REQUEST_ID_REUSED": errors.RequestIdReused,
    "CALLER_NOT_FOUND": errors.CallerNotFound,
    "CALLER_EXISTS": errors.CallerExists,
    "PRINCIPAL_NOT_FOUND": errors.PrincipalNotFound,
    "PRINCIPAL_EXISTS": errors.PrincipalExists,
    "SESSION_NOT_FOUND": errors.SessionNotFound,
    "SIGN_IN_UNAVAILABLE": errors.SignInUnavailable,
    "CALLER_LIMIT": errors.CallerLimitReached,
    "STORE_UNAVAILABLE": errors.StoreUnavailable,
    "REPLAY_GUARD_UNAVAILABLE": errors.ReplayGuardUnavailable,
    "OVERLOADED": client_errors.ServerBusy,
    "STOPPING": client_errors.ServerBusy,
    "DEADLINE_EXCEEDED": client_errors.CallTimedOut,
    "INTERNAL": client_errors.ServerDefect,
}
# For answers that carry no reason: gRPC's own, or those of a proxy in between.
_BY_CODE: Final[Mapping[grpc.StatusCode, type[errors.ServiceError]]] = {
    grpc.StatusCode.UNAUTHENTICATED: errors.CallerUnknown,
    grpc.StatusCode.PERMISSION_DENIED: errors.CallerNotPermitted,
    grpc.StatusCode.RESOURCE_EXHAUSTED: client_errors.ServerBusy,
    grpc.StatusCode.DEADLINE_EXCEEDED: client_errors.CallTimedOut,
}


@contextmanager
def typed_errors(address: str) -> Iterator[None]:
    """Turn gRPC's error of a call to `address` into one of ours, by the reason that the service attached."""
    try:
        yield
    except grpc.RpcError as error:
        raise _typed(error, address) from None


def _typed(error: grpc.RpcError, address: str) -> errors.ServiceError:
    code, text = error.code(), error.details() or ""
    info = _error_info(error)
    if info is None:
        if code is grpc.StatusCode.UNAVAILABLE:
            return client_errors.ServerUnreachable(address, text.rpartition("last error: ")[2].removeprefix("UNKNOWN: "))
        kind = _BY_CODE.get(code, client_errors.ServerDefect)
        return kind(f"{address} answered {code.name}: {text}" if text else f"{address} answered {code.name}")
    if info.reason == "INVALID_FIELD":
        name = info.metadata.get("field", "")
        return errors.InvalidField(name, text.removeprefix(f"{name}: "))
    return _BY_REASON.get(info.reason, client_errors.ServerDefect)(text or info.reason)


def _error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo | None:
    """Return the reason that the service attached, or None when the error is not the service's own."""
    try:
        rich = rpc_status.from_call(error)
    except ValueError:  # the rich answer contradicts the plain one: trust neither
        return None
    for detail in rich.details if rich is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == ERROR_DOMAIN:
            return info
    return None
