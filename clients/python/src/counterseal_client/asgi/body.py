"""Bodies: held back until they are known to be the ones that were signed, or set aside to be hashed first."""

import asyncio
import hashlib
import hmac
import tempfile
from types import TracebackType
from typing import Any, Final, Self

from counterseal_client.asgi.types import Message, Receive

_IN_MEMORY: Final = 1 << 20  # bytes; beyond, a body that is set aside lies in a temporary file
_PIECE: Final = 1 << 16  # bytes handed to the application at once
_DRAIN: Final = 1 << 20  # bytes of a refused body that are read before the answer
_DRAIN_SECONDS: Final = 2.0


class BodyMismatch(Exception):
    """The body is not the one that was signed."""


class BodyTooLarge(Exception):
    """The body is larger than what may be set aside."""


class ClientGone(Exception):
    """The client left before its body was complete."""


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
        self.mismatched = False  # nothing is compared here

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


class CheckedBody:
    """A `receive` that hashes the body as it passes, and hands out its last bytes only when the hash is right.

    One piece is always held back. An application that acts at `more_body: False` never acts on a wrong body, and neither does
    one that forwards the pieces under a known content-length: the last bytes never reach its upstream.
    """

    def __init__(self, whole: WholeBody, sha256: bytes) -> None:
        self._whole = whole
        self._expected = sha256
        self._hash = hashlib.sha256()
        self._held: bytes | None = None
        self.mismatched = False

    @property
    def gone(self) -> bool:
        """Whether the client left before the end of its body."""
        return self._whole.gone

    async def __call__(self) -> Message:
        """Return the next message. Raises BodyMismatch when the whole body does not hash to what was signed, ClientGone."""
        if self.mismatched:
            raise BodyMismatch
        while not self._whole.ended:
            message = await self._whole()
            piece: bytes = message.get("body", b"")
            self._hash.update(piece)
            if not message.get("more_body", False):
                return self._end(piece)
            if not piece:
                continue
            held, self._held = self._held, piece
            if held is not None:
                return {"type": "http.request", "body": held, "more_body": True}
        return await self._whole()

    def _end(self, piece: bytes) -> Message:
        if not hmac.compare_digest(self._hash.digest(), self._expected):
            self.mismatched = True
            raise BodyMismatch
        return {"type": "http.request", "body": (self._held or b"") + piece, "more_body": False}


class SetAsideBody:
    """A body read to its end before anything is decided, in memory or in a temporary file, and then a `receive` for it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._file: Any = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by __exit__
        self._hash = hashlib.sha256()
        self._length = 0
        self._left = 0
        self._ended = False

    async def read(self, limit: int) -> bytes:
        """Read the body and return its SHA-256. Raises BodyTooLarge above `limit` bytes, ClientGone."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGone
            piece: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            self._length += len(piece)
            if self._length > limit:
                raise BodyTooLarge
            self._hash.update(piece)
            self._file.write(piece)
        self._file.seek(0)
        self._left = self._length
        return self._hash.digest()

    async def __call__(self) -> Message:
        """Return the next piece of the body, and after its end what the server says next (a disconnect)."""
        if self._ended:
            return await self._receive()
        piece: bytes = self._file.read(_PIECE)
        self._left -= len(piece)
        self._ended = self._left <= 0
        return {"type": "http.request", "body": piece, "more_body": not self._ended}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


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
