"""Sign-in for the fronts of web applications: `Sessions`, and `AsyncSessions` for an event loop."""

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from counterseal.v1.sessions_pb2_grpc import SessionServiceStub
from counterseal_client import _convert_sessions as convert
from counterseal_client import _session_requests as requests
from counterseal_client._calls import AsyncCalls, Calls
from counterseal_client.connection import Connection
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

if TYPE_CHECKING:  # a name of the type hints alone: at run time one class serves both kinds of channel
    from counterseal.v1.sessions_pb2_grpc import SessionServiceAsyncStub  # noqa: F401 - of the base class

__all__ = [
    "AccessToken",
    "AsyncSessions",
    "Refused",
    "SessionInfo",
    "SessionKey",
    "SessionPage",
    "Sessions",
    "SignedIn",
    "SignedOut",
    "TemporaryCredentials",
]

# Hashing a password takes a tenth of a second and may have to wait its turn; SignOut may wait until the session is over
# everywhere.
_SECONDS: Final = 10.0


def _connection(given: Connection | str) -> Connection:
    return Connection(address=given, timeout=_SECONDS) if isinstance(given, str) else given


class Sessions(Calls[SessionServiceStub]):
    """Begins, prolongs and ends sessions for those who sign in. May be shared by threads; close it, or use it in `with`.

    The caller needs the role `sessions`. A `Connection` should have a `timeout` of some seconds: a password is hashed.

    What somebody else's password or token comes to is a value: `Refused`. Every method raises VerifierError, mostly as
    VerifierUnavailable, CallerRefused or RequestNotAccepted: then nobody knows, and nobody is signed in. UNAVAILABLE is tried
    again, as `Verifier` does. A sign-in of which the answer was lost may have begun a session that nobody can use; it ends by
    itself.
    """

    def __init__(self, connection: Connection | str) -> None:
        super().__init__(_connection(connection), SessionServiceStub)

    def sign_in(
        self,
        principal: str,
        password: str,
        *,
        tenant: str = "",
        access_token: bool = False,
        public_key: str | bytes | None = None,
        source_address: str = "",
        user_agent: str = "",
    ) -> SignedIn | Refused:
        """Begin a session with a password.

        `access_token`: ask for a bearer token also. `public_key`: one to register, a JWK as JSON, PEM, or raw bytes.
        `source_address` is the client's: sign-ins are throttled by it, and a front that leaves it out is one source. A
        `user_agent` is cut to 512 bytes.
        """
        client = requests.client(source_address, user_agent)
        message = requests.sign_in(tenant, principal, password, client, access_token, public_key)
        return convert.to_signed_in(self._attempt(lambda stub, **call: stub.SignIn(message, **call)))

    def exchange(
        self,
        id_token: str,
        *,
        nonce: str = "",
        access_token: bool = False,
        public_key: str | bytes | None = None,
        source_address: str = "",
        user_agent: str = "",
    ) -> SignedIn | Refused:
        """Begin a session with an ID token, which is good once. `nonce`: what the ID token must hold, when set."""
        client = requests.client(source_address, user_agent)
        message = requests.exchange(id_token, nonce, client, access_token, public_key)
        return convert.to_signed_in(self._attempt(lambda stub, **call: stub.Exchange(message, **call)))

    def refresh(
        self,
        refresh_token: str,
        *,
        request_id: str | None = None,
        access_token: bool = False,
        public_key: str | bytes | None = None,
    ) -> SignedIn | Refused:
        """Prolong a session. The tokens before end at once, and using an old refresh token ends the session.

        `request_id` (at most 128 characters of [A-Za-z0-9._:-]; made up when None, the same on every attempt) is the client's,
        so that it may ask again within a minute when the answer was lost on its way.
        """
        message = requests.refresh(refresh_token, request_id or uuid.uuid4().hex, access_token, public_key)
        return convert.to_signed_in(self._attempt(lambda stub, **call: stub.Refresh(message, **call)))

    def sign_out(
        self, *, access_token: str = "", refresh_token: str = "", session_id: str = "", wait: bool = False
    ) -> SignedOut | Refused:
        """End a session, which exactly one of its tokens or its id names. `wait`: return once it is over everywhere."""
        message = requests.sign_out(access_token, refresh_token, session_id, wait)
        return convert.to_signed_out(self._attempt(lambda stub, **call: stub.SignOut(message, **call)))

    def list_sessions(
        self, *, tenant: str = "", principal: str = "", include_over: bool = False, page_size: int = 0, page_token: str = ""
    ) -> SessionPage:
        """Return a page of sessions, at most `page_size` (0: 100), of a tenant and a principal where they are named."""
        message = requests.list_sessions(tenant, principal, include_over, page_size, page_token)
        return convert.to_page(self._attempt(lambda stub, **call: stub.ListSessions(message, **call)))

    def register_key(self, public_key: str | bytes, *, access_token: str = "", session_id: str = "") -> SessionKey | Refused:
        """Register a public key of a session, or prolong it. `session_id` is that of a `Verified`."""
        message = requests.register_key(public_key, access_token, session_id)
        return convert.to_session_key(self._attempt(lambda stub, **call: stub.RegisterSessionKey(message, **call)))

    def temporary_credentials(
        self, *, access_token: str = "", session_id: str = "", duration: timedelta | None = None
    ) -> TemporaryCredentials | Refused:
        """Issue credentials for AWS SDKs that end with the session. `duration`: 1 minute to 12 hours, None for 1 hour."""
        message = requests.credentials(access_token, session_id, duration)
        return convert.to_credentials(self._attempt(lambda stub, **call: stub.IssueTemporaryCredentials(message, **call)))


