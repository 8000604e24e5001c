"""VerifyChunks: message -> chunk verifier -> message, and a line in the log for every refusal."""

import random
from collections.abc import Callable
from typing import Final

from counterseal.core.body.chain import Link
from counterseal.core.model import Demand, Rejected, Window
from counterseal.server.callers import Caller
from counterseal.server.chunks import ChunkVerifier
from counterseal.server.errors import InvalidField
from counterseal.server.rpc.answers import put_rejected
from counterseal.server.rpc.convert import read_request_id
from counterseal.server.rpc.public_errors import chunk_error
from counterseal.server.rpc.redact import loggable_key_id
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics
from counterseal.v1 import verification_pb2 as pb

MAX_CHUNKS: Final = 4096
MAX_SIGNATURE: Final = 160
_ANY: Final = Demand()


class ChunkHandlers:
    """What is done about chunks. `sample` is the share of verified calls that are logged, 0 to 1."""

    def __init__(
        self,
        *,
        chunks: ChunkVerifier,
        window: Window,
        clock: Callable[[], float],
        metrics: Metrics,
        log: Log,
        sample: float,
    ) -> None:
        self._chunks = chunks
        self._window = window
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self._sample = sample

    def verify_chunks(self, request: pb.VerifyChunksRequest, caller: Caller) -> pb.VerifyChunksResponse:
        """Answer VerifyChunks.

        Raises:
            InvalidField: the message breaks a limit, or the continuation is none of ours.
            StoreUnavailable: nobody knows.
        """
        links, trailer = read_links(request)
        request_id = read_request_id(request.request_id)
        if not request.continuation:
            raise InvalidField("continuation", "must be set")
        ticket = self._chunks.open(request.continuation)
        found = self._chunks.go_on(ticket, links, trailer, caller.narrow(_ANY))
        names = {
            "key_id": loggable_key_id(ticket.key_id),
            "scheme": ticket.scheme,
            "request_id": request_id,
            "caller": caller.name,
            "chunks": len(links),
        }
        response = pb.VerifyChunksResponse()
        if isinstance(found, Rejected):
            put_rejected(response.rejected, found, chunk_error(found.reason), now=self._clock(), skew=self._window.skew)
            self._metrics.chunks("rejected", found.reason.value)
            self._log.info("verify_chunks", outcome="rejected", reason=found.reason.value, detail=found.detail, **names)
            return response
        response.verified.continuation = found.ticket
        response.verified.complete = found.complete
        outcome = "complete" if found.complete else "verified"
        self._metrics.chunks(outcome)
        if self._sample and random.random() < self._sample:  # noqa: S311  # which lines to keep, nothing secret
            self._log.info("verify_chunks", outcome=outcome, **names)
        return response


def read_links(message: pb.VerifyChunksRequest) -> tuple[list[Link], Link | None]:
    """Return the chunks and the trailer. How a signature is spelled is the client's doing: a verdict. Raises InvalidField."""
    if len(message.chunks) > MAX_CHUNKS:
        raise InvalidField("chunks", f"must have at most {MAX_CHUNKS} entries")
    trailer = message.trailer if message.HasField("trailer") else None
    if not message.chunks and trailer is None:
        raise InvalidField("chunks", "must have at least one entry, unless there is a trailer")
    links = [_link("chunks", chunk) for chunk in message.chunks]
    return links, None if trailer is None else _link("trailer", trailer)


def _link(field: str, message: "pb.Chunk | pb.Trailer") -> Link:
    if len(message.sha256) != 32:
        raise InvalidField(f"{field}.sha256", "must have 32 bytes")
    if not message.signature or len(message.signature) > MAX_SIGNATURE:
        raise InvalidField(f"{field}.signature", f"must be 1 to {MAX_SIGNATURE} characters")
    return Link(sha256=message.sha256, signature=message.signature)
