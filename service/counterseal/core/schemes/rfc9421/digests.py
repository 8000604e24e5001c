"""What a signature says about the body: by a covered digest of it, or not at all.

`Content-Digest` (RFC 9530 section 2) is of the content as sent. `Repr-Digest` (section 3) is of the selected representation:
what a request encloses is a whole representation unless `Content-Range` makes it a part, so then only is it left unchecked.
A digest that is not covered says nothing and is not looked at.
"""

import hashlib
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


def covered_digests(components: Sequence[Component], request: ReadRequest) -> dict[str, bytes]:
    """Return the digests that the body must have because covered fields say so, by algorithm.

    With `;key`, only that digest is covered. One of another algorithm than sha-256 and sha-512 covers nothing.

    Raises:
        Refusal: MALFORMED: a covered field cannot be read, or two of them contradict each other.
    """
    found: dict[str, bytes] = {}
    for component in components:
        if component.name == "content-digest" or (component.name == "repr-digest" and b"content-range" not in request.headers):
            stated = digest.read_content_digest(request.headers[component.name.encode("ascii")])
            key = component.parameters.get("key")
            for name, value in stated.items():
                if key in {None, name} and found.setdefault(name, value) != value:
                    raise Refusal(Reason.MALFORMED, "headers content-digest and repr-digest: contradict each other")
    return found


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
        Refusal: PAYLOAD_MISMATCH.
    """
    if claim.digests:
        return digest.body_duty(claim.digests, request)
    if not claim.digest_demanded:
        return Unsigned()
    # A body would have needed a digest, and no header announces one. HTTP/2 may bring one all the same.
    sent = request.content is not None or request.content_sha256 is not None
    return AlreadyChecked() if sent else BodySha256(sha256=_EMPTY)
