"""Digests of a body in header fields: RFC 9530's `Content-Digest` and `Repr-Digest`, and RFC 3230's `Digest`.

Only sha-256 and sha-512 count. Whatever else is stated beside one of them is ignored, as RFC 9530 section 2 lets a receiver do;
alone it is refused: `md5`, `sha` and the checksums are "Deprecated" in its registry (section 7.2) and prove nothing.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from counterseal.core import compare
from counterseal.core.model import HttpRequest, Reason, Refusal
from counterseal.core.payload import AlreadyChecked, BodyDigests, PayloadDuty

MAX_FIELD: Final = 4096
MAX_DIGESTS: Final = 16

_HASHES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "sha-256": lambda content: hashlib.sha256(content).digest(),
    "sha-512": lambda content: hashlib.sha512(content).digest(),
}
_SIZES: Final = {"sha-256": 32, "sha-512": 64}
ALGORITHMS: Final = frozenset(_HASHES)

# RFC 9651 section 3.2: a dictionary, here of byte sequences alone and without parameters, which RFC 9530 does not define.
_SF_MEMBER: Final = re.compile(rb"(?P<name>[a-z*][a-z0-9_.*-]{0,63})=:(?P<value>[A-Za-z0-9+/]*={0,2}):")
# RFC 3230 section 4.1.2: an algorithm's name, in any letters, and its output in the algorithm's own encoding.
_MEMBER: Final = re.compile(rb"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64})=(?P<value>[\x21\x23-\x2b\x2d-\x7e]+)")


def read_content_digest(values: Iterable[bytes]) -> dict[str, bytes]:
    """Read the values of `Content-Digest` or `Repr-Digest`, in the order of their lines. Returns digests by algorithm.

    At least one digest is returned, each as long as its algorithm makes it.

    Raises:
        Refusal: MALFORMED: no dictionary of byte sequences, a name given twice, base64 that is not canonical, a digest of a
            wrong length, or none of sha-256 and sha-512.
    """
    return _read(b", ".join(values), _SF_MEMBER, "content digest")


def read_digest(values: Iterable[bytes]) -> dict[str, bytes]:
    """Do as `read_content_digest` for `Digest`, e.g. `SHA-256=<base64>,SHA-512=<base64>`. Names are returned in lower case."""
    return _read(b", ".join(values), _MEMBER, "header digest")


def check(digests: Mapping[str, bytes], content: bytes) -> bool:
    """Say whether `content` has every one of the digests, in constant time. No digests, or an unknown name: it has not."""
    if not digests or not ALGORITHMS.issuperset(digests):
        return False
    # RFC 9530 section 2 leaves open which to check; a sender that states two means both.
    return all(compare.same(digest, _HASHES[name](content)) for name, digest in digests.items())


def body_duty(digests: Mapping[str, bytes], request: HttpRequest) -> PayloadDuty:
    """Check the body as far as it was sent along, and say what is left to check.

    Raises:
        Refusal: PAYLOAD_MISMATCH.
    """
    if request.content is not None:
        if not check(digests, request.content):
            raise Refusal(Reason.PAYLOAD_MISMATCH, "the body does not have the signed digests")
        return AlreadyChecked()
    left = dict(digests)
    if request.content_sha256 is not None and "sha-256" in left:
        if not compare.same(left.pop("sha-256"), request.content_sha256):
            raise Refusal(Reason.PAYLOAD_MISMATCH, "the body does not have the signed digest")
        if not left:
            return AlreadyChecked()
    return BodyDigests(digests=tuple(left.items()))


def write_content_digest(content: bytes, algorithm: str = "sha-256") -> bytes:
    """Return the value of `Content-Digest` for a body. Raises KeyError for an algorithm outside `ALGORITHMS`."""
    return b"%s=:%s:" % (algorithm.encode("ascii"), base64.b64encode(_HASHES[algorithm](content)))


def write_digest(content: bytes, algorithm: str = "sha-256") -> bytes:
    """Return the value of `Digest` for a body, the name in capitals as RFC 5843 registers it. Raises KeyError."""
    return b"%s=%s" % (algorithm.upper().encode("ascii"), base64.b64encode(_HASHES[algorithm](content)))


def _read(field: bytes, member: re.Pattern[bytes], what: str) -> dict[str, bytes]:
    if len(field) > MAX_FIELD:
        raise Refusal(Reason.MALFORMED, f"{what}: longer than {MAX_FIELD} bytes")
    items = field.strip(b" \t").split(b",")
    if len(items) > MAX_DIGESTS:
        raise Refusal(Reason.MALFORMED, f"{what}: more than {MAX_DIGESTS} digests")
    found: dict[str, bytes] = {}
    for item in items:
        match = member.fullmatch(item.strip(b" \t"))
        if match is None:
            raise Refusal(Reason.MALFORMED, f"{what}: must be names and base64, separated by commas")
        name = match["name"].decode("ascii").lower()
        if name in found:
            # RFC 9651 would take the last one: a second reader might take the first.
            raise Refusal(Reason.MALFORMED, f"{what}: an algorithm is given more than once")
        found[name] = match["value"]
    known = {name: _decoded(value, name, what) for name, value in found.items() if name in ALGORITHMS}
    if not known:
        raise Refusal(Reason.MALFORMED, f"{what}: states neither sha-256 nor sha-512")
    return known


def _decoded(text: bytes, name: str, what: str) -> bytes:
    try:
        digest = base64.b64decode(text, validate=True)
    except binascii.Error:
        digest = b""
    # One spelling: full padding, and no bits left over.
    if base64.b64encode(digest) != text or len(digest) != _SIZES[name]:
        raise Refusal(Reason.MALFORMED, f"{what}: {name} must be {_SIZES[name]} bytes in canonical base64")
    return digest
