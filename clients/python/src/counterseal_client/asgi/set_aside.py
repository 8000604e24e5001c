"""Bodies that lie aside: to be hashed before the verdict, or verified before the application has a byte of them."""

import hashlib
import tempfile
from types import TracebackType
from typing import Any, Final, Self

from counterseal.core.body import BodyEnd, BodyVerifier, Fed
from counterseal.core.model import Rejected
from counterseal_client.asgi.answers import Answer  # noqa: TC001 - of a plain attribute's hint
from counterseal_client.asgi.body import ClientGone
from counterseal_client.asgi.room import NoRoom, Room
from counterseal_client.asgi.types import Message, Receive

_IN_MEMORY: Final = 1 << 20  # bytes; beyond, a body that is set aside lies in a temporary file
_PIECE: Final = 1 << 16  # bytes handed to the application at once


class BodyTooLarge(Exception):
    """The body is larger than what may be set aside."""


class _Aside:
    """A body in memory or in a temporary file, and then a `receive` for it.

    To be used in a `with` statement, whose end deletes the body and gives its room back, whatever happened in between.
    """

    def __init__(self, receive: Receive, room: Room, limit: int) -> None:
        self._receive = receive
        self._room = room
        self._limit = limit
        self._file: Any = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by __exit__
        self._length = 0
        self._left = 0
        self._replayed = False
        self.failure: Answer | None = None  # what is wrong is found before anybody gets this as a `receive`
        self.gone = False
        self.begun = False
        self.ended = False

    @property
    def length(self) -> int:
        """How many bytes lie aside."""
        return self._length

    async def _next(self) -> tuple[bytes, bool]:
        """Return the client's next piece and whether more follows. Raises ClientGone."""
        self.begun = True
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGone
        self.ended = not message.get("more_body", False)
        return message.get("body", b""), not self.ended

    def _keep(self, piece: bytes | memoryview) -> None:
        """Put a piece with the others. Raises BodyTooLarge and NoRoom."""
        if self._length + len(piece) > self._limit:
            raise BodyTooLarge
        self._room.take(len(piece))
        self._length += len(piece)
        try:
            self._file.write(piece)
        except OSError as error:
            raise NoRoom from error

    def _rewind(self) -> None:
        self._file.seek(0)
        self._left = self._length

    async def __call__(self) -> Message:
        """Return the next piece of the body, and after its end what the server says next (a disconnect)."""
        if self._replayed:
            return await self._receive()
        piece: bytes = self._file.read(_PIECE)
        self._left -= len(piece)
        self._replayed = self._left <= 0
        return {"type": "http.request", "body": piece, "more_body": not self._replayed}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._room.give_back(self._length)
        self._length = 0
        self._file.close()


class SetAsideBody(_Aside):
    """A body that has to be hashed before there is a verdict. Whoever sends it is not known yet: strangers share the room."""

    async def read(self) -> bytes:
        """Read the body and return its SHA-256. Raises BodyTooLarge, NoRoom, ClientGone."""
        digest = hashlib.sha256()
        more = True
        while more:
            piece, more = await self._next()
            digest.update(piece)
            self._keep(piece)
        self._rewind()
        return digest.digest()

    def content(self) -> bytes:
        """Return the whole body, once it was read; it can still be replayed."""
        content: bytes = self._file.read()
        self._rewind()
        return content


class HeldBody(_Aside):
    """A body that counts only at its end, decoded where it came in chunks. Whoever sends it is known: the head is verified."""

    async def read(self, verifier: BodyVerifier) -> BodyEnd | Rejected:
        """Read the body and return whether it is right. Raises BodyTooLarge, NoRoom, ClientGone."""
        more = True
        while more:
            if verifier.rejected is not None:
                return verifier.rejected
            piece, more = await self._next()
            fed = verifier.feed(piece)
            for held in fed.held if isinstance(fed, Fed) else ():
                self._keep(held.unverified)
        end = verifier.finish()
        self._rewind()
        return end
