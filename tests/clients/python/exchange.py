"""One ASGI exchange, driven by hand: what the client sends piece by piece, what the application does, what comes back."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from counterseal_client import AsyncVerifier, Connection
from counterseal_client.asgi import SignedRequests
from counterseal_client.asgi.types import App, Message, Receive, Scope, Send


@dataclass
class Seen:
    """What an exchange left behind. `pieces` are the bodies of the messages that the application received."""

    sent: list[Message] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    pieces: list[tuple[bytes, bool]] = field(default_factory=list)
    asked_for_body: int = 0

    @property
    def status(self) -> int:
        (start,) = [message for message in self.sent if message["type"] == "http.response.start"]
        return int(start["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(next(message["headers"] for message in self.sent if message["type"] == "http.response.start"))

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent if message["type"] == "http.response.body")

    def app_headers(self) -> list[tuple[bytes, bytes]]:
        (scope,) = self.scopes
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        return headers


def http_scope(
    method: str = "GET", path: bytes = b"/b/k", query: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = (), **changes: Any
) -> Scope:
    return {
        "type": "http", "method": method, "raw_path": path, "path": "/decoded", "query_string": query, "scheme": "http",
        "headers": [(b"host", b"h"), *headers], "client": ("192.0.2.7", 1234), "http_version": "1.1", **changes,
    }  # fmt: skip


def body_scope(length: int, **changes: Any) -> Scope:
    headers = [(b"content-length", str(length).encode()), *changes.pop("headers", ())]
    return http_scope(method="PUT", headers=headers, **changes)


def reading_app(seen: Seen) -> App:
    """Reads its body to the end, then answers 200."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.scopes.append(scope)
        more = scope["type"] == "http"
        while more:
            message = await receive()
            seen.pieces.append((message["body"], message["more_body"]))
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    return app


def exchange(
    address: str,
    scope: Scope,
    pieces: Iterable[bytes] = (b"",),
    *,
    app: App | None = None,
    seen: Seen | None = None,
    gone: bool = False,
    **options: Any,
) -> Seen:
    """Run one exchange; `pieces` become `http.request` messages, the last one the end, or (`gone`) then the client leaves."""
    seen = seen or Seen()
    listed = list(pieces)
    incoming: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": gone or place < len(listed) - 1}
        for place, piece in enumerate(listed)
    ]
    incoming.append({"type": "http.disconnect"})

    async def receive() -> Message:
        seen.asked_for_body += 1
        return incoming.pop(0) if len(incoming) > 1 else incoming[0]

    async def send(message: Message) -> None:
        seen.sent.append(message)

    async def run() -> None:
        async with AsyncVerifier(Connection(address=address, timeout=60)) as verifier:
            await SignedRequests(app or reading_app(seen), verifier, **options)(scope, receive, send)

    asyncio.run(run())
    return seen
