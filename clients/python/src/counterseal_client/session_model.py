"""What sessions are made of, as a front sees them. Plain data; no protobuf message appears here."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """A session. Never holds a token.

    `state` is `ACTIVE`, `ENDED`, `EXPIRED`, or, from the future, `UNKNOWN_STATE_` and a number: `is_active` is true of the
    first alone. `method` says how it began: `password`, or `oidc:` and the issuer. `idle_expire_time`: when it is over unless
    it is refreshed before; `expire_time`: when it is over, whatever happens.
    """

    session_id: str
    tenant: str
    principal: str
    state: str
    method: str
    source_address: str
    user_agent: str
    create_time: datetime | None
    refresh_time: datetime | None
    expire_time: datetime | None
    idle_expire_time: datetime | None
    end_time: datetime | None = None
    end_reason: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.state == "ACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A bearer token, for `Authorization: Bearer`. Told once: only its hash is stored."""

    token: str = field(repr=False)
    key_id: str
    expire_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKey:
    """A registered public key. `key_id` is the `keyid` of signatures; `algorithm` `ecdsa-p256-sha256` or `ed25519`."""

    key_id: str
    algorithm: str
    expire_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session has begun, or goes on.

    `refresh_token` is good for the next refresh, once: keep it where no script reads it. `access_token` and `key` are None
    where none was asked for. `server_time`: the service's, by which clients correct their clock.
    """

    session: SessionInfo
    refresh_token: str = field(repr=False)
    access_token: AccessToken | None
    key: SessionKey | None
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No session was begun, prolonged or used.

    `reason` is the service's by name: `CREDENTIALS`, `THROTTLED`, `ID_TOKEN`, `UNKNOWN`, `OVER`, `REUSED`, `TOO_MANY_KEYS`;
    `NOT_UNDERSTOOD` for an answer that this client does not understand. Reason and `detail` are for the front's own log: the
    user is told no more than that it was refused, and `retry_after` with `THROTTLED`.
    """

    reason: str
    detail: str
    retry_after: timedelta | None = None
    server_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """A session is over. From `effective_time` on, by the service's clock, nothing of it verifies anywhere."""

    session: SessionInfo
    effective_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryCredentials:
    """What AWS SDKs take as access key id, secret access key and session token. Told once."""

    key_id: str
    secret: str = field(repr=False)
    security_token: str = field(repr=False)
    expire_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """One page of sessions by ascending id. `next_page_token` is empty on the last."""

    sessions: tuple[SessionInfo, ...]
    next_page_token: str