class AsyncSessions(AsyncCalls["SessionServiceAsyncStub"]):
    """`Sessions` on one event loop. Close it, or use it in an `async with` statement."""

    def __init__(self, connection: Connection | str) -> None:
        super().__init__(_connection(connection), SessionServiceStub)  # type: ignore[arg-type]

    async def sign_in(
        self,
        principal: str,
        password: str,
        *,
        tenant: str = "",
        access_token: bool = False,
        public_key: str | bytes | None = None,
        source_address: str = "",
        user_agent: str = "",
    ) -> SignedIn | Refused:
        """Begin a session with a password. Arguments: see `Sessions.sign_in`."""
        client = requests.client(source_address, user_agent)
        message = requests.sign_in(tenant, principal, password, client, access_token, public_key)
        return convert.to_signed_in(await self._attempt(lambda stub, **call: stub.SignIn(message, **call)))

    async def exchange(
        self,
        id_token: str,
        *,
        nonce: str = "",
        access_token: bool = False,
        public_key: str | bytes | None = None,
        source_address: str = "",
        user_agent: str = "",
    ) -> SignedIn | Refused:
        """Begin a session with an ID token. Arguments: see `Sessions.exchange`."""
        client = requests.client(source_address, user_agent)
        message = requests.exchange(id_token, nonce, client, access_token, public_key)
        return convert.to_signed_in(await self._attempt(lambda stub, **call: stub.Exchange(message, **call)))

    async def refresh(
        self,
        refresh_token: str,
        *,
        request_id: str | None = None,
        access_token: bool = False,
        public_key: str | bytes | None = None,
    ) -> SignedIn | Refused:
        """Prolong a session. Arguments: see `Sessions.refresh`."""
        message = requests.refresh(refresh_token, request_id or uuid.uuid4().hex, access_token, public_key)
        return convert.to_signed_in(await self._attempt(lambda stub, **call: stub.Refresh(message, **call)))

    async def sign_out(
        self, *, access_token: str = "", refresh_token: str = "", session_id: str = "", wait: bool = False
    ) -> SignedOut | Refused:
        """End a session. Arguments: see `Sessions.sign_out`."""
        message = requests.sign_out(access_token, refresh_token, session_id, wait)
        return convert.to_signed_out(await self._attempt(lambda stub, **call: stub.SignOut(message, **call)))

    async def list_sessions(
        self, *, tenant: str = "", principal: str = "", include_over: bool = False, page_size: int = 0, page_token: str = ""
    ) -> SessionPage:
        """Return a page of sessions. Arguments: see `Sessions.list_sessions`."""
        message = requests.list_sessions(tenant, principal, include_over, page_size, page_token)
        return convert.to_page(await self._attempt(lambda stub, **call: stub.ListSessions(message, **call)))

    async def register_key(
        self, public_key: str | bytes, *, access_token: str = "", session_id: str = ""
    ) -> SessionKey | Refused:
        """Register a public key. Arguments: see `Sessions.register_key`."""
        message = requests.register_key(public_key, access_token, session_id)
        return convert.to_session_key(await self._attempt(lambda stub, **call: stub.RegisterSessionKey(message, **call)))

    async def temporary_credentials(
        self, *, access_token: str = "", session_id: str = "", duration: timedelta | None = None
    ) -> TemporaryCredentials | Refused:
        """Issue credentials for AWS SDKs. Arguments: see `Sessions.temporary_credentials`."""
        message = requests.credentials(access_token, session_id, duration)
        answer = await self._attempt(lambda stub, **call: stub.IssueTemporaryCredentials(message, **call))
        return convert.to_credentials(answer)
