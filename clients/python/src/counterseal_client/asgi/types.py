"""The shapes of ASGI, as far as they are used here."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from counterseal_client.model import Demand, HttpRequest, Verdict

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class AsksForVerdicts(Protocol):
    """What the middleware needs of a verifier; `AsyncVerifier` is one."""

    async def verify(self, request: HttpRequest, demand: Demand | None = None, *, request_id: str | None = None) -> Verdict:
        """Return the verdict. Raises VerifierError when there is none."""
