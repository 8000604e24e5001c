"""Bodies set aside to be hashed before the verdict, and how much of them a gateway holds at once."""

import hashlib
import tempfile
from types import TracebackType
from typing import Any, Final, Self

from counterseal_client.asgi.body import ClientGone
from counterseal_client.asgi.types import Message, Receive

_IN_MEMORY: Final = 1 << 20  # bytes; beyond, a body that is set aside lies in a temporary file
_PIECE: Final = 1 << 16  # bytes handed to the application at once


class BodyTooLarge(Exception):
    """The body is larger than what may be set aside."""


class NoRoom(Exception):
    """All the bodies that are set aside at this moment leave no room for more of this one."""


class Room:
    """How many bytes may lie aside at once. Whoever sends them is not known yet: strangers share it with everybody.

    For one event loop: nothing here awaits, so nothing needs a lock.
    """

    def __init__(self, total: int) -> None:
        self.left = total

    def take(self, count: int) -> None:
        """Take `count` bytes. Raises NoRoom, and takes none, when there are not as many left."""
        if count > self.left:
            raise NoRoom
        self.left -= count

    def give_back(self, count: int) -> None:
        """Return what was taken."""
        self.left += count


class SetAsideBody:
    """A body read to its end before anything is decided, in memory or in a temporary file, and then a `receive` for it.

    To be used in a `with` statement, whose end deletes the body and gives its room back, whatever happened in between.
    """

    def __init__(self, receive: Receive, room: Room) -> None:
        self._receive = receive
        self._room = room
        self._file: Any = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by __exit__
        self._hash = hashlib.sha256()
        self._length = 0
        self._left = 0
        self._ended = False

    async def read(self, limit: int) -> bytes:
        """Read the body and return its SHA-256. Raises BodyTooLarge above `limit` bytes, NoRoom, ClientGone."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGone
            piece: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            if self._length + len(piece) > limit:
                raise BodyTooLarge
            self._room.take(len(piece))
            self._length += len(piece)
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
        self._room.give_back(self._length)
        self._length = 0
        self._file.close()
