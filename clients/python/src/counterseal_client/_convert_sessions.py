"""Between the types of sessions and the messages of `counterseal.v1`. Whatever is not understood reads as refused."""

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from counterseal.v1 import sessions_pb2 as pb
from counterseal_client.errors import VerifierError
from counterseal_client.model import NOT_UNDERSTOOD
from counterseal_client.session_model import (
    AccessToken,
    Refused,
    SessionInfo,
    SessionKey,
    SessionPage,
    SignedIn,
    SignedOut,
    TemporaryCredentials,
)

_PEM: Final = "-----BEGIN "
_Began = pb.SignInResponse | pb.ExchangeResponse | pb.RefreshResponse


class _Incomplete(Exception):
    """The answer lacks what a session cannot be used without, or holds what this client does not know."""


def to_key_message(public_key: str | bytes | None) -> pb.SessionPublicKey | None:
    """Return the message for a public key: a JWK as JSON, PEM, or the raw bytes."""
    if public_key is None:
        return None
    if isinstance(public_key, bytes):
        return pb.SessionPublicKey(raw=public_key)
    if public_key.startswith(_PEM):
        return pb.SessionPublicKey(pem=public_key)
    return pb.SessionPublicKey(jwk=public_key)


def to_duration(length: timedelta | None) -> Duration | None:
    """Return the message for a duration."""
    if length is None:
        return None
    message = Duration()
    message.FromTimedelta(length)
    return message


def to_signed_in(response: _Began) -> SignedIn | Refused:
    """Return what SignIn, Exchange or Refresh answered. A session that does not go on is a refusal, whatever comes with it."""
    outcome = response.WhichOneof("outcome")
    if outcome == "refused":
        return _refused(response.refused)
    if outcome != "signed_in":
        return _not_understood("the answer holds no outcome that this client knows")
    message = response.signed_in
    try:
        session = _session(message.session)
        if not session.is_active or session.expire_time is None or not message.refresh_token:
            raise _Incomplete("the answer holds no session that goes on, or nothing to refresh it with")
        return SignedIn(
            session=session,
            refresh_token=message.refresh_token,
            access_token=_access_token(message.access_token) if message.HasField("access_token") else None,
            key=_key(message.key) if message.HasField("key") else None,
            server_time=_stated(message, "server_time"),
        )
    except _Incomplete as error:
        return _not_understood(str(error))


def to_signed_out(response: pb.SignOutResponse) -> SignedOut | Refused:
    """Return what SignOut answered. A session that is said to go on is none that was ended."""
    outcome = response.WhichOneof("outcome")
    if outcome == "refused":
        return _refused(response.refused)
    if outcome != "signed_out":
        return _not_understood("the answer holds no outcome that this client knows")
    try:
        session = _session(response.signed_out.session)
        if session.state not in {"ENDED", "EXPIRED"}:
            raise _Incomplete("the answer holds no session that is over")
        return SignedOut(session=session, effective_time=_stated(response.signed_out, "effective_time"))
    except _Incomplete as error:
        return _not_understood(str(error))


def to_session_key(response: pb.RegisterSessionKeyResponse) -> SessionKey | Refused:
    """Return what RegisterSessionKey answered."""
    outcome = response.WhichOneof("outcome")
    if outcome == "refused":
        return _refused(response.refused)
    if outcome != "key":
        return _not_understood("the answer holds no outcome that this client knows")
    try:
        return _key(response.key)
    except _Incomplete as error:
        return _not_understood(str(error))


def to_credentials(response: pb.IssueTemporaryCredentialsResponse) -> TemporaryCredentials | Refused:
    """Return what IssueTemporaryCredentials answered."""
    outcome = response.WhichOneof("outcome")
    if outcome == "refused":
        return _refused(response.refused)
    if outcome != "credentials":
        return _not_understood("the answer holds no outcome that this client knows")
    message = response.credentials
    try:
        if not (message.key_id and message.secret and message.security_token):
            raise _Incomplete("the answer holds credentials without one of their three parts")
        return TemporaryCredentials(
            key_id=message.key_id,
            secret=message.secret,
            security_token=message.security_token,
            expire_time=_stated(message, "expire_time"),
        )
    except _Incomplete as error:
        return _not_understood(str(error))


def to_page(response: pb.ListSessionsResponse) -> SessionPage:
    """Return a page. Raises VerifierError when a session in it has no id: a service that says this is broken."""
    try:
        return SessionPage(sessions=tuple(map(_session, response.sessions)), next_page_token=response.next_page_token)
    except _Incomplete as error:
        raise VerifierError(str(error)) from None


def _session(message: pb.Session) -> SessionInfo:
    if not (message.session_id and message.tenant and message.principal):
        raise _Incomplete("the answer holds a session without id, tenant or principal")
    return SessionInfo(
        session_id=message.session_id,
        tenant=message.tenant,
        principal=message.principal,
        state=_name(pb.SessionState, message.state, "SESSION_STATE_", "UNKNOWN_STATE_"),
        method=message.method,
        source_address=message.client.source_address,
        user_agent=message.client.user_agent,
        create_time=_maybe(message, "create_time"),
        refresh_time=_maybe(message, "refresh_time"),
        expire_time=_maybe(message, "expire_time"),
        idle_expire_time=_maybe(message, "idle_expire_time"),
        end_time=_maybe(message, "end_time"),
        end_reason=message.end_reason,
    )


def _access_token(message: pb.AccessToken) -> AccessToken:
    if not (message.token and message.key_id):
        raise _Incomplete("the answer holds a bearer token that is none")
    return AccessToken(token=message.token, key_id=message.key_id, expire_time=_stated(message, "expire_time"))


def _key(message: pb.SessionKey) -> SessionKey:
    if not (message.key_id and message.algorithm):
        raise _Incomplete("the answer holds a key without id or algorithm")
    return SessionKey(key_id=message.key_id, algorithm=message.algorithm, expire_time=_stated(message, "expire_time"))


def _refused(message: pb.SessionRefused) -> Refused:
    try:
        after = message.retry_after.ToTimedelta() if message.HasField("retry_after") else None
    except (ValueError, OverflowError):
        after = None
    return Refused(
        reason=_name(pb.SessionReason, message.reason, "SESSION_REASON_", "UNKNOWN_REASON_"),
        detail=message.detail,
        retry_after=after,
        server_time=_maybe(message, "server_time"),
    )


def _not_understood(detail: str) -> Refused:
    return Refused(reason=NOT_UNDERSTOOD, detail=detail)


def _name(enum: type[pb.SessionState] | type[pb.SessionReason], number: int, prefix: str, unknown: str) -> str:
    """Return a state or reason by name. Zero and numbers from the future keep their number: nothing takes them for known."""
    if number == 0 or number not in enum.values():
        return f"{unknown}{number}"
    name: str = enum.Name(number)
    return name.removeprefix(prefix)


def _maybe(message: object, field: str) -> datetime | None:
    """Return the time in a field, None where there is none. Raises VerifierError for one that is out of every range."""
    if not message.HasField(field):  # type: ignore[attr-defined]
        return None
    stamp: Timestamp = getattr(message, field)
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise VerifierError(f"the answer holds a time that is none: {error}") from None


def _stated(message: object, field: str) -> datetime:
    found = _maybe(message, field)
    if found is None:
        raise _Incomplete(f"the answer does not say its {field}")
    return found
