"""One request on its way through the gateway."""

import uuid
from dataclasses import dataclass, replace
from typing import Self

from counterseal_client.asgi.head import read_head
from counterseal_client.asgi.types import Receive, Scope, Send
from counterseal_client.model import HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request on its way through: `request` is what the service is asked about, under `request_id`."""

    scope: Scope
    receive: Receive
    send: Send
    request: HttpRequest
    request_id: str

    def asking_with(self, body: Receive, request: HttpRequest) -> Self:
        """Return the exchange for asking again, with what is known of the body by now.

        Another question, so another id: the same id stands for the same answer.
        """
        return replace(self, receive=body, request=request, request_id=uuid.uuid4().hex)


def new_exchange(scope: Scope, receive: Receive, send: Send) -> Exchange:
    """Return the exchange of a request of which nothing but the head is known."""
    return Exchange(scope=scope, receive=receive, send=send, request=read_head(scope), request_id=uuid.uuid4().hex)
