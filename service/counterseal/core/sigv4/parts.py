"""Parts of a claim that header and query forms share, each read exactly."""

import itertools
from functools import lru_cache

from counterseal.core import encoding, http
from counterseal.core.model import Reason, Refusal
from counterseal.core.sigv4 import facts
from counterseal.core.sigv4.facts import PathRules


def rules(service: str) -> PathRules:
    """Return the path rules of a service."""
    return facts.S3_RULES if service in facts.S3_SERVICES else facts.GENERAL_RULES


def check_day(date: str, timestamp: bytes) -> None:
    """Check that the scope's date is the day of the stated time. Raises Refusal: MALFORMED."""
    # The scope's date is the UTC day of the stated time, so yesterday's scope is right while yesterday's time is in the window.
    if date.encode("ascii") != timestamp[:8]:
        raise Refusal(Reason.MALFORMED, "Credential: the scope's date is not the day of the stated time")


def read_signature(text: bytes) -> bytes:
    """Read a signature. Raises Refusal: MALFORMED."""
    if not facts.SIGNATURE.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "Signature: must be 64 lower-case hex digits")
    return text


def read_security_token(text: bytes | None) -> bytes | None:
    """Read a security token, if there is one. Raises Refusal: MALFORMED."""
    if text is not None and not facts.SECURITY_TOKEN.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "security token: must be 1 to 8192 visible ASCII characters")
    return text


def read_payload(text: bytes | None) -> bytes | None:
    """Read a value of `x-amz-content-sha256`, if there is one. Raises Refusal: MALFORMED."""
    if text is None or encoding.is_sha256_hex(text) or text in facts.PAYLOAD_WORDS:
        return text
    if text in facts.FOREIGN_PAYLOAD_WORDS:
        raise Refusal(Reason.MALFORMED, "x-amz-content-sha256: names a way of streaming that this algorithm does not have")
    raise Refusal(Reason.MALFORMED, "x-amz-content-sha256: neither 64 lower-case hex digits nor a known word")


def read_signed_headers(text: bytes, request: http.ReadRequest) -> tuple[bytes, ...]:
    """Read SignedHeaders, every name of which has to be in the request. Raises Refusal: MALFORMED."""
    if len(text) > facts.MAX_SIGNED_HEADERS_BYTES:
        raise Refusal(Reason.MALFORMED, f"SignedHeaders: longer than {facts.MAX_SIGNED_HEADERS_BYTES} bytes")
    names = _split_signed_headers(text)
    for name in names:
        # Never looked for in the query instead (MinIO, Arsenal), and never taken as empty.
        if name not in request.headers:
            raise Refusal(Reason.MALFORMED, f"SignedHeaders: {name.decode()[:64]} is not in the request")
    return names


# A client signs the same few sets of headers all day. Refusals are not remembered, and what is remembered is bounded.
@lru_cache(maxsize=1024)
def _split_signed_headers(text: bytes) -> tuple[bytes, ...]:
    if not facts.SIGNED_HEADERS.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "SignedHeaders: must be lower-case names separated by ;")
    names = text.split(b";")
    if len(names) > facts.MAX_SIGNED_HEADERS:
        raise Refusal(Reason.MALFORMED, f"SignedHeaders: more than {facts.MAX_SIGNED_HEADERS} names")
    # Never re-sorted: the list stands in the canonical request as it was sent.
    if any(first >= second for first, second in itertools.pairwise(names)):
        raise Refusal(Reason.MALFORMED, "SignedHeaders: must be sorted and without repeats")
    return tuple(names)
