"""What two requests say differently, apart from spelling, and whether a verdict told the truth about it.

The equivalences here are HTTP's own: escapes in either case or of characters that need none, blanks around values and after
commas, repeated fields in one line, the case of a host. A scheme may tell more apart; it must not tell less.
"""

import re
from dataclasses import dataclass

from counterseal.core import encoding
from counterseal.core.model import HttpRequest, Verified
from counterseal.core.payload import AlreadyChecked

_BLANKS = re.compile(rb"[ \t]+")
_AROUND = re.compile(rb"[ \t]*([,;()])[ \t]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A request that verifies, its verdict, and the names of the fields that signing put there."""

    unsigned: HttpRequest
    signed: HttpRequest
    verdict: Verified
    added: frozenset[bytes]


def added_fields(unsigned: HttpRequest, signed: HttpRequest) -> frozenset[bytes]:
    """Return the names of the fields that signing added or changed."""
    before, after = _headers(unsigned), _headers(signed)
    return frozenset(name for name, value in after.items() if before.get(name) != value)


def unnoticed(base: Baseline, changed: HttpRequest, found: Verified) -> str | None:
    """Return what differs from the signed request although the verdict says that it is covered; None where all is well."""
    for part, differs, covered in _parts(base, changed, found):
        if differs and covered:
            return part
    if found.coverage != base.verdict.coverage:
        return "the coverage itself"
    return None


def _parts(base: Baseline, changed: HttpRequest, found: Verified) -> list[tuple[str, bool, bool]]:
    one, other, coverage = base.signed, changed, found.coverage
    was, now = _headers(one), _headers(other)
    names = sorted(was.keys() | now.keys())
    # An upstream is given `verified_path`, so that two paths of one meaning differ in nothing there.
    paths = encoding.recode_path(base.verdict.verified_path) != encoding.recode_path(found.verified_path)
    body = one.content != other.content or one.content_sha256 != other.content_sha256
    return [
        ("the method", one.method != other.method, coverage.method),
        ("the path", paths, coverage.path),
        ("the query", _query(one.target) != _query(other.target), coverage.query),
        *(
            (f"header {name.decode('latin-1')}", was.get(name) != now.get(name), name in coverage.headers or name in base.added)
            for name in names
        ),
        ("the body", body, isinstance(found.payload_duty, AlreadyChecked) and other.content is not None),
    ]


def _query(target: bytes) -> list[tuple[bytes, bytes]]:
    query = encoding.recode_query(target.partition(b"?")[2])
    pairs = [item.partition(b"=") for item in query.split(b"&") if item]
    return sorted((name, value.replace(b"=", b"%3D")) for name, _, value in pairs)


def _headers(request: HttpRequest) -> dict[bytes, bytes]:
    lines: dict[bytes, list[bytes]] = {}
    for name, value in request.headers:
        plain = _AROUND.sub(rb"\1", _BLANKS.sub(b" ", value).strip(b" "))
        lines.setdefault(name, []).append(plain.lower() if name == b"host" else plain)
    return {name: b",".join(values) for name, values in lines.items()}
