"""Signed chunks: verified here with a leased key, or by the service, and handed on as they are."""

import logging
from types import TracebackType
from typing import Final, Protocol, Self

from counterseal.core.body import BodyVerifier, DeferredBody, Limits, Link, PendingChunk, Piece
from counterseal.core.model import Rejected as CoreRejected
from counterseal_client.asgi import answers
from counterseal_client.asgi.answers import Answer, answer_for, answer_for_body
from counterseal_client.asgi.body import BodyMismatch, StreamedBody, WholeBody
from counterseal_client.asgi.keeping import BATCH
from counterseal_client.asgi.room import NoRoom, Room, Share
from counterseal_client.asgi.types import AsksForVerdicts
from counterseal_client.errors import VerifierError
from counterseal_client.model import ChunkSigned, Rejected

_log: Final = logging.getLogger("counterseal_client")

_BATCH_CHUNKS: Final = 1024  # a quarter of what the service takes in one message


class _Refused(Exception):
    """The body is refused; what the client is answered."""

    def __init__(self, answer: Answer, why: str) -> None:
        super().__init__(why)
        self.answer = answer


class _Source(Protocol):
    """Takes bytes off the wire, and gives out bytes of verified chunks. Raises _Refused.

    `kept`: how many bytes of the body are in it; what is known is a bound, too high by less than one piece off the wire.
    """

    @property
    def kept(self) -> int:
        """How many bytes of the body are in it, at most."""

    async def feed(self, data: bytes) -> list[Piece]:
        """Take the next bytes, and return those that are verified by now."""

    async def finish(self) -> list[Piece]:
        """Take the end, and return the rest. The body is whole, and all of it verified."""


class _Arriving:
    """Bounds how many bytes there are of the chunk that is arriving: whole chunks come out, and their framing is not kept."""

    def __init__(self) -> None:
        self.bytes = 0

    def count(self, arrived: int, came_out: int) -> None:
        """Count a piece off the wire, and the bytes of chunks that became whole with it."""
        self.bytes += arrived - came_out
        if came_out:  # what is left of this piece lies behind them
            self.bytes = min(self.bytes, arrived)


class _Leased:
    """Verifies with a leased key: no call for any chunk."""

    def __init__(self, verifier: BodyVerifier) -> None:
        self._verifier = verifier
        self._arriving = _Arriving()

    @property
    def kept(self) -> int:
        return self._arriving.bytes

    async def feed(self, data: bytes) -> list[Piece]:
        fed = self._verifier.feed(data)
        if isinstance(fed, CoreRejected):
            raise _refused_here(fed)
        self._arriving.count(len(data), sum(map(len, fed.verified)))
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
        self._arriving = _Arriving()

    @property
    def kept(self) -> int:
        return self._arriving.bytes + self._bytes

    async def feed(self, data: bytes) -> list[Piece]:
        pending = self._body.feed(data)
        if isinstance(pending, CoreRejected):
            raise _refused_here(pending)
        whole = sum(chunk.length for chunk in pending.chunks)
        self._arriving.count(len(data), whole)
        self._waiting += pending.chunks
        self._bytes += whole
        verified: list[Piece] = []
        while self._bytes >= BATCH or len(self._waiting) >= _BATCH_CHUNKS:
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
        except VerifierError as error:
            answer = answers.answer_without_verdict(error)
            raise _Refused(answer, f"nobody knows about the chunks: {error!r}") from None
        if isinstance(found, Rejected):
            raise _Refused(answer_for(found), f"{found.reason}, {found.detail!r}")
        self._continuation, self._complete = found.continuation, found.complete
        return [piece for chunk in batch for piece in chunk.unverified]


class ChunkStream(StreamedBody):
    """A `receive` for signed chunks: decoded, and nothing handed on that has not been verified.

    One piece is held back until the last chunk, the trailer and the checksums are known to be right, so that an upstream that
    counts the bytes of a known content-length never has them all of a body that was cut short.

    To be used in a `with` statement, whose end gives back what the body has of the room, whatever happened in between.
    """

    def __init__(self, whole: WholeBody, source: _Source, share: Share, request_id: str) -> None:
        super().__init__(whole)
        self._share = share
        self._source: _Source | None = source
        self._request_id = request_id
        self._held: list[Piece] = []

    async def _take(self, piece: bytes, more: bool) -> bytes:
        try:
            return await self._verified(piece, more)
        except BaseException as error:
            self._forget()
            self.failure = self._answer(error)
            if isinstance(error, _Refused | NoRoom):
                raise BodyMismatch from None
            raise

    def _answer(self, error: BaseException) -> Answer:
        """Say in the log what broke the body off, and return what the client is answered."""
        if isinstance(error, _Refused):
            _log.info("request %s: the body is refused: %s", self._request_id, error)
            return error.answer
        if isinstance(error, NoRoom):
            _log.warning("request %s turned away: too many chunks wait to be verified", self._request_id)
            return answers.SLOW_DOWN
        if isinstance(error, Exception):  # a bug, which an application may swallow
            _log.error("request %s: the chunks could not be verified: %r", self._request_id, error, exc_info=error)
        else:
            _log.info("request %s: the application gave up on chunks that were being verified", self._request_id)
        return answers.UNAVAILABLE

    async def _verified(self, piece: bytes, more: bool) -> bytes:
        source = self._source
        if source is None:
            raise NoRoom
        self._share.hold(self._share.held + len(piece))
        verified = await source.feed(piece)
        if not more:
            verified += await source.finish()
            ready = b"".join(self._held + verified)
            self._forget()
            return ready
        held: list[Piece] = []
        if verified:
            held, self._held = self._held, verified
        self._share.hold(source.kept + sum(map(len, self._held)))
        return b"".join(held)

    def _forget(self) -> None:
        """Let all bytes go, and give back their room: no more is verified of this body."""
        self._held = []
        self._source = None
        self._share.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._forget()


def open_chunks(
    whole: WholeBody, duty: ChunkSigned, verifier: AsksForVerdicts, room: Room, request_id: str, limits: Limits
) -> ChunkStream:
    """Return the stream of a body in signed chunks. `room`: for what waits to be verified, of all such bodies.

    Raises:
        ValueError: the service named an algorithm or gave a key that cannot be one.
    """
    source: _Source
    if duty.key is None:
        source = _Asked(duty, verifier, request_id, limits)
    else:
        source = _Leased(BodyVerifier(duty, key=duty.key, limits=limits))
    return ChunkStream(whole, source, Share(room), request_id)


def _refused_here(rejected: CoreRejected) -> _Refused:
    return _Refused(answer_for_body(rejected, chunked=True), f"{rejected.reason.value}, {rejected.detail!r}")
