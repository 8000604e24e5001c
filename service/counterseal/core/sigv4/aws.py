"""What AWS's schemes have in common: Signature Version 4 and 4A."""

from typing import Final

from counterseal.core.sigv4.family import PATH_AS_SENT, ServiceRules, with_underscores

DATE: Final = b"x-amz-date"
CONTENT_SHA256: Final = b"x-amz-content-sha256"
SECURITY_TOKEN: Final = b"x-amz-security-token"
MUST_SIGN: Final = with_underscores(b"x-amz-")

# "S3 differs from everything else": its family signs the path as sent, encoded once, and always states the payload.
_S3: Final = ServiceRules(path=PATH_AS_SENT, states_payload=True, presigned_unsigned=True)
SERVICES: Final = dict.fromkeys(("s3", "s3-object-lambda", "s3-outposts", "s3express"), _S3)

UNSIGNED_CHUNKS_TRAILER: Final = b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"
HMAC_CHUNKS: Final = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
HMAC_CHUNKS_TRAILER: Final = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
HMAC_EVENTS: Final = b"STREAMING-AWS4-HMAC-SHA256-EVENTS"
ECDSA_CHUNKS: Final = b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
ECDSA_CHUNKS_TRAILER: Final = b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"
WORDS: Final = frozenset(
    {UNSIGNED_CHUNKS_TRAILER, HMAC_CHUNKS, HMAC_CHUNKS_TRAILER, HMAC_EVENTS, ECDSA_CHUNKS, ECDSA_CHUNKS_TRAILER}
)
