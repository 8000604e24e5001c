"""Chunks that are signed, with the key at hand or without it."""

import hashlib
from dataclasses import dataclass

from counterseal.core.body.chain import ChunkKey, Link, Walk, chain_of
from counterseal.core.body.chunks import Chunks
from counterseal.core.body.kept import Kept
from counterseal.core.body.pieces import BodyEnd, Fed, Pending, PendingChunk, PendingEnd, Piece
from counterseal.core.body.trailers import Trailer
from counterseal.core.model import Reason, Refusal
from counterseal.core.payload import ChunkSigned


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large signed chunks may be, in bytes. A chunk is held until its signature has been seen to match.

    `max_chunk`: clients send 64 KiB (minio-go, Amazon's C library), 80 KiB (.NET), 128 KiB (Java), and MinIO's server takes
    16 MiB. `min_chunk`: what every chunk must have that another follows, but for the empty last one. S3 demands 8 KiB; here
    nothing is demanded by default: small chunks weaken nothing, and each costs its signer what it costs the verifier.
    """

    max_chunk: int = 16 << 20
    min_chunk: int = 0

    def __post_init__(self) -> None:
        if self.max_chunk < 1 or not 0 <= self.min_chunk <= self.max_chunk:
            raise ValueError("limits: max_chunk must be at least 1, and min_chunk between 0 and max_chunk")


class _SignedChunks(Chunks):
    """Collects the bytes of one chunk and hashes them where they lie."""

    def __init__(self, duty: ChunkSigned, limits: Limits) -> None:
        """Begin. Raises ValueError for an unknown algorithm, and Refusal: MALFORMED, when it is unclear if a trailer comes."""
        super().__init__(duty)
        if duty.signed_trailer != bool(duty.trailers):
            raise Refusal(Reason.MALFORMED, "header x-amz-trailer: does not agree with x-amz-content-sha256 about a trailer")
        self._chain = chain_of(duty)
        self._summing = bool(self._checksums)
        self._limits = limits
        self._hash = hashlib.sha256()
        self._kept = Kept()
        self._size = limits.min_chunk
        self._signature = ""

    def begin(self, size: int, signature: str) -> None:
        """Take the beginning of a chunk. Raises Refusal: MALFORMED or PAYLOAD_MISMATCH."""
        super().begin(size, signature)
        if size > self._limits.max_chunk:
            raise Refusal(Reason.MALFORMED, f"chunk: larger than {self._limits.max_chunk} bytes")
        if size and self._size < self._limits.min_chunk:
            raise Refusal(Reason.MALFORMED, f"chunk: smaller than {self._limits.min_chunk} bytes, and another one follows")
        self._hash = hashlib.sha256()
        self._size = size
        self._signature = signature

    def data(self, piece: memoryview) -> None:
        """Take the next bytes of the chunk."""
        if self._summing:  # not super(): this is called for every piece
            self._checksums.update(piece)
        self._hash.update(piece)
        self._kept.add(piece)


class VerifiedChunks(_SignedChunks):
    """Chunks whose signatures are verified here, with the derived key of the scope or the public key."""

    def __init__(self, duty: ChunkSigned, key: ChunkKey, limits: Limits) -> None:
        """Begin. Raises ValueError for a key of the wrong kind, and Refusal."""
        super().__init__(duty, limits)
        self._walk = Walk(self._chain, key)
        self._verified: list[Piece] = []

    def end(self) -> None:
        """Verify the chunk. Raises Refusal: MISMATCH or MALFORMED."""
        self._walk.chunk(self._hash.digest(), self._signature)
        self._verified += self._kept.take()

    def trailer(self, trailer: Trailer) -> None:
        """Verify the trailer. Raises Refusal: MISMATCH or MALFORMED, or PAYLOAD_MISMATCH for a checksum, signed and wrong."""
        self._walk.trailer(trailer.link())
        super().trailer(trailer)

    def feed(self, data: bytes) -> Fed:
        """Take the next bytes off the wire, and give out those of chunks that became whole and match. Raises Refusal."""
        self._reader.feed(data)
        verified, self._verified = self._verified, []
        return Fed(verified=tuple(verified))

    def finish(self) -> BodyEnd:
        """Say what the body was. Raises Refusal: MALFORMED, when it is not whole."""
        return self.check_whole()


class DeferredChunks(_SignedChunks):
    """Chunks whose signatures somebody else verifies."""

    def __init__(self, duty: ChunkSigned, limits: Limits) -> None:
        """Begin. Raises ValueError for an algorithm that is none, and Refusal."""
        super().__init__(duty, limits)
        self._pending: list[PendingChunk] = []
        self._trailer: Link | None = None

    def end(self) -> None:
        """Put the chunk with those that wait."""
        link = Link(sha256=self._hash.digest(), signature=self._signature)
        self._pending.append(PendingChunk(link=link, length=self._size, unverified=self._kept.take()))

    def trailer(self, trailer: Trailer) -> None:
        """Take the trailer. Raises Refusal: PAYLOAD_MISMATCH, when a checksum is not the body's."""
        super().trailer(trailer)
        self._trailer = trailer.link()

    def feed(self, data: bytes) -> Pending:
        """Take the next bytes off the wire, and give out the chunks that became whole. Raises Refusal."""
        self._reader.feed(data)
        pending, self._pending = self._pending, []
        return Pending(chunks=tuple(pending))

    def finish(self) -> PendingEnd:
        """Say what the body was, but for the chain. Raises Refusal: MALFORMED, when it is not whole."""
        end = self.check_whole()
        return PendingEnd(trailer=self._trailer, length=end.length, trailers=end.trailers)
