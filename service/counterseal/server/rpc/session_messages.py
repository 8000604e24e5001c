"""SessionService messages <-> what the desk takes and gives. The desk checks limits; here only what a message can get wrong."""

import base64
import binascii
import datetime as dt
import ipaddress
import unicodedata
from collections.abc import Mapping
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from counterseal.core.model import PublicKey
from counterseal.core.policy import NO_POLICY
from counterseal.server.errors import InvalidField
from counterseal.server.keys.limits import check_tenant, check_text
from counterseal.server.keys.public import read_offered
from counterseal.server.rpc.convert import read_request_id
from counterseal.server.rpc.policy_messages import read_policy
from counterseal.server.sessions.credentials import DEFAULT_DURATION
from counterseal.server.sessions.drafts import (
    CredentialsOrder,
    ExchangeOrder,
    RefreshOrder,
    SessionKey,
    SessionRefused,
    SignedIn,
    SignInOrder,
    TemporaryCredentials,
    WhichSession,
    Why,
    Wish,
)
from counterseal.server.store.records import DEFAULT_TENANT, Encoding, OfferedPublicKey
from counterseal.server.store.session_records import SessionPage, SessionQuery, SessionRecord, SessionState
from counterseal.v1 import sessions_pb2 as pb

# Total, and a test says so.
REASONS: Final[Mapping[Why, pb.SessionReason]] = {why: getattr(pb, f"SESSION_REASON_{why.value}") for why in Why}
_MAX_TOKEN: Final = 16 * 1024
_MAX_NONCE: Final = 1024
_MAX_PUBLIC_KEY: Final = 16 * 1024
_MAX_USER_AGENT_BYTES: Final = 512
_MAX_SCHEMES: Final = 64


def read_sign_in(message: pb.SignInRequest) -> SignInOrder:
    """Return who signs in. Raises InvalidField."""
    return SignInOrder(
        tenant=message.tenant or DEFAULT_TENANT,
        principal=message.principal,
        password=message.password,
        client=_client(message.client),
        wish=_wish(message),
    )


def read_exchange(message: pb.ExchangeRequest) -> ExchangeOrder:
    """Return the ID token. Raises InvalidField."""
    if not 1 <= len(message.id_token) <= _MAX_TOKEN:
        raise InvalidField("id_token", f"must be 1 to {_MAX_TOKEN} characters")
    if len(message.nonce) > _MAX_NONCE:
        raise InvalidField("nonce", f"at most {_MAX_NONCE} characters")
    return ExchangeOrder(id_token=message.id_token, nonce=message.nonce, client=_client(message.client), wish=_wish(message))


def read_refresh(message: pb.RefreshRequest) -> RefreshOrder:
    """Return which session to prolong. Raises InvalidField."""
    return RefreshOrder(
        refresh_token=message.refresh_token, request_id=read_request_id(message.request_id), wish=_wish(message)
    )


def read_which(
    message: pb.SignOutRequest | pb.RegisterSessionKeyRequest | pb.IssueTemporaryCredentialsRequest,
) -> WhichSession:
    """Return which session is meant. Raises InvalidField."""
    which = message.WhichOneof("session")
    if which is None or not getattr(message, which):
        raise InvalidField("session", "must be set")
    return WhichSession(**{which: getattr(message, which)})


def read_key(message: pb.RegisterSessionKeyRequest) -> PublicKey:
    """Return the key to register. Raises InvalidField."""
    return _public_key(message.public_key)


def read_credentials(message: pb.IssueTemporaryCredentialsRequest) -> CredentialsOrder:
    """Return which credentials to issue. Raises InvalidField."""
    if len(message.allowed_schemes) > _MAX_SCHEMES:
        raise InvalidField("allowed_schemes", "has too many entries")
    duration = DEFAULT_DURATION
    if message.HasField("duration"):
        if message.duration.nanos:
            raise InvalidField("duration", "must be whole seconds")
        duration = dt.timedelta(seconds=max(-1, min(message.duration.seconds, 10**9)))
    return CredentialsOrder(
        which=read_which(message),
        duration=duration,
        policy=read_policy("policy", message.policy) if message.HasField("policy") else NO_POLICY,
        allowed_schemes=frozenset(message.allowed_schemes),
    )


def read_query(message: pb.ListSessionsRequest, tenants: frozenset[str] | None, now: dt.datetime) -> SessionQuery:
    """Return which sessions to list, of those tenants that the caller may see. Raises InvalidField."""
    if message.tenant:
        check_tenant("tenant", message.tenant)
        wanted = frozenset({message.tenant})
        tenants = wanted if tenants is None else tenants & wanted
    check_text("principal", message.principal, 256)
    return SessionQuery(
        tenants=tenants,
        principal=message.principal,
        active_at=None if message.include_over else now,
        after=_read_page(message.page_token),
        page_size=message.page_size,
    )


