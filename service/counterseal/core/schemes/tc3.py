"""`tc3`: Tencent Cloud API 3.0's signatures, `TC3-HMAC-SHA256`.

Of Tencent's own: scopes without a region and with `YYYY-MM-DD`, a time in Unix seconds, header values signed in lower case,
path and query signed as the bytes that were sent, unsorted. Every request signs `content-type` and `host`.

What is covered of a header is its value but for the case of its letters: whoever sits between may change that. A caller to whom
`a` and `A` are two values (a path, an id, base64) cannot have them told apart by demanding the header.

Tencent's SDKs sign those two alone, so `x-tc-action`, `x-tc-version`, `x-tc-region` and `x-tc-token` mostly come unsigned, and
anybody on the way may change them: a caller that routes by one of them demands it. A changed token is not the key's. The time
is signed, because it stands in the string to sign. `x-tc-content-sha256: UNSIGNED-PAYLOAD` leaves the body unsigned; without
that header the hash of the body is signed.
"""

import datetime as dt
import hashlib
import re
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal
from counterseal.core.sigv4 import aws, canonical, parts
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import PATH_AS_SENT, UNSIGNED, Family, ServiceRules
from counterseal.core.sigv4.kinds import HmacSha256
from counterseal.core.sigv4.scheme import FamilyScheme
from counterseal.core.sigv4.stamps import Stamp

# Ten digits: 2001 to 2286. One length, one spelling.
_SECONDS: Final = re.compile(rb"[1-9][0-9]{9}")


def read_stamp(text: bytes) -> Stamp | None:
    """Read Unix seconds; None for anything but ten digits."""
    return write_stamp(int(text)) if _SECONDS.fullmatch(text) else None


def write_stamp(seconds: int) -> Stamp:
    """Return the stamp of a time in Unix seconds."""
    day = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return Stamp(b"%d" % seconds, seconds, b"%04d-%02d-%02d" % (day.year, day.month, day.day))


def read_names(text: bytes, request: ReadRequest) -> tuple[bytes, ...]:
    """Read SignedHeaders; how a repeated field would be signed is documented nowhere. Raises Refusal: MALFORMED."""
    names = parts.read_signed_headers(text, request)
    for name in names:
        if len(request.headers[name]) != 1:
            raise Refusal(Reason.MALFORMED, f"SignedHeaders: {name.decode()[:64]} is given more than once")
    return names


def canonical_request(claim: SigV4Claim) -> bytes:
    """Return method, path and query as sent, headers in lower case, their names, hash of the payload.

    Raises:
        ValueError: the body is needed and was not sent along, or the claim is of a string to sign.
    """
    if claim.read is None:
        raise ValueError("a string to sign has no canonical request")
    request = claim.read
    payload = claim.payload or canonical.body_sha256(request)
    if payload == UNSIGNED:  # Its hash is signed, as if it were the body.
        payload = hashlib.sha256(UNSIGNED).hexdigest().encode("ascii")
    headers = [b"%s:%s\n" % (name, request.headers[name][0].strip(b" \t").lower()) for name in claim.coverage.headers]
    query = request.request.target.partition(b"?")[2]
    return b"\n".join((request.request.method, request.path, query, b"".join(headers), claim.signed_headers, payload))


TC3: Final = Family(
    name="tc3",
    title="Tencent Cloud API 3.0 signatures, in a header",
    algorithm=b"TC3-HMAC-SHA256",
    terminator="tc3_request",
    kind=HmacSha256(prefix=b"TC3"),
    date_header=b"x-tc-timestamp",
    content_sha256_header=b"x-tc-content-sha256",
    security_token_header=b"x-tc-token",
    must_sign=(),
    required_headers=(b"content-type", b"host"),
    date_fallback=False,
    date_signed=False,
    has_region=False,
    dashed_date=True,
    general=ServiceRules(path=PATH_AS_SENT),
    foreign_words=aws.WORDS,
    sign_service="cvm",
    read_stamp=read_stamp,
    write_stamp=write_stamp,
    stamp_form="10 digits, in Unix seconds",
    read_names=read_names,
    canonical_request=canonical_request,
)


class Tc3(FamilyScheme):
    """Tencent Cloud API 3.0's signatures."""

    def __init__(self) -> None:
        super().__init__(TC3)
