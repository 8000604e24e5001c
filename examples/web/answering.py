"""Answers in JSON."""

import json
from typing import Any


async def answer_json(send: Any, state: int, content: Any) -> None:
    """Send `content`. Nothing of the API is kept by a cache, and no other origin is told that it may read it."""
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": state, "headers": headers})
    await send({"type": "http.response.body", "body": body})