def _wish(message: pb.SignInRequest | pb.ExchangeRequest | pb.RefreshRequest) -> Wish:
    public_key = _public_key(message.public_key) if message.HasField("public_key") else None
    return Wish(access_token=message.access_token, public_key=public_key)


def _public_key(message: pb.SessionPublicKey) -> PublicKey:
    which = message.WhichOneof("encoding")
    if which is None:
        raise InvalidField("public_key", "must be given as jwk, pem or raw")
    given: str | bytes = getattr(message, which)
    text = given.encode() if isinstance(given, str) else given
    if len(text) > _MAX_PUBLIC_KEY:
        raise InvalidField(f"public_key.{which}", f"at most {_MAX_PUBLIC_KEY} bytes")
    return read_offered(OfferedPublicKey(text=text, encoding=Encoding(which))).public_key


def _client(message: pb.ClientDetails) -> dict[str, str]:
    """Return what is kept of the client. Raises InvalidField: the front, which tells the address, got it wrong."""
    found = {}
    if message.source_address:
        try:
            address = ipaddress.ip_address(message.source_address)
        except ValueError:
            raise InvalidField("client.source_address", "must be an IP address") from None
        # Without the zone of a link-local address (RFC 4007 section 11), which is free text of any length.
        found["source_address"] = str(type(address)(int(address)))
    user_agent = "".join(
        one for one in message.user_agent[:_MAX_USER_AGENT_BYTES] if unicodedata.category(one)[0] not in "CZ" or one == " "
    )
    # Cut between characters.
    user_agent = user_agent.encode()[:_MAX_USER_AGENT_BYTES].decode("utf-8", "ignore")
    if user_agent:
        found["user_agent"] = user_agent
    return found


def put_signed_in(message: pb.SignedIn, signed_in: SignedIn, now: dt.datetime) -> None:
    """Fill in what a client holds once it has signed in, or refreshed."""
    put_session(message.session, signed_in.session, now)
    message.refresh_token = signed_in.refresh_token
    if signed_in.access_token is not None:
        message.access_token.token = signed_in.access_token.token
        message.access_token.key_id = signed_in.access_token.key_id
        _put_time(message.access_token.expire_time, signed_in.access_token.expires)
    if signed_in.key is not None:
        put_key(message.key, signed_in.key)
    _put_time(message.server_time, now)


def put_refused(message: pb.SessionRefused, refused: SessionRefused, now: dt.datetime) -> None:
    """Fill in a no."""
    message.reason = REASONS[refused.reason]
    message.detail = refused.detail
    if refused.retry_after is not None:
        message.retry_after.FromTimedelta(refused.retry_after)
    _put_time(message.server_time, now)


def put_key(message: pb.SessionKey, key: SessionKey) -> None:
    """Fill in a registered key."""
    message.key_id = key.key_id
    message.algorithm = key.algorithm
    _put_time(message.expire_time, key.expires)


def put_credentials(message: pb.TemporaryCredentials, given: TemporaryCredentials) -> None:
    """Fill in temporary credentials."""
    message.key_id = given.key_id
    message.secret = given.secret
    message.security_token = given.security_token
    _put_time(message.expire_time, given.expires)


def put_page(response: pb.ListSessionsResponse, page: SessionPage, now: dt.datetime) -> None:
    """Fill in the sessions of a page and where the next one begins."""
    for stored in page.sessions:
        put_session(response.sessions.add(), stored.record, now)
    if page.next_after:
        response.next_page_token = base64.urlsafe_b64encode(page.next_after.encode()).decode()


def put_session(message: pb.Session, record: SessionRecord, now: dt.datetime) -> None:
    """Fill in a session. The record holds no token."""
    message.session_id = record.session_id
    message.tenant = record.tenant
    message.principal = record.principal
    message.state = _state(record, now)
    message.method = record.method
    message.client.source_address = record.client.get("source_address", "")
    message.client.user_agent = record.client.get("user_agent", "")
    _put_time(message.create_time, record.created)
    _put_time(message.refresh_time, record.refreshed)
    _put_time(message.expire_time, record.expires)
    _put_time(message.idle_expire_time, record.idle_until)
    if record.ended is not None:
        _put_time(message.end_time, record.ended)
    message.end_reason = record.end_reason


def _state(record: SessionRecord, now: dt.datetime) -> pb.SessionState:
    if record.state is not SessionState.ACTIVE:
        return pb.SESSION_STATE_ENDED
    return pb.SESSION_STATE_EXPIRED if record.is_over(now) else pb.SESSION_STATE_ACTIVE


def _put_time(message: Timestamp, time: dt.datetime) -> None:
    message.FromDatetime(time)


def _read_page(text: str) -> str:
    problem = InvalidField("page_token", "is not one that this service gave out")
    if len(text) > 512:
        raise problem
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise problem from None
