"""Keeping pieces of a body, whatever their sizes."""

from typing import Final

from counterseal.core.body.pieces import Piece

# Pieces shorter than this are copied together: a view of a single byte takes two hundred times the room of the byte.
_COPIED: Final = 2048


class Kept:
    """Pieces of a body, in their order: views of what was fed, the small ones copied together."""

    def __init__(self) -> None:
        self._pieces: list[memoryview | bytearray] = []

    def add(self, piece: memoryview) -> None:
        """Keep a piece. What it is a view of must not change any more."""
        if len(piece) >= _COPIED:
            self._pieces.append(piece)
        elif self._pieces and isinstance(self._pieces[-1], bytearray):
            self._pieces[-1] += piece
        else:
            self._pieces.append(bytearray(piece))

    def take(self) -> tuple[Piece, ...]:
        """Return all that was kept, and forget it."""
        pieces, self._pieces = self._pieces, []
        return tuple([memoryview(piece).toreadonly() if isinstance(piece, bytearray) else piece for piece in pieces])
