"""One request of a page to the endpoints of a session, with a session service behind them."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from counterseal_client import AsyncSessions, Connection
from counterseal_client.asgi import SessionEndpoints
from counterseal_client.asgi.types import Message
from tests.clients.python.session_stub import PASSWORD, SessionStub

BASE = "http://127.0.0.1:8090"
JWK = {"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"}
# RFC 7638 section 3, by hand: the required members in lexicographic order, without spaces.
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(b'{"crv":"P-256","kty":"EC","x":"eA","y":"eQ"}').digest()).decode()[:43]
# What the cookie of a session that began with SIGN_IN holds behind the refresh token.
PIN = f".{THUMBPRINT}.bearer"
SIGN_IN = {"principal": "alice", "password": PASSWORD, "publicKey": JWK, "accessToken": True}
# What the page's own script sends along, and no form of another site can.
OURS = [("content-type", "application/json"), ("x-counterseal-csrf", "1")]


@dataclass
class Page:
    """What came back."""

    state: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def fields(self, name: str) -> list[str]:
        return [value.decode() for field, value in self.headers if field == name.encode()]


def ask(
    stub: SessionStub,
    endpoint: str,
    body: Any,
    *,
    method: str = "POST",
    base: str = BASE,
    headers: Iterable[tuple[str, str]] = (),
    cookies: Iterable[str] = (),
    pin: str = PIN,
    ours: bool = True,
    scope_type: str = "http",
    **options: Any,
) -> Page:
    """Ask one endpoint; `ours` adds what a page's own script sends, unless `headers` holds it; `cookies`: refresh tokens.

    `pin`: what stands behind each of them.
    """
    parts = urlsplit(base)
    given = [("host", parts.netloc), ("user-agent", "Mozilla"), *headers]
    if ours:
        given += [(name, value) for name, value in OURS if name not in {one for one, _ in given}]
    loopback = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    name = "counterseal-refresh" if loopback else "__Secure-counterseal-refresh"
    given += [("cookie", "; ".join(["theme=dark", *(f"{name}={value}{pin}" for value in cookies)]))] if cookies else []
    scope = {
        "type": scope_type, "method": method, "path": f"/session/{endpoint}", "scheme": parts.scheme, "http_version": "1.1",
        "headers": [(one.encode(), value.encode()) for one, value in given], "client": ("192.0.2.7", 1234), "query_string": b"",
    }  # fmt: skip
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    page = Page()

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            page.state, page.headers = message["status"], message["headers"]
        else:
            page.body += message["body"]

    async def run() -> None:
        async with AsyncSessions(Connection(address=stub.address, timeout=60)) as sessions:
            await SessionEndpoints(sessions, **options)(scope, receive, send)

    asyncio.run(run())
    return page
