"""The header fields of a body that came in aws-chunked framing and goes on without it."""

from collections.abc import Mapping
from typing import Final

from counterseal_client.asgi.types import Headers

# They describe a framing that is gone. With `x-amz-content-sha256: STREAMING-...` an S3 server would look for chunks.
_OF_THE_FRAMING: Final = frozenset(
    {b"content-length", b"transfer-encoding", b"x-amz-content-sha256", b"x-amz-decoded-content-length", b"x-amz-trailer"}
)
# Says that a checksum follows, which goes on as a field only where it is known before the body.
_ANNOUNCES_CHECKSUM: Final = b"x-amz-sdk-checksum-algorithm"


def decoded_headers(headers: Headers, length: int | None, trailers: Mapping[str, str] | None) -> Headers:
    """Return `headers` for the decoded body.

    `length` None: not known before the body is; it then has a transfer-encoding. `trailers` are the fields of a trailer that
    has been read and checked, which go on as header fields unless one of that name is there; None: they come after the body,
    and do not go on.
    """
    kept: Headers = []
    for name, value in headers:
        lower = name.lower()
        if lower in _OF_THE_FRAMING or (lower == _ANNOUNCES_CHECKSUM and trailers is None):
            continue
        rest = _without_aws_chunked(value) if lower == b"content-encoding" else value
        if rest or not value:
            kept.append((name, rest))
    kept.append((b"transfer-encoding", b"chunked") if length is None else (b"content-length", b"%d" % length))
    present = {name.lower() for name, _ in headers}
    added = [(name.encode(), value.encode()) for name, value in (trailers or {}).items()]
    return kept + [(name, value) for name, value in added if name not in present]


def _without_aws_chunked(value: bytes) -> bytes:
    """Return a content-encoding without its `aws-chunked`, which minio-go does not even send."""
    return b", ".join(part.strip() for part in value.split(b",") if part.strip().lower() != b"aws-chunked")
