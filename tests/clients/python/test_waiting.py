"""Signed chunks that wait: in one room for all uploads, taken and given back as bytes come and go."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from counterseal.core.body import Limits, Link
from counterseal_client import ChunksVerified, Rejected, VerifierError
from counterseal_client.asgi import Bodies, SignedRequests
from counterseal_client.asgi.room import NoRoom, Room, Share
from counterseal_client.asgi.types import App, Message, Receive, Scope, Send
from counterseal_client.model import ChunkSigned, Coverage, HttpRequest, Verdict, Verified
from tests.clients.python.exchange import body_scope
from tests.core.body.upload import KEY, signed_body, signed_duty

HOWS = ["asked", "leased"]
TOTAL = 1 << 25
CHUNK = 1 << 20
DUTY = signed_duty(None)


class Service:
    """Verifies every head and every chunk; `leased`: gives the key away. `error`: what a call about chunks raises."""

    def __init__(self, how: str, error: Exception | None = None) -> None:
        self._key = KEY if how == "leased" else b""
        self._error = error

    async def verify(self, request: HttpRequest, demand: object = None, **_: Any) -> Verdict:
        duty = ChunkSigned(
            algorithm=DUTY.algorithm, seed_signature=DUTY.seed_signature, timestamp=DUTY.timestamp, scope=DUTY.scope,
            signed_trailer=False, trailers=(), decoded_length=None, continuation=b"0", signing_key=self._key,
        )  # fmt: skip
        return Verified(
            key_id="k", principal="p", tenant="t", labels={}, scheme="s", scope=None, signed_time=None, valid_until_time=None,
            coverage=Coverage(headers=(), method=True, path=True, query=True), payload_duty=duty, verified_path=b"/b/k",
        )  # fmt: skip

    async def verify_chunks(
        self, continuation: bytes, chunks: Sequence[Link], trailer: Link | None = None, *, request_id: str | None = None
    ) -> ChunksVerified | Rejected:
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        return ChunksVerified(continuation=b"more", complete=True)


class Gateway:
    """One middleware with a small room, and uploads that a test sends through it."""

    def __init__(self, how: str, app: App, total: int = TOTAL, error: Exception | None = None) -> None:
        self._gateway = SignedRequests(app, Service(how, error), lease_signing_key=how == "leased")
        self.room = self._gateway._chunks_room = Room(total)

    async def put(self, receive: Receive) -> Message | None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await self._gateway(body_scope(1), receive, send)
        return sent[0] if sent else None


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    raise KeyError("mine")


def sending(pieces: Sequence[bytes], *, end: bool = True, stay: asyncio.Event | None = None) -> Receive:
    """A client that sends these pieces, and then (`end`) no more; or it leaves, once `stay` is set."""
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages += [{"type": "http.request", "body": b"", "more_body": False}] if end else []

    async def receive() -> Message:
        await asyncio.sleep(0)
        if not messages and stay is not None:
            await stay.wait()
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return receive


def split(wire: bytes, size: int) -> list[bytes]:
    return [wire[start : start + size] for start in range(0, len(wire), size)]


@pytest.mark.parametrize("how", HOWS)
def test_chunks_that_never_end_fill_the_room_and_no_more(how: str) -> None:
    """One signed head, sent on many connections, each with all of a chunk but its end: its signature need not be good."""
    beginning = split(b"".join(signed_body([bytes(CHUNK)]))[:CHUNK], 1 << 16)

    async def run() -> None:
        gateway, leave = Gateway(how, reading), asyncio.Event()
        strangers = [asyncio.create_task(gateway.put(sending(beginning, end=False, stay=leave))) for _ in range(TOTAL // CHUNK)]
        for _ in range(200):
            await asyncio.sleep(0)
        assert gateway.room.left == 0
        for _ in range(3):
            answer = await gateway.put(sending(beginning, end=False))
            assert answer is not None
            assert (answer["status"], dict(answer["headers"])[b"retry-after"]) == (503, b"1")
        leave.set()
        assert await asyncio.gather(*strangers) == [None] * len(strangers)
        assert gateway.room.left == TOTAL
        answer = await gateway.put(sending(signed_body([bytes(CHUNK)] * 8)))
        assert answer is not None
        assert answer["status"] == 200

    asyncio.run(run())


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(("chunk", "count", "size"), [(1024, 9000, 1 << 16), (1 << 16, 300, 1000), (1 << 20, 20, 3 << 20)])
def test_what_a_long_upload_takes_does_not_grow(how: str, chunk: int, count: int, size: int) -> None:
    """Bytes that leave are given back, whatever the sizes of chunks and of pieces off the wire; framing does not add up."""
    wire = split(b"".join(signed_body([bytes(chunk)] * count)), size)
    waiting = (4 << 20) + chunk if how == "asked" else 0

    async def run() -> None:
        least = TOTAL

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal least
            more = True
            while more:
                more = (await receive())["more_body"]
                least = min(least, gateway.room.left)
            await send({"type": "http.response.start", "status": 200, "headers": []})

        gateway = Gateway(how, app)
        answer = await gateway.put(sending(wire))
        assert answer is not None
        assert answer["status"] == 200
        assert 0 < TOTAL - least <= 2 * waiting + 2 * (chunk + 200) + 2 * size
        assert gateway.room.left == TOTAL

    asyncio.run(run())


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("ending", ["passed", "wrong", "gone", "cut short", "failed", "outage", "bug", "cancelled", "no room"])
def test_room_is_given_back_on_every_path(how: str, ending: str) -> None:
    frames = signed_body([bytes(CHUNK)] * 9)
    pieces = {"wrong": [*frames[:5], frames[0]], "cut short": frames[:-1], "gone": frames[:7], "cancelled": frames[:7]}
    errors = {"outage": VerifierError("nobody"), "bug": RuntimeError("a bug")}
    total = CHUNK // 2 if ending == "no room" else TOTAL

    async def run() -> None:
        gateway = Gateway(how, failing if ending == "failed" else reading, total, errors.get(ending))
        stay = asyncio.Event() if ending == "cancelled" else None
        body = sending(pieces.get(ending, frames), end=ending not in {"gone", "cancelled"}, stay=stay)
        if ending == "cancelled":
            task = asyncio.create_task(gateway.put(body))
            for _ in range(100):
                await asyncio.sleep(0)
            assert gateway.room.left < total
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        elif ending == "failed":
            with pytest.raises(KeyError):
                await gateway.put(body)
        else:
            await gateway.put(body)
        assert gateway.room.left == total

    asyncio.run(run())


def test_a_call_that_outlives_its_exchange_takes_no_room() -> None:
    left_behind: list[asyncio.Task[Message]] = []
    answering = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        left_behind.append(asyncio.ensure_future(receive()))
        for _ in range(50):
            await asyncio.sleep(0)

    class Slow(Service):
        async def verify_chunks(self, *arguments: Any, **options: Any) -> ChunksVerified | Rejected:
            await answering.wait()
            return await super().verify_chunks(*arguments, **options)

    async def run() -> None:
        async def send(_: Message) -> None:
            raise AssertionError("nothing is answered")

        gateway = SignedRequests(app, Slow("asked"))
        room = gateway._chunks_room
        await gateway(body_scope(1), sending(signed_body([bytes(CHUNK)] * 9)), send)
        assert (room.left, left_behind[0].done()) == (512 << 20, False)
        answering.set()
        await asyncio.gather(*left_behind, return_exceptions=True)
        assert room.left == 512 << 20

    asyncio.run(run())


def test_a_share() -> None:
    room = Room(10)
    share, other = Share(room), Share(room)
    share.hold(6)
    other.hold(4)
    with pytest.raises(NoRoom):
        share.hold(7)
    assert (share.held, room.left) == (6, 0)
    other.close()
    share.hold(7)
    assert room.left == 3
    with pytest.raises(NoRoom):
        other.hold(1)
    share.close()
    assert room.left == 10


def test_bounds_of_the_room() -> None:
    assert Bodies().limits.max_chunk == 4 << 20
    assert Bodies(limits=Limits()).max_waiting_total == 512 << 20
    Bodies(max_waiting_total=48 << 20, limits=Limits())
    with pytest.raises(ValueError, match="max_waiting_total must be at least"):
        Bodies(max_waiting_total=(48 << 20) - 1, limits=Limits())
