"""What a streamed upload says about itself in the request head. The chunks themselves are not looked at here."""

import re
from typing import Final

from counterseal.core import encoding
from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal
from counterseal.core.payload import ChunkSigned, ChunkUnsigned
from counterseal.core.sigv4 import facts
from counterseal.core.sigv4.facts import SigV4Claim

_TRAILER_NAMES: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*+")
_WITH_TRAILER: Final = frozenset({facts.STREAMING_UNSIGNED_TRAILER, facts.STREAMING_SIGNED_TRAILER})
_SIGNED: Final = frozenset({facts.STREAMING_SIGNED, facts.STREAMING_SIGNED_TRAILER})


def check(payload: bytes | None, request: ReadRequest) -> None:
    """Check the fields that describe a streamed body, when `payload` says that it is one.

    Raises:
        Refusal: MALFORMED.
    """
    if payload is None or not payload.startswith(b"STREAMING-"):
        return
    _decoded_length(request)
    if payload in _WITH_TRAILER and not _trailers(request):
        raise Refusal(Reason.MALFORMED, "header x-amz-trailer: missing, although x-amz-content-sha256 announces a trailer")


def duty(claim: SigV4Claim, payload: bytes, request: ReadRequest, scope: str) -> ChunkSigned | ChunkUnsigned:
    """Say what is left to check about a streamed body whose head has been verified."""
    if payload in _SIGNED:
        return ChunkSigned(
            algorithm="AWS4-HMAC-SHA256-PAYLOAD",
            seed_signature=claim.signature.decode("ascii"),
            timestamp=claim.timestamp.decode("ascii"),
            scope=scope,
            signed_trailer=payload == facts.STREAMING_SIGNED_TRAILER,
            decoded_length=_decoded_length(request),
            trailers=_trailers(request),
        )
    return ChunkUnsigned(decoded_length=_decoded_length(request), trailers=_trailers(request))


def _decoded_length(request: ReadRequest) -> int | None:
    text = request.header(b"x-amz-decoded-content-length")
    if text is None:
        return None
    length = encoding.read_digits(text)
    if length is None:
        raise Refusal(Reason.MALFORMED, "header x-amz-decoded-content-length: must be plain digits")
    return length


def _trailers(request: ReadRequest) -> tuple[str, ...]:
    text = request.header(b"x-amz-trailer")
    if text is None:
        return ()
    if not _TRAILER_NAMES.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "header x-amz-trailer: must be header names separated by commas")
    return tuple(name.strip(b" \t").decode("ascii").lower() for name in text.split(b","))
