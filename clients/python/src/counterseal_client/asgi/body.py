"""Bodies as they stream: complete, and held back until they are known to be the ones that were signed."""

import asyncio
import hashlib
import hmac
from abc import ABC, abstractmethod
from typing import Final, Protocol

from counterseal_client.asgi import answers
from counterseal_client.asgi.answers import Answer
from counterseal_client.asgi.types import Message, Receive

_DRAIN: Final = 1 << 20  # bytes of a refused body that are read before the answer
_DRAIN_SECONDS: Final = 2.0


class BodyMismatch(Exception):
    """The body is not the one that was signed, or nobody could say whether it is. What came of it before is not all of it."""


class ClientGone(Exception):
    """The client left before its body was complete."""


class Body(Protocol):
    """What an application is given as its `receive`, and what the middleware asks afterwards.

    `failure`: what the client is answered, once the body has proved wrong; `receive` raises BodyMismatch from then on.
    `gone`: the client left before the end of its body. `ended`: its body was read to the end.
    """

    failure: Answer | None

    @property
    def gone(self) -> bool:
        """Whether the client left before the end of its body."""

    @property
    def ended(self) -> bool:
        """Whether the client's body was read to its end."""

    async def __call__(self) -> Message:
        """Return the next message. Raises BodyMismatch and ClientGone."""


class WholeBody:
    """A `receive` that never lets the client's leaving pass for the end of its body.

    ASGI says it with a message that has no `more_body`, and the usual loop, `more = message.get("more_body", False)`, takes
    that for the end: an application would keep what came so far, under the name of whoever signed something else. After the
    end of the body every message is passed on.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False
        self.gone = False
        self.failure: Answer | None = None  # nothing is compared here

    async def __call__(self) -> Message:
        """Return the next message. Raises ClientGone, from then on every time, when the body will not be complete."""
        if self.gone:
            raise ClientGone
        message = await self._receive()
        if self.ended:
            return message
        if message["type"] != "http.request":
            self.gone = True
            raise ClientGone
        self.ended = not message.get("more_body", False)
        return message


class StreamedBody(ABC):
    """A `receive` that looks at every piece before it hands on what it may.

    One call at a time: a second one waits for the first, which may have the end in its hands. What breaks a call off once a
    piece was read, a cancellation also, breaks the body off: the piece is lost, and what came after it would pass for the rest.
    While a piece is waited for, a cancellation loses nothing.
    """

    def __init__(self, whole: WholeBody) -> None:
        self._whole = whole
        self._turn = asyncio.Lock()
        self._delivered = False
        self.failure: Answer | None = None

    @property
    def gone(self) -> bool:
        """Whether the client left before the end of its body."""
        return self._whole.gone

    @property
    def ended(self) -> bool:
        """Whether the client's body was read to its end."""
        return self._whole.ended

    async def __call__(self) -> Message:
        """Return the next message. Raises BodyMismatch, from then on every time, once the body proved wrong, and ClientGone."""
        async with self._turn:
            while not self._delivered:
                self._check_intact()
                message = await self._whole()
                more = message.get("more_body", False)
                try:
                    ready = await self._take(message.get("body", b""), more)
                except BaseException:  # unless it says itself what is wrong
                    self.failure = self.failure or answers.UNAVAILABLE
                    raise
                self._delivered = not more
                if ready or not more:
                    return {"type": "http.request", "body": ready, "more_body": more}
            return await self._whole()

    def _check_intact(self) -> None:
        if self.failure is None and self._whole.ended:  # and the end was not handed out: nobody may take it for said
            self.failure = answers.UNAVAILABLE
        if self.failure is not None:
            raise BodyMismatch

    @abstractmethod
    async def _take(self, piece: bytes, more: bool) -> bytes:
        """Take the next piece, and return what may be handed on; without `more`, all the rest. Sets `failure`: BodyMismatch."""


class CheckedBody(StreamedBody):
    """A `receive` that hashes the body as it passes, and hands out its last bytes only when the hash is right.

    One piece is always held back. An application that acts at `more_body: False` never acts on a wrong body, and neither does
    one that forwards the pieces under a known content-length: the last bytes never reach its upstream.
    """

    def __init__(self, whole: WholeBody, sha256: bytes) -> None:
        super().__init__(whole)
        self._expected = sha256
        self._hash = hashlib.sha256()
        self._held = b""

    async def _take(self, piece: bytes, more: bool) -> bytes:
        self._hash.update(piece)
        if not more:
            if not hmac.compare_digest(self._hash.digest(), self._expected):
                self.failure = answers.BODY_MISMATCH
                raise BodyMismatch
            return self._held + piece
        if not piece:
            return b""
        held, self._held = self._held, piece
        return held


async def drain(receive: Receive) -> bool:
    """Read a refused body to its end, if it is short and quick, and return whether it was.

    A connection closed over unread data is reset, and many clients then report the reset instead of the refusal.
    """
    left = _DRAIN
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request":
                    return False
                if not message.get("more_body", False):
                    return True
                left -= len(message.get("body", b""))
    except TimeoutError:
        pass
    return False
