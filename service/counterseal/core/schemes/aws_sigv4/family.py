"""The words and rules of AWS Signature Version 4."""

from typing import Final

from counterseal.core.sigv4 import aws
from counterseal.core.sigv4.family import Family, Stream, query_names
from counterseal.core.sigv4.kinds import HmacSha256

_CHUNKS: Final = "AWS4-HMAC-SHA256-PAYLOAD"
_STREAMS: Final = {
    aws.UNSIGNED_CHUNKS_TRAILER: Stream(trailer=True),
    aws.HMAC_CHUNKS: Stream(algorithm=_CHUNKS),
    aws.HMAC_CHUNKS_TRAILER: Stream(algorithm=_CHUNKS, trailer=True),
}

NAMES: Final = query_names(b"X-Amz-")

AWS: Final = Family(
    name="aws-sigv4",
    title="AWS Signature Version 4, in a header, presigned or in a form",
    algorithm=b"AWS4-HMAC-SHA256",
    terminator="aws4_request",
    kind=HmacSha256(prefix=b"AWS4"),
    date_header=aws.DATE,
    content_sha256_header=aws.CONTENT_SHA256,
    security_token_header=aws.SECURITY_TOKEN,
    must_sign=aws.MUST_SIGN,
    query=NAMES,
    takes_unnamed=True,
    services=aws.SERVICES,
    streams=_STREAMS,
    # Known, but another algorithm's: never acceptable beside an HMAC signature.
    foreign_words=aws.WORDS - _STREAMS.keys(),
)
