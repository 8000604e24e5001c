"""What a signed request says, apart from how it is spelled: two requests of one meaning are verified by one signature.

Written apart from the core, on decoded text. The equivalences in it are all that there are; test_equivalences.py names them.
"""

import urllib.parse
from typing import Any

from counterseal.core.model import HttpRequest

S3 = {"s3", "s3-outposts"}


def path_meaning(path: bytes, service: str) -> Any:
    """S3: the segments, decoded. Other services: the segments as spelled, without dot segments and empty ones."""
    if service in S3:
        return [urllib.parse.unquote_to_bytes(segment) for segment in path.split(b"/")]
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            kept = kept[:-1]
        elif segment not in {b"", b"."}:
            kept.append(segment)
    return kept, bool(kept) and path.endswith(b"/")


def query_meaning(query: bytes) -> Any:
    """Names and values, decoded, in no order."""
    pairs = [item.partition(b"=") for item in query.split(b"&")] if query else []
    return sorted((urllib.parse.unquote_to_bytes(name), urllib.parse.unquote_to_bytes(value)) for name, _, value in pairs)


def header_meaning(values: list[bytes]) -> bytes:
    """Repeats joined with commas in arrival order, runs of blanks collapsed."""
    return b",".join(b" ".join(value.split()) for value in values)


def meaning(request: HttpRequest, service: str) -> Any:
    """Return what `request` says, as far as a signature over all of its headers covers it."""
    path, _, query = request.target.partition(b"?")
    authorization = [value for name, value in request.headers if name == b"authorization"]
    fields = {}
    covered = b"host"
    for value in authorization:
        algorithm, _, rest = value.strip(b" \t").partition(b" ")
        fields = {name: text for name, _, text in (item.strip(b" \t").partition(b"=") for item in rest.split(b","))}
        fields[b"algorithm"] = algorithm
        covered = fields.get(b"SignedHeaders", b"")
    pairs = query_meaning(query)
    covered = dict(pairs).get(b"X-Amz-SignedHeaders", covered)
    index: dict[bytes, list[bytes]] = {}
    for name, value in request.headers:
        index.setdefault(name, []).append(value)
    headers = {name: header_meaning(index[name]) for name in covered.split(b";") if name in index}
    unsigned_body = service in S3 and b"X-Amz-Signature" in dict(pairs)
    body = None if unsigned_body else request.content
    return (request.method, path_meaning(path, service), pairs, headers, len(authorization), fields, body)
