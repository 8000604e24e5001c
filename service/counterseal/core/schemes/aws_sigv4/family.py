"""The words and rules of AWS Signature Version 4."""

from typing import Final

from counterseal.core.sigv4.family import PATH_AS_SENT, Family, ServiceRules, Stream, query_names, with_underscores
from counterseal.core.sigv4.kinds import HmacSha256

# "S3 differs from everything else": its family signs the path as sent, encoded once, and always states the payload.
_S3: Final = ServiceRules(path=PATH_AS_SENT, states_payload=True, presigned_unsigned=True)
SERVICES: Final = dict.fromkeys(("s3", "s3-object-lambda", "s3-outposts", "s3express"), _S3)
_CHUNKS: Final = "AWS4-HMAC-SHA256-PAYLOAD"

AWS: Final = Family(
    name="aws-sigv4",
    title="AWS Signature Version 4, in a header or presigned",
    algorithm=b"AWS4-HMAC-SHA256",
    terminator="aws4_request",
    kind=HmacSha256(prefix=b"AWS4"),
    date_header=b"x-amz-date",
    content_sha256_header=b"x-amz-content-sha256",
    security_token_header=b"x-amz-security-token",
    must_sign=with_underscores(b"x-amz-"),
    query=query_names(b"X-Amz-"),
    takes_unnamed=True,
    services=SERVICES,
    streams={
        b"STREAMING-UNSIGNED-PAYLOAD-TRAILER": Stream(trailer=True),
        b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD": Stream(algorithm=_CHUNKS),
        b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": Stream(algorithm=_CHUNKS, trailer=True),
    },
    # Known, but another algorithm's: never acceptable beside an HMAC signature.
    foreign_words=frozenset(
        {b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"}
        | {b"STREAMING-AWS4-HMAC-SHA256-EVENTS"}
    ),
)
