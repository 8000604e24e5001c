"""Signed chunks: verified here with a leased key, or by the service, and handed on as they are."""

import logging
from typing import Final, Protocol

from counterseal.core.body import BodyVerifier, DeferredBody, Limits, Link, PendingChunk, Piece
from counterseal.core.model import Rejected as CoreRejected
from counterseal_client.asgi import answers
from counterseal_client.asgi.answers import Answer, answer_for, answer_for_body
from counterseal_client.asgi.body import BodyMismatch, StreamedBody, WholeBody
from counterseal_client.asgi.types import AsksForVerdicts
from counterseal_client.errors import RequestNotAccepted, VerifierError
from counterseal_client.model import ChunkSigned, Rejected

_log: Final = logging.getLogger("counterseal_client")

# What waits for an answer of the service, beside the chunk that is still arriving. A call costs about as much as hashing half
# a MiB, so that at this size the calls cost little.
_BATCH: Final = 4 << 20  # bytes
_BATCH_CHUNKS: Final = 1024  # a quarter of what the service takes in one message


class _Refused(Exception):
    """The body is refused; what the client is answered."""

    def __init__(self, answer: Answer, why: str) -> None:
        super().__init__(why)
        self.answer = answer


class _Source(Protocol):
    """Takes bytes off the wire, and gives out bytes of verified chunks. Raises _Refused."""

    async def feed(self, data: bytes) -> list[Piece]:
        """Take the next bytes, and return those that are verified by now."""

    async def finish(self) -> list[Piece]:
        """Take the end, and return the rest. The body is whole, and all of it verified."""


class _Leased:
    """Verifies with a leased key: no call for any chunk."""

    def __init__(self, verifier: BodyVerifier) -> None:
        self._verifier = verifier

    async def feed(self, data: bytes) -> list[Piece]:
        fed = self._verifier.feed(data)
        if isinstance(fed, CoreRejected):
            raise _refused_here(fed)
        return list(fed.verified)

    async def finish(self) -> list[Piece]:
        end = self._verifier.finish()
        if isinstance(end, CoreRejected):
            raise _refused_here(end)
        return []


class _Asked:
    """Asks the service, about many chunks in one call. Their bytes wait here for the answer."""

    def __init__(self, duty: ChunkSigned, verifier: AsksForVerdicts, request_id: str, limits: Limits) -> None:
        self._body = DeferredBody(duty, limits=limits)
        self._verifier = verifier
        self._request_id = request_id
        self._continuation = duty.continuation
        self._complete = False
        self._waiting: list[PendingChunk] = []
        self._bytes = 0

    async def feed(self, data: bytes) -> list[Piece]:
        pending = self._body.feed(data)
        if isinstance(pending, CoreRejected):
            raise _refused_here(pending)
        self._waiting += pending.chunks
        self._bytes += sum(chunk.length for chunk in pending.chunks)
        verified: list[Piece] = []
        while self._bytes >= _BATCH or len(self._waiting) >= _BATCH_CHUNKS:
            verified += await self._ask(None)
        return verified

    async def finish(self) -> list[Piece]:
        end = self._body.finish()
        if isinstance(end, CoreRejected):
            raise _refused_here(end)
        verified: list[Piece] = []
        while len(self._waiting) > _BATCH_CHUNKS:
            verified += await self._ask(None)
        if self._waiting or end.trailer is not None:
            verified += await self._ask(end.trailer)
        if not self._complete:
            raise _Refused(answers.CHUNKS_MALFORMED, "the service does not know of the chain's end")
        return verified

    async def _ask(self, trailer: Link | None) -> list[Piece]:
        batch, self._waiting = self._waiting[:_BATCH_CHUNKS], self._waiting[_BATCH_CHUNKS:]
        self._bytes = sum(chunk.length for chunk in self._waiting)
        links = [chunk.link for chunk in batch]
        try:
            found = await self._verifier.verify_chunks(self._continuation, links, trailer, request_id=self._request_id)
        except RequestNotAccepted as error:
            raise _Refused(answers.NOT_ACCEPTED, f"the chunks were not accepted: {error!r}") from None
        except VerifierError as error:
            raise _Refused(answers.UNAVAILABLE, f"nobody knows about the chunks: {error!r}") from None
        if isinstance(found, Rejected):
            raise _Refused(answer_for(found), f"{found.reason}, {found.detail!r}")
        self._continuation, self._complete = found.continuation, found.complete
        return [piece for chunk in batch for piece in chunk.unverified]


class ChunkStream(StreamedBody):
    """A `receive` for signed chunks: decoded, and nothing handed on that has not been verified.

    One piece is held back until the last chunk, the trailer and the checksums are known to be right, so that an upstream that
    counts the bytes of a known content-length never has them all of a body that was cut short.
    """

    def __init__(self, whole: WholeBody, source: _Source, request_id: str) -> None:
        super().__init__(whole)
        self._source = source
        self._request_id = request_id
        self._held: list[Piece] = []

    async def _take(self, piece: bytes, more: bool) -> bytes:
        try:
            return await self._verified(piece, more)
        except _Refused as refused:
            _log.info("request %s: the body is refused: %s", self._request_id, refused)
            self.failure = refused.answer
            self._held = []
            raise BodyMismatch from None
        except Exception:  # a bug; an application may swallow it
            _log.exception("request %s: the chunks could not be verified", self._request_id)
            raise

    async def _verified(self, piece: bytes, more: bool) -> bytes:
        verified = await self._source.feed(piece)
        if not more:
            verified += await self._source.finish()
            return b"".join(self._held + verified)
        if not verified:
            return b""
        held, self._held = self._held, verified
        return b"".join(held)


def open_chunks(whole: WholeBody, duty: ChunkSigned, verifier: AsksForVerdicts, request_id: str, limits: Limits) -> ChunkStream:
    """Return the stream of a body in signed chunks.

    Raises:
        ValueError: the service named an algorithm or gave a key that cannot be one.
    """
    source: _Source
    if duty.key is None:
        source = _Asked(duty, verifier, request_id, limits)
    else:
        source = _Leased(BodyVerifier(duty, key=duty.key, limits=limits))
    return ChunkStream(whole, source, request_id)


def _refused_here(rejected: CoreRejected) -> _Refused:
    return _Refused(answer_for_body(rejected, chunked=True), f"{rejected.reason.value}, {rejected.detail!r}")
