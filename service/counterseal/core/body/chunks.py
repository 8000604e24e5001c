"""What signed and unsigned chunks have in common: lengths, checksums and the trailer; and chunks that nobody signed."""

from typing import Final

from counterseal.core.body.checksums import PREFIX, Checksums
from counterseal.core.body.frames import FrameReader
from counterseal.core.body.kept import Kept
from counterseal.core.body.pieces import BodyEnd, Fed, Held
from counterseal.core.body.trailers import Trailer, check_declared
from counterseal.core.model import Reason, Refusal
from counterseal.core.payload import ChunkSigned, ChunkUnsigned

# Every chunk costs some microseconds, its bytes nearly nothing: a megabyte in chunks of one byte took a thousand times what it
# takes in large ones. Clients send 8 KiB and more, but for the last (S3 demands it); a source that reads in small bites may
# bring forth a few others.
SMALL_CHUNK: Final = 1024  # bytes; a chunk below is a small one
MAX_SMALL_CHUNKS: Final = 1024  # of a body


class Chunks:
    """A sink for frames that keeps account of what the request head announced."""

    def __init__(self, duty: ChunkSigned | ChunkUnsigned) -> None:
        """Begin. Raises Refusal: MALFORMED or UNSUPPORTED_SCHEME, for a trailer that cannot be one or cannot be checked."""
        check_declared(duty.trailers)
        self._announced = duty.decoded_length
        self._checksums = Checksums(duty.trailers)
        self._fields: dict[str, str] = {}
        self._length = 0
        self._small = 0
        self._reader = FrameReader(self, signed=isinstance(duty, ChunkSigned), declared=duty.trailers)

    def begin(self, size: int, signature: str) -> None:  # noqa: ARG002 - signed chunks look at it
        """Take the beginning of a chunk.

        Raises:
            Refusal: MALFORMED: too many small chunks; PAYLOAD_MISMATCH: lengths do not add up to the announced one.
        """
        self._length += size
        if 0 < size < SMALL_CHUNK:
            self._small += 1
            if self._small > MAX_SMALL_CHUNKS:
                raise Refusal(Reason.MALFORMED, f"chunk: more than {MAX_SMALL_CHUNKS} are smaller than {SMALL_CHUNK} bytes")
        if self._announced is None:
            return
        if self._length > self._announced or (size == 0 and self._length < self._announced):
            raise Refusal(Reason.PAYLOAD_MISMATCH, "the body is not as long as x-amz-decoded-content-length says")

    def data(self, piece: memoryview) -> None:
        """Take the next bytes of the chunk."""
        self._checksums.update(piece)

    def end(self) -> None:
        """Take the end of a chunk."""

    def trailer(self, trailer: Trailer) -> None:
        """Take the trailer. Raises Refusal: PAYLOAD_MISMATCH, when a checksum is not the body's."""
        self._checksums.check(trailer.fields)
        self._fields = trailer.fields

    def check_whole(self) -> BodyEnd:
        """Check that nothing is missing at the end. Raises Refusal: MALFORMED."""
        if not self._reader.ended:
            raise Refusal(Reason.MALFORMED, "the body ends before its last chunk and its trailer")
        return BodyEnd(length=self._length, trailers=tuple(sorted(self._fields.items())))


class UnsignedChunks(Chunks):
    """Chunks without signatures. Every trailer must be a checksum: nothing else about it could be checked."""

    def __init__(self, duty: ChunkUnsigned) -> None:
        """Begin. Raises Refusal, also where no checksum is declared: then nothing at all would be checked."""
        super().__init__(duty)
        if not duty.trailers or not all(name.startswith(PREFIX) for name in duty.trailers):
            raise Refusal(Reason.MALFORMED, f"header x-amz-trailer: unsigned chunks need {PREFIX}<name>, and take nothing else")
        self._kept = Kept()

    def data(self, piece: memoryview) -> None:
        """Take the next bytes of the chunk."""
        super().data(piece)
        self._kept.add(piece)

    def feed(self, data: bytes) -> Fed:
        """Take the next bytes off the wire, and give out what they decode to. Raises Refusal."""
        self._reader.feed(data)
        return Fed(held=tuple([Held(unverified=piece) for piece in self._kept.take()]))

    def finish(self) -> BodyEnd:
        """Say what the body was. Raises Refusal: MALFORMED, when it is not whole."""
        return self.check_whole()
