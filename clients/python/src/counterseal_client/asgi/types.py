"""The shapes of ASGI, as far as they are used here."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from counterseal.core.body import Link
from counterseal_client.model import ChunksVerified, Demand, HttpRequest, Rejected, Verdict

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class AsksForVerdicts(Protocol):
    """What the middleware needs of a verifier; `AsyncVerifier` is one."""

    async def verify(
        self,
        request: HttpRequest,
        demand: Demand | None = None,
        *,
        request_id: str | None = None,
        lease_signing_key: bool = False,
    ) -> Verdict:
        """Return the verdict. Raises VerifierError when there is none."""

    async def verify_chunks(
        self, continuation: bytes, chunks: Sequence[Link], trailer: Link | None = None, *, request_id: str | None = None
    ) -> ChunksVerified | Rejected:
        """Return the verdict about further chunks of a body. Raises VerifierError when there is none."""
