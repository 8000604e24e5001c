"""Parts of a claim that header and query forms share, each read exactly."""

import itertools
from functools import lru_cache
from typing import Final

from counterseal.core import encoding, http, scope
from counterseal.core.model import Reason, Refusal, Scope
from counterseal.core.scope import read_region_set
from counterseal.core.sigv4 import facts
from counterseal.core.sigv4.family import UNSIGNED, Family
from counterseal.core.sigv4.stamps import Stamp

_REMEMBERED: Final = 512  # bytes of a list of headers


# A client sends the same credential all day. Refusals are not remembered, and what is remembered is short.
@lru_cache(maxsize=4096)
def read_credential(text: bytes, family: Family) -> tuple[str, Scope]:
    """Read a credential into key id and scope. Raises Refusal: MALFORMED."""
    return scope.read_credential(
        text, family.terminator, family.name, has_region=family.has_region, dashed_date=family.dashed_date
    )


def check_day(date: str, stamp: Stamp) -> None:
    """Check that the scope's date is the day of the stated time. Raises Refusal: MALFORMED."""
    # The scope's date is the UTC day of the stated time, so yesterday's scope is right while yesterday's time is in the window.
    if date.encode("ascii") != stamp.day:
        raise Refusal(Reason.MALFORMED, "Credential: the scope's date is not the day of the stated time")


def read_security_token(text: bytes | None) -> bytes | None:
    """Read a security token, if there is one. Raises Refusal: MALFORMED."""
    if text is not None and not facts.SECURITY_TOKEN.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "security token: must be 1 to 8192 visible ASCII characters")
    return text


def read_payload(family: Family, text: bytes | None) -> bytes | None:
    """Read a value of `x-amz-content-sha256`, if there is one. Raises Refusal: MALFORMED.

    The request's signature is checked for every one of them (MinIO CVE-2025-31489 and CVE-2026-40344 let streaming requests
    through unsigned).
    """
    if text is None or encoding.is_sha256_hex(text) or text == UNSIGNED or text in family.streams:
        return text
    name = family.content_sha256_header.decode()
    if text in family.foreign_words:
        raise Refusal(Reason.MALFORMED, f"{name}: names a way of streaming that this algorithm does not have")
    raise Refusal(Reason.MALFORMED, f"{name}: neither 64 lower-case hex digits nor a known word")


def read_regions(family: Family, text: bytes | None) -> tuple[str, ...]:
    """Read the set of regions of a family that has them: without one, a signature would be good nowhere or everywhere.

    Raises:
        Refusal: MALFORMED.
    """
    if not text:
        raise Refusal(Reason.MALFORMED, f"{family.region_set_header.decode()}: missing or empty")
    return read_region_set(text)


def read_signed_headers(text: bytes, request: http.ReadRequest) -> tuple[bytes, ...]:
    """Read SignedHeaders, every name of which has to be in the request. Raises Refusal: MALFORMED."""
    if len(text) > facts.MAX_SIGNED_HEADERS_BYTES:
        raise Refusal(Reason.MALFORMED, f"SignedHeaders: longer than {facts.MAX_SIGNED_HEADERS_BYTES} bytes")
    names = _split(text) if len(text) > _REMEMBERED else _split_remembered(text)
    for name in names:
        # Never looked for in the query instead (MinIO, Arsenal), and never taken as empty.
        if name not in request.headers:
            raise Refusal(Reason.MALFORMED, f"SignedHeaders: {name.decode()[:64]} is not in the request")
    return names


# A client signs the same few sets of headers all day. Refusals are not remembered, and what is remembered is short: strangers
# fill this also, with lists of headers that their requests do not even have.
@lru_cache(maxsize=512)
def _split_remembered(text: bytes) -> tuple[bytes, ...]:
    return _split(text)


def _split(text: bytes) -> tuple[bytes, ...]:
    if not facts.SIGNED_HEADERS.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "SignedHeaders: must be lower-case names separated by ;")
    names = text.split(b";")
    if len(names) > facts.MAX_SIGNED_HEADERS:
        raise Refusal(Reason.MALFORMED, f"SignedHeaders: more than {facts.MAX_SIGNED_HEADERS} names")
    # Never re-sorted: the list stands in the canonical request as it was sent.
    if any(first >= second for first, second in itertools.pairwise(names)):
        raise Refusal(Reason.MALFORMED, "SignedHeaders: must be sorted and without repeats")
    return tuple(names)
