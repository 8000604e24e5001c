"""What a streamed upload says about itself in the request head. The chunks themselves are not looked at here."""

import re
from typing import Final

from counterseal.core import encoding
from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal
from counterseal.core.payload import ChunkSigned, ChunkUnsigned
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import Family, Stream

_TRAILER_NAMES: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*+")


def check(family: Family, payload: bytes | None, request: ReadRequest) -> None:
    """Check the fields that describe a streamed body, when `payload` says that it is one.

    Raises:
        Refusal: MALFORMED.
    """
    stream = None if payload is None else family.streams.get(payload)
    if stream is None:
        return
    _decoded_length(request)
    if stream.trailer and not _trailers(request):
        raise Refusal(Reason.MALFORMED, "header x-amz-trailer: missing, although x-amz-content-sha256 announces a trailer")


def duty(claim: SigV4Claim, stream: Stream, request: ReadRequest, scope: str) -> ChunkSigned | ChunkUnsigned:
    """Say what is left to check about a streamed body whose head has been verified.

    Under `AWS4-ECDSA-P256-SHA256-PAYLOAD` the signatures of chunks and of the trailer are DER in hex, filled up on the right
    with `*` to 144 characters. The seed has no filling, and the next string to sign holds the previous signature without it.
    """
    if stream.algorithm:
        return ChunkSigned(
            algorithm=stream.algorithm,
            seed_signature=claim.sent_signature.decode("ascii"),
            timestamp=claim.timestamp.decode("ascii"),
            scope=scope,
            signed_trailer=stream.trailer,
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
