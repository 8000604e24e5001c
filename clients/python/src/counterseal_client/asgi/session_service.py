"""What the endpoints need of the session service."""

from datetime import timedelta
from typing import Protocol

from counterseal_client.session_model import Refused, SignedIn, SignedOut, TemporaryCredentials


class BeginsSessions(Protocol):
    """Begins, prolongs and ends sessions; `AsyncSessions` is one."""

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
        """Begin a session. Raises VerifierError."""

    async def refresh(
        self,
        refresh_token: str,
        *,
        request_id: str | None = None,
        access_token: bool = False,
        public_key: str | bytes | None = None,
    ) -> SignedIn | Refused:
        """Prolong a session. Raises VerifierError."""

    async def sign_out(
        self, *, access_token: str = "", refresh_token: str = "", session_id: str = "", wait: bool = False
    ) -> SignedOut | Refused:
        """End a session. Raises VerifierError."""

    async def temporary_credentials(
        self, *, access_token: str = "", session_id: str = "", duration: timedelta | None = None
    ) -> TemporaryCredentials | Refused:
        """Issue temporary credentials. Raises VerifierError."""
