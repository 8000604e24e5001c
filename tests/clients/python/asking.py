"""Both clients as one function each: a test that takes the fixture `ask` runs with either."""

import asyncio
from collections.abc import Callable

from counterseal_client import AsyncVerifier, Connection, Demand, HttpRequest, Verdict, Verifier

Ask = Callable[..., Verdict]
REQUEST = HttpRequest(
    method="GET",
    target=b"/b/k%20x?a=%E1%88%B4&a=",
    headers=((b"host", b"h"), (b"x-a", b"1"), (b"x-a", b"\xff 2"), (b"authorization", b"AWS4-HMAC-SHA256 ...")),
    content=b"",
    scheme="http",
    source_address="192.0.2.7",
)


def ask_synchronously(connection: Connection, request: HttpRequest = REQUEST, demand: Demand | None = None) -> Verdict:
    with Verifier(connection) as verifier:
        return verifier.verify(request, demand)


def ask_on_a_loop(connection: Connection, request: HttpRequest = REQUEST, demand: Demand | None = None) -> Verdict:
    async def run() -> Verdict:
        async with AsyncVerifier(connection) as verifier:
            return await verifier.verify(request, demand)

    return asyncio.run(run())
