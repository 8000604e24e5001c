"""What a signature says about the body: by a covered digest of it, or not at all.

`Content-Digest` (RFC 9530 section 2) is of the content as sent. `Repr-Digest` (section 3) is of the selected representation:
what a request encloses is a whole representation unless `Content-Range` makes it a part. That counts only where the signature
covers `Content-Range`: anybody can add a header on the way, and must not switch a signed digest off with it.
A digest that is not covered says nothing and is not looked at.
"""

import hashlib
import itertools
from collections.abc import Sequence
from typing import Final

from counterseal.core import digest
from counterseal.core.http import ReadRequest
from counterseal.core.model import HttpRequest, Reason, Refusal
from counterseal.core.payload import AlreadyChecked, BodySha256, PayloadDuty, Unsigned
from counterseal.core.schemes.rfc9421.components import Component
from counterseal.core.schemes.rfc9421.facts import Rfc9421Claim

_EMPTY: Final = hashlib.sha256(b"").digest()
_NO_LENGTHS: Final = ([b"0"], None)
_FIELDS: Final = ("content-digest", "repr-digest")


def covered_digests(components: Sequence[Component], request: ReadRequest) -> dict[str, bytes]:
    """Return the digests that the body must have because covered fields say so, by algorithm.

    With `;key`, only that digest is covered. One of another algorithm than sha-256 and sha-512 covers nothing. Each field is
    read once, however many of its digests are covered.

    Raises:
        Refusal: MALFORMED: a covered field cannot be read, or two of them contradict each other.
    """
    found: dict[str, bytes] = {}
    partial = any(component.name == "content-range" and component.whole_field for component in components)
    # RFC 9530 section 2: a digest that is computed while the body is sent comes in the trailer.
    places = itertools.product(_FIELDS[:1] if partial else _FIELDS, ((False, request.headers), (True, request.trailers)))
    for field, (in_trailer, lines) in places:
        own = [component for component in components if component.name == field and component.in_trailer is in_trailer]
        keys = {component.parameters.get("key") for component in own}
        stated = digest.read_content_digest(lines[field.encode("ascii")]) if keys else {}
        for name, value in stated.items():
            if not keys.isdisjoint({None, name}) and found.setdefault(name, value) != value:
                raise Refusal(Reason.MALFORMED, "headers content-digest and repr-digest: contradict each other")
    return found


def check_a_digest_is_usable(claim: Rfc9421Claim) -> None:
    """Check that some digest can be checked where one is covered.

    None can be where `;key` covers another algorithm's alone, or where `Repr-Digest` stands beside a covered `Content-Range`.

    Raises:
        Refusal: NOT_COVERED.
    """
    if not claim.digests and any(component.name in _FIELDS for component in claim.components):
        raise Refusal(
            Reason.NOT_COVERED, "components content-digest and repr-digest: none that is covered tells of the content"
        )


def announces_body(request: ReadRequest) -> bool:
    """Say whether there is a body, or, where the caller streams it, whether a header announces one."""
    sent = request.request
    if sent.content is not None:
        return len(sent.content) > 0
    if sent.content_sha256 is not None:
        return sent.content_sha256 != _EMPTY
    return b"transfer-encoding" in request.headers or request.headers.get(b"content-length") not in _NO_LENGTHS


def body_duty(claim: Rfc9421Claim, request: HttpRequest) -> PayloadDuty:
    """Check the body as far as it was sent, and say what is left to check.

    Raises:
        Refusal: PAYLOAD_MISMATCH; NOT_COVERED, see `check_a_digest_is_usable`.
    """
    if claim.digests:
        return digest.body_duty(claim.digests, request)
    check_a_digest_is_usable(claim)  # Coverage was checked. This is for whoever calls it alone: never Unsigned then.
    if not claim.digest_demanded:
        return Unsigned()
    # A body would have needed a digest, and no header announces one. HTTP/2 may bring one all the same.
    sent = request.content is not None or request.content_sha256 is not None
    return AlreadyChecked() if sent else BodySha256(sha256=_EMPTY)
