"""An object store in memory that only signed requests reach: PUT keeps an object, GET returns it, and both name the signer.

COUNTERSEAL_SERVER=127.0.0.1:50051 LISTEN=127.0.0.1:8080 python examples/store.py
"""

import logging
import os
from typing import Any

import uvicorn

from counterseal_client import AsyncVerifier, Connection
from counterseal_client.asgi import SignedRequests

objects: dict[bytes, bytes] = {}


async def store(scope: Any, receive: Any, send: Any) -> None:
    """The application: it sees verified requests only, and does no verifying of its own."""
    if scope["type"] != "http":
        return
    signer = scope["counterseal"]
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":  # the client left: what came so far is nobody's object
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    status, answer = 200, b""
    if scope["method"] == "PUT":
        objects[scope["raw_path"]] = body
    elif scope["raw_path"] in objects:
        answer = objects[scope["raw_path"]]
    elif scope["raw_path"] == b"/":
        answer = f"Hello {signer.principal or signer.key_id}, your request is verified.\n".encode()
    else:
        status = 404
    headers = [(b"content-length", str(len(answer)).encode()), (b"x-signed-by", signer.key_id.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})


def main() -> None:
    """Serve until Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")
    host, _, port = os.environ.get("LISTEN", "127.0.0.1:8080").rpartition(":")
    connection = Connection(address=os.environ.get("COUNTERSEAL_SERVER", "127.0.0.1:50051"), timeout=10)
    gateway = SignedRequests(store, AsyncVerifier(connection))
    print(f"verifying with {connection.address}; objects are kept in memory; what is refused is logged here", flush=True)
    # uvicorn says where it listens. Its access log would keep presigned URLs, which are as good as credentials.
    uvicorn.run(gateway, host=host, port=int(port), proxy_headers=False, server_header=False, access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
