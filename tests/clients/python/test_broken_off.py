"""Calls of `receive` that are broken off, or that overlap: no body that lost a piece ever comes to an end."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from counterseal.core.body import Limits, Link
from counterseal_client import ChunksVerified, Rejected
from counterseal_client.asgi import BodyMismatch, SignedRequests
from counterseal_client.asgi.body import CheckedBody, StreamedBody, WholeBody
from counterseal_client.asgi.chunks import open_chunks
from counterseal_client.asgi.room import Room
from counterseal_client.asgi.types import Message, Receive, Scope, Send
from counterseal_client.model import ChunkSigned, Coverage, HttpRequest, Verdict, Verified
from tests.clients.python.exchange import body_scope
from tests.core.body.upload import signed_body, signed_duty

CHUNKS = [bytes([number]) * (1 << 20) for number in range(10)]  # three calls: four chunks, four, and the rest
CONTENT = b"".join(CHUNKS)
PIECES = signed_body(CHUNKS)


def duty() -> ChunkSigned:
    plain = signed_duty(len(CONTENT))
    return ChunkSigned(
        algorithm=plain.algorithm,
        seed_signature=plain.seed_signature,
        timestamp=plain.timestamp,
        scope=plain.scope,
        signed_trailer=False,
        trailers=(),
        decoded_length=plain.decoded_length,
        continuation=b"0",
    )


class Agreeing:
    """Says that every chunk is right; `before` runs before the answer to the call of that number, from 1 on."""

    def __init__(self, before: Callable[[int], Any]) -> None:
        self.calls = 0
        self._before = before

    async def verify(self, request: HttpRequest, demand: object = None, **_: Any) -> Verdict:
        raise NotImplementedError

    async def verify_chunks(
        self, continuation: bytes, chunks: Sequence[Link], trailer: Link | None = None, *, request_id: str | None = None
    ) -> ChunksVerified | Rejected:
        self.calls += 1
        await self._before(self.calls)
        nothing = hashlib.sha256(b"").digest()
        return ChunksVerified(continuation=b"more", complete=any(link.sha256 == nothing for link in chunks))


def client(pieces: Sequence[bytes]) -> Receive:
    """Sends the pieces, then leaves."""
    messages = [
        {"type": "http.request", "body": piece, "more_body": place < len(pieces) - 1} for place, piece in enumerate(pieces)
    ]

    async def receive() -> Message:
        await asyncio.sleep(0)
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return receive


def chunked(before: Callable[[int], Any]) -> StreamedBody:
    return open_chunks(WholeBody(client(PIECES)), duty(), Agreeing(before), Room(1 << 30), "id", Limits())


async def read(body: Receive, *, stuck: asyncio.Event | None = None) -> tuple[bytes, list[str]]:
    """Read as a stubborn application does, which passes over whatever a call raises; return the bytes, and what it heard.

    `stuck`: a call that is under way when it is set is broken off, as an idle time-out breaks it off.
    """
    kept, heard = b"", []
    for _ in range(20):
        try:
            message = await (body() if stuck is None else _unless_stuck(body, stuck))
        except Exception as error:
            heard.append(type(error).__name__)
            continue
        kept += message.get("body", b"")
        if not message.get("more_body", False):
            heard.append("end" if message["type"] == "http.request" else message["type"])
            break
    return kept, heard


async def _unless_stuck(body: Receive, stuck: asyncio.Event) -> Message:
    call, watch = asyncio.ensure_future(body()), asyncio.create_task(stuck.wait())
    await asyncio.wait({call, watch}, return_when=asyncio.FIRST_COMPLETED)
    watch.cancel()
    if not call.done():
        stuck.clear()
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call
        raise TimeoutError
    return call.result()


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_call_that_is_cancelled_while_the_service_is_asked(call: int) -> None:
    """An idle time-out around `receive`, say: what was being asked about is lost, so nothing may follow it."""

    async def run() -> None:
        stuck = asyncio.Event()

        async def wait(number: int) -> None:
            if number == call:
                stuck.set()
                await asyncio.Event().wait()

        body = chunked(wait)
        kept, heard = await read(body, stuck=stuck)
        assert heard == ["TimeoutError"] + ["BodyMismatch"] * (len(heard) - 1)
        assert len(heard) > 1
        assert CONTENT.startswith(kept)
        assert len(kept) < len(CONTENT)
        assert body.failure is not None
        assert body.failure.status == 503

    asyncio.run(run())


@pytest.mark.parametrize("call", [1, 2, 3])
def test_an_error_that_nobody_expected(call: int, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(number: int) -> None:
        if number == call:
            raise RuntimeError("a bug")

    async def run() -> None:
        body = chunked(fail)
        kept, heard = await read(body)
        assert heard[0] == "RuntimeError"
        assert set(heard[1:]) == {"BodyMismatch"}
        assert len(kept) < len(CONTENT)

    asyncio.run(run())
    assert "could not be verified" in caplog.text


def test_a_call_that_is_cancelled_while_the_client_is_waited_for_loses_nothing() -> None:
    async def run() -> None:
        for make in (
            lambda receive: open_chunks(WholeBody(receive), duty(), Agreeing(at_once), Room(1 << 30), "id", Limits()),
            lambda receive: CheckedBody(WholeBody(receive), hashlib.sha256(b"".join(PIECES)).digest()),
        ):
            sending, ready = client(PIECES), asyncio.Event()

            async def slow(sending: Receive = sending, ready: asyncio.Event = ready) -> Message:
                await ready.wait()
                return await sending()

            body: StreamedBody = make(slow)
            task = asyncio.create_task(body())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            ready.set()
            kept, heard = await read(body)
            assert heard == ["end"]
            assert kept in (CONTENT, b"".join(PIECES))

    asyncio.run(run())


async def at_once(_: int) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("how", ["chunks", "hashed"])
def test_calls_that_overlap_hear_one_end_and_nothing_before_it(how: str) -> None:
    """The second caller must not hear of the disconnect, which many read as an end, while the first one has the last piece."""
    heard: list[Message] = []

    async def run() -> None:
        hashed = CheckedBody(WholeBody(client(CHUNKS)), hashlib.sha256(CONTENT).digest())
        body: StreamedBody = chunked(at_once) if how == "chunks" else hashed

        async def listen() -> None:
            more = True
            while more:
                message = await body()
                heard.append(message)
                more = message.get("more_body", False)

        await asyncio.gather(*[listen() for _ in range(3)])

    asyncio.run(run())
    assert [message["type"] for message in heard[-2:]] == ["http.disconnect"] * 2
    assert [message["more_body"] for message in heard[:-2]] == [True] * (len(heard) - 3) + [False]
    assert b"".join(message["body"] for message in heard[:-2]) == CONTENT


def test_an_end_that_somebody_else_took_is_no_end() -> None:
    async def run() -> None:
        whole = WholeBody(client([b"a"]))
        await whole()
        body = CheckedBody(whole, hashlib.sha256(b"a").digest())
        for _ in range(2):
            with pytest.raises(BodyMismatch):
                await body()
        assert body.failure is not None

    asyncio.run(run())


def test_the_client_is_told_to_come_back() -> None:
    """Whatever the application made of what it had: 503."""
    sent: list[Message] = []
    stuck = asyncio.Event()

    class Slow(Agreeing):
        async def verify(self, request: HttpRequest, demand: object = None, **_: Any) -> Verdict:
            return Verified(
                key_id="k", principal="p", tenant="t", scheme="s", verified_path=b"/b/k", payload_duty=duty(), scope=None,
                coverage=Coverage(headers=(), method=True, path=True, query=True), signed_time=None,
                labels={}, valid_until_time=None,
            )  # fmt: skip

    async def wait(number: int) -> None:
        if number == 3:
            stuck.set()
            await asyncio.Event().wait()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read(receive, stuck=stuck)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(SignedRequests(app, Slow(wait))(body_scope(1), client(PIECES), send))
    assert sent[0]["status"] == 503
