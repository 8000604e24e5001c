"""aws-chunked framing, read as it arrives, in pieces of any size.

It looks like HTTP's chunked coding (RFC 9112 section 7.1) and is not it: another layer, with signatures in place of extensions.

    <size in hex>[;chunk-signature=<signature>] CR LF  <bytes>  CR LF   ... again, the last one of size 0 and without bytes
    <trailer>  CR LF

Sizes have no sign, no `0x`, no leading zero and no blanks (MinIO CVE-2021-21390): all letters are small (most clients) or all
capital (.NET, Rust). No other extension is known. Nothing may follow the end.
"""

import re
from collections.abc import Callable
from typing import Final, Protocol

from counterseal.core.body import trailers
from counterseal.core.body.trailers import Trailer
from counterseal.core.model import Reason, Refusal

MAX_LINE: Final = 256  # bytes of a size line; the longest that is meant is 16 digits and a signature of 144
_SIZE: Final = rb"(0|[1-9a-f][0-9a-f]{0,14}|[1-9A-F][0-9A-F]{0,14})"
_UNSIGNED_LINE: Final = re.compile(_SIZE)
_SIGNED_LINE: Final = re.compile(_SIZE + rb";chunk-signature=([0-9a-f]{1,144}\**+)")
_CRLF: Final = b"\r\n"


class Sink(Protocol):
    """What takes in the frames. Any of these may raise Refusal."""

    def begin(self, size: int, signature: str) -> None:
        """A chunk of `size` bytes begins; 0 is the last one. `signature` is as on the wire, empty where chunks have none."""

    def data(self, piece: memoryview) -> None:
        """Take the next bytes of the chunk."""

    def end(self) -> None:
        """All bytes of the chunk have been given."""

    def trailer(self, trailer: Trailer) -> None:
        """Take the trailer, which comes once, after the last chunk, where any field was declared."""


class FrameReader:
    """Reads frames and gives them to a sink. Holds no more than one size line or one trailer."""

    def __init__(self, sink: Sink, *, signed: bool, declared: tuple[str, ...]) -> None:
        """Begin. `signed`: chunks and trailer have signatures. `declared`: the trailer's fields, in lower case; may be none."""
        self._sink = sink
        self._signed = signed
        self._declared = declared
        self._line = _SIGNED_LINE if signed else _UNSIGNED_LINE
        self._kept = bytearray()
        self._left = 0
        self._seen = 0
        self._last = False
        self._step: Callable[[bytes, memoryview, int], int] = self._size_line
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Take in the next bytes off the wire. Raises Refusal: MALFORMED, and what the sink raises."""
        view = memoryview(data)
        at = 0
        while at < len(data):
            at = self._step(data, view, at)

    def _size_line(self, data: bytes, _: memoryview, at: int) -> int:
        line, at = self._until(_CRLF, MAX_LINE, "chunk: its size line", data, at)
        if line is None:
            return at
        found = self._line.fullmatch(line)
        if found is None:
            raise Refusal(
                Reason.MALFORMED, "chunk: its size line must be a plain size in hex, and the signature where chunks have one"
            )
        self._left = int(found[1], 16)
        self._last = self._left == 0
        self._sink.begin(self._left, found[2].decode("ascii") if self._signed else "")
        if not self._last:
            self._step = self._bytes
            return at
        self._sink.end()
        self._step = self._trailer if self._declared else self._line_end
        return at

    def _bytes(self, data: bytes, view: memoryview, at: int) -> int:
        end = min(at + self._left, len(data))
        self._sink.data(view[at:end])
        self._left -= end - at
        if self._left:
            return end
        self._sink.end()
        if data[end : end + 2] == _CRLF:
            self._step = self._size_line
            return end + 2
        self._step = self._line_end
        return end

    def _line_end(self, data: bytes, _: memoryview, at: int) -> int:
        """Read the CR LF after a chunk's bytes, or, where there is no trailer, the one that ends the body."""
        wanted = _CRLF[self._seen :]
        found = data[at : at + len(wanted)]
        if not wanted.startswith(found):
            raise Refusal(Reason.MALFORMED, "chunk: must be followed by CR LF")
        self._seen += len(found)
        if self._seen == len(_CRLF):
            self._seen = 0
            self._step = self._nothing if self._last else self._size_line
            self.ended = self._last
        return at + len(found)

    def _trailer(self, data: bytes, _: memoryview, at: int) -> int:
        block, at = self._until(trailers.END, trailers.MAX_TRAILER, "trailer", data, at)
        if block is not None:
            self._sink.trailer(trailers.read_trailer(block, self._declared, signed=self._signed))
            self._step = self._nothing
            self.ended = True
        return at

    def _nothing(self, _data: bytes, _: memoryview, _at: int) -> int:
        raise Refusal(Reason.MALFORMED, "the body goes on after its end")

    def _until(self, mark: bytes, limit: int, what: str, data: bytes, at: int) -> tuple[bytes | None, int]:
        """Return what stands before `mark`, None as long as it has not come, and where to go on in `data`.

        Pieces may end anywhere, inside the mark also; then what came so far is kept, within the limit.
        """
        if not self._kept:
            found = data.find(mark, at, at + limit + len(mark))
            if found >= 0:
                return data[at:found], found + len(mark)
        before = len(self._kept)
        self._kept += data[at : at + limit + len(mark) - before]
        found = self._kept.find(mark, max(0, before - len(mark) + 1))
        if found >= 0:
            block = bytes(self._kept[:found])
            self._kept.clear()
            return block, at + found + len(mark) - before
        if len(self._kept) == limit + len(mark):
            raise Refusal(Reason.MALFORMED, f"{what}: longer than {limit} bytes")
        return None, len(data)
