"""A web application with a sign-in, whose API takes bearer tokens and signed requests, and a page to try both.

    COUNTERSEAL_SERVER=127.0.0.1:50051 COUNTERSEAL_TOKEN=... python examples/web/serve.py

COUNTERSEAL_TOKEN is that of a caller of the role `sessions`. LISTEN (default 127.0.0.1:8090) is where the page is served.
Everything that keeps others out is in `SessionEndpoints` and `SignedRequests`; the rest is an application like any other.
"""

import logging
import os
import sys
from typing import Any

import uvicorn
from answering import answer_json
from notes import Notes
from pages import Pages
from told import Told

from counterseal_client import AsyncSessions, AsyncVerifier, Connection, Demand
from counterseal_client.asgi import ErrorForm, SessionEndpoints, SignedRequests

# Both ways, named: without `bearer` here the gateway lets no bearer token through. A signature covers what the service asks of
# HTTP Message Signatures by default (method, authority, path, query), and the body's digest where there is a body.
DEMAND = Demand(allowed_schemes=("rfc9421", "bearer"))
MISSING = (
    "COUNTERSEAL_TOKEN is not set: create a caller with `counterseal callers create web --role sessions` and set it to the"
    " token that is printed (README.md in this folder has all the commands)"
)


class Site:
    """The page, its session, and its API."""

    def __init__(self, server: str, token: str) -> None:
        self.sessions = AsyncSessions(Connection(address=server, bearer_token=token, timeout=10))
        self.verifier = AsyncVerifier(Connection(address=server, bearer_token=token, timeout=10))
        self.told = Told(self.verifier)
        self.endpoints = SessionEndpoints(self.sessions)
        self.api = SignedRequests(Notes(), self.told, demand=DEMAND, errors=ErrorForm.JSON)
        self.pages = Pages()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif path.startswith("/session/"):
            await self.endpoints(scope, receive, send)
        elif path == "/api/told":
            await self.told(scope, receive, send)
        elif path.startswith("/api/") and scope["method"] == "OPTIONS":
            # A browser asks whether a page of another origin may. It may not, and the service need not be asked about that.
            await answer_json(send, 403, {"error": "forbidden"})
        elif path.startswith("/api/"):
            await self.api(scope, receive, send)
        else:
            await self.pages(scope, receive, send)

    async def lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.sessions.close()
        await self.verifier.close()
        await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    """Serve until Ctrl-C."""
    token = os.environ.get("COUNTERSEAL_TOKEN")
    if not token:
        sys.exit(MISSING)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")
    host, _, port = os.environ.get("LISTEN", "127.0.0.1:8090").rpartition(":")
    site = Site(os.environ.get("COUNTERSEAL_SERVER", "127.0.0.1:50051"), token)
    # uvicorn says where it listens. proxy_headers would let clients choose the address that their sign-ins are throttled by.
    uvicorn.run(site, host=host.strip("[]"), port=int(port), proxy_headers=False, server_header=False, access_log=False)


if __name__ == "__main__":
    main()
