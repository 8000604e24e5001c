"""A reverse proxy that lets only signed requests through to an HTTP upstream.

    COUNTERSEAL_SERVER=127.0.0.1:50051 UPSTREAM=http://127.0.0.1:9000 python examples/gateway.py

Path and query go to the upstream byte for byte as they were verified, bodies stream both ways, nothing is signed anew. The
upstream must be reachable through this gateway only, and must not trust the client's own `Authorization` for anything.
"""

import logging
import os
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore
import uvicorn

from counterseal_client import AsyncVerifier, Connection
from counterseal_client.asgi import SignedRequests

# Fields about this connection, not about the message (RFC 9110, 7.6.1). `expect` was answered here.
HOP_BY_HOP = {b"connection", b"expect", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"}
HOP_BY_HOP |= {b"te", b"trailer", b"transfer-encoding", b"upgrade"}

Headers = list[tuple[bytes, bytes]]


class ReverseProxy:
    """An ASGI application that answers with what the upstream answers. httpcore, because httpx would normalise the path."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.origin = (parts.scheme, parts.hostname or "", parts.port)
        self.pool = httpcore.AsyncConnectionPool(max_connections=100)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        url = httpcore.URL(scheme=self.origin[0], host=self.origin[1], port=self.origin[2], target=target)
        headers = end_to_end(scope["headers"], kept=scope["counterseal"].coverage.headers)
        chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
        content = None
        if chunked or any(name == b"content-length" and value != b"0" for name, value in headers):
            content = pieces(receive)
            headers += [(b"transfer-encoding", b"chunked")] if chunked else []
        started = False
        try:
            async with self.pool.stream(scope["method"], url, headers=headers, content=content) as response:
                started = True
                await send({"type": "http.response.start", "status": response.status, "headers": answered(response.headers)})
                async for piece in response.aiter_stream():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
            if started:  # only breaking the answer off tells the client
                raise
            await send({"type": "http.response.start", "status": 502, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

    async def lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.aclose()
        await send({"type": "lifespan.shutdown.complete"})


def end_to_end(headers: Headers, kept: Iterable[str] = ()) -> Headers:
    """Return the fields that are meant for the other end: without hop-by-hop ones and those that `Connection` names.

    A client cannot name away what was signed, nor what the middleware says about it.
    """
    named = {part.strip().lower() for name, value in headers if name.lower() == b"connection" for part in value.split(b",")}
    named -= {name.encode() for name in kept} | {b"host", b"content-length"}
    named = {name for name in named if not name.startswith(b"x-counterseal-")}
    if any(name.lower() == b"transfer-encoding" for name, _ in headers):
        named.add(b"content-length")  # one framing and no second one: whoever reads by the other finds another message
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP | named]


def answered(headers: Headers) -> Headers:
    """Return the fields of an answer without those that uvicorn adds itself."""
    return [(name, value) for name, value in end_to_end(headers) if name.lower() != b"date"]


async def pieces(receive: Any) -> AsyncIterator[bytes]:
    """Yield the client's body. `receive` raises before its last piece when the body is not the one that was signed."""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError("the client left")
        more = message.get("more_body", False)
        if message.get("body"):
            yield message["body"]


def make_gateway(environ: dict[str, str]) -> SignedRequests:
    """Return the gateway: the proxy behind the middleware that verifies."""
    connection = Connection(
        address=environ.get("COUNTERSEAL_SERVER", "127.0.0.1:50051"), bearer_token=environ.get("COUNTERSEAL_TOKEN")
    )
    return SignedRequests(ReverseProxy(environ.get("UPSTREAM", "http://127.0.0.1:9000")), AsyncVerifier(connection))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")
    host, _, port = os.environ.get("LISTEN", "127.0.0.1:8080").rpartition(":")
    # proxy_headers would let clients choose their address, the server's own name would hide the upstream's, and the access log
    # would keep presigned URLs, which are as good as credentials.
    gateway = make_gateway(dict(os.environ))
    uvicorn.run(gateway, host=host, port=int(port), proxy_headers=False, server_header=False, access_log=False)
