"""What is asked of sessions, and what is answered. Passwords and tokens are in no repr."""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from counterseal.core.model import PublicKey
from counterseal.core.policy import NO_POLICY, KeyPolicy
from counterseal.server.store.session_records import SessionRecord


class Why(enum.Enum):
    """Why a session was not begun, prolonged or used. Values are the wire names."""

    CREDENTIALS = "CREDENTIALS"
    THROTTLED = "THROTTLED"
    ID_TOKEN = "ID_TOKEN"  # noqa: S105 - no token
    UNKNOWN = "UNKNOWN"
    OVER = "OVER"
    REUSED = "REUSED"
    TOO_MANY_KEYS = "TOO_MANY_KEYS"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRefused:
    """A no. `detail` is safe to show; `retry_after` is None unless the reason is THROTTLED."""

    reason: Why
    detail: str
    retry_after: dt.timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long a session lasts at most, and without being refreshed; and a bearer token and a registered key of it."""

    session: dt.timedelta
    idle: dt.timedelta
    access_token: dt.timedelta
    key: dt.timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a session is to give out: a bearer token, and an id for a public key, which was read and found good."""

    access_token: bool = False
    public_key: PublicKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Which caller asks, and for which tenants it may. None: for all of them."""

    name: str
    tenants: frozenset[str] | None = None

    def sees(self, tenant: str) -> bool:
        """Say whether what is this tenant's is the caller's business."""
        return self.tenants is None or tenant in self.tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInOrder:
    """Who signs in, with which password. `client` is what is kept of the client."""

    tenant: str
    principal: str
    password: str = field(repr=False)
    client: Mapping[str, str] = field(default_factory=dict)
    wish: Wish = field(default_factory=Wish)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeOrder:
    """An ID token. `nonce` empty: none was sent."""

    id_token: str = field(repr=False)
    nonce: str = field(default="", repr=False)
    client: Mapping[str, str] = field(default_factory=dict)
    wish: Wish = field(default_factory=Wish)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshOrder:
    """Which session to prolong. `request_id` empty: a retry ends the session."""

    refresh_token: str = field(repr=False)
    request_id: str = ""
    wish: Wish = field(default_factory=Wish)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhichSession:
    """A session, by one of the three. The others are empty."""

    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    session_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsOrder:
    """Which temporary credentials to issue. No schemes: the default."""

    which: WhichSession
    duration: dt.timedelta
    policy: KeyPolicy = NO_POLICY
    allowed_schemes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A bearer token of a session, good until `expires`."""

    token: str = field(repr=False)
    key_id: str
    expires: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKey:
    """A registered public key of a session, good until `expires`."""

    key_id: str
    algorithm: str
    expires: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryCredentials:
    """What an AWS SDK takes, good until `expires`."""

    key_id: str
    secret: str = field(repr=False)
    security_token: str = field(repr=False)
    expires: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What a client holds once it has signed in, or refreshed."""

    session: SessionRecord
    refresh_token: str = field(repr=False)
    access_token: AccessToken | None = None
    key: SessionKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """An ended session, and the instant from which no replica answers verified for any key of it."""

    session: SessionRecord
    effective: dt.datetime
