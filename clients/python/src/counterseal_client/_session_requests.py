"""The messages of `Sessions` and `AsyncSessions`. What fits into none is RequestNotAccepted, before anybody is asked."""

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Final, ParamSpec, TypeVar

from counterseal.v1 import sessions_pb2 as pb
from counterseal_client._convert_sessions import to_duration, to_key_message
from counterseal_client.errors import RequestNotAccepted

_P = ParamSpec("_P")
_T = TypeVar("_T")
_USER_AGENT_BYTES: Final = 512


def _fits(build: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make what protobuf refuses (a lone surrogate, a number out of range) the error of a request that is not accepted.

    Its own text shows the value, which may be a password: it goes no further.
    """

    @functools.wraps(build)
    def building(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return build(*args, **kwargs)
        except (ValueError, TypeError, OverflowError):
            text = f"an argument of {build.__name__} does not fit into a message"
            raise RequestNotAccepted(text, code="INVALID_ARGUMENT") from None

    return building


@_fits
def client(source_address: str, user_agent: str) -> pb.ClientDetails:
    """Return the message. A long user agent is cut: it is the client's to choose, and must not fail a sign-in."""
    kept = user_agent.encode("utf-8", "replace")[:_USER_AGENT_BYTES].decode("utf-8", "ignore")
    return pb.ClientDetails(source_address=source_address, user_agent=kept)


@_fits
def sign_in(
    tenant: str,
    principal: str,
    password: str,
    client: pb.ClientDetails,
    access_token: bool,
    public_key: str | bytes | None,
) -> pb.SignInRequest:
    """Return the message. Raises RequestNotAccepted."""
    return pb.SignInRequest(
        tenant=tenant,
        principal=principal,
        password=password,
        client=client,
        access_token=access_token,
        public_key=to_key_message(public_key),
    )


@_fits
def exchange(
    id_token: str, nonce: str, client: pb.ClientDetails, access_token: bool, public_key: str | bytes | None
) -> pb.ExchangeRequest:
    """Return the message. Raises RequestNotAccepted."""
    return pb.ExchangeRequest(
        id_token=id_token, nonce=nonce, client=client, access_token=access_token, public_key=to_key_message(public_key)
    )


@_fits
def refresh(refresh_token: str, request_id: str, access_token: bool, public_key: str | bytes | None) -> pb.RefreshRequest:
    """Return the message. Raises RequestNotAccepted."""
    return pb.RefreshRequest(
        refresh_token=refresh_token,
        request_id=request_id,
        access_token=access_token,
        public_key=to_key_message(public_key),
    )


@_fits
def sign_out(access_token: str, refresh_token: str, session_id: str, wait: bool) -> pb.SignOutRequest:
    """Return the message. Raises RequestNotAccepted."""
    _only_one(access_token, refresh_token, session_id)
    if access_token:
        return pb.SignOutRequest(access_token=access_token, wait=wait)
    if refresh_token:
        return pb.SignOutRequest(refresh_token=refresh_token, wait=wait)
    return pb.SignOutRequest(session_id=session_id, wait=wait)


@_fits
def list_sessions(tenant: str, principal: str, include_over: bool, page_size: int, page_token: str) -> pb.ListSessionsRequest:
    """Return the message. Raises RequestNotAccepted."""
    return pb.ListSessionsRequest(
        tenant=tenant, principal=principal, include_over=include_over, page_size=page_size, page_token=page_token
    )


@_fits
def register_key(public_key: str | bytes, access_token: str, session_id: str) -> pb.RegisterSessionKeyRequest:
    """Return the message. Raises RequestNotAccepted."""
    _only_one(access_token, session_id)
    key = to_key_message(public_key)
    if access_token:
        return pb.RegisterSessionKeyRequest(access_token=access_token, public_key=key)
    return pb.RegisterSessionKeyRequest(session_id=session_id, public_key=key)


@_fits
def credentials(access_token: str, session_id: str, duration: timedelta | None) -> pb.IssueTemporaryCredentialsRequest:
    """Return the message. Raises RequestNotAccepted."""
    _only_one(access_token, session_id)
    length = to_duration(duration)
    if access_token:
        return pb.IssueTemporaryCredentialsRequest(access_token=access_token, duration=length)
    return pb.IssueTemporaryCredentialsRequest(session_id=session_id, duration=length)


def _only_one(*given: str) -> None:
    """Two names could be of two sessions, and no name of none. Raises ValueError."""
    if len([name for name in given if name]) != 1:
        raise ValueError("exactly one of them names the session")
