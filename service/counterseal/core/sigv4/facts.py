"""The names, limits and rules of Signature Version 4, and its claim."""

import re
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim

NAME: Final = "aws-sigv4"
ALGORITHM: Final = b"AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
MAX_EXPIRES: Final = 604_800  # seconds: seven days, the most that a presigned request may state
MAX_SIGNED_HEADERS: Final = 100
MAX_SIGNED_HEADERS_BYTES: Final = 8192
# With `_` also: CGI, WSGI and PHP hand `x_amz_acl` to applications under the same name as `x-amz-acl`.
AMZ_PREFIXES: Final = (b"x-amz-", b"x_amz_", b"x-amz_", b"x_amz-")
SIGNING_KEY_BYTES: Final = 32

SIGNATURE: Final = re.compile(rb"[0-9a-f]{64}")
SIGNED_HEADERS: Final = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+(?:;[a-z0-9!#$%&'*+.^_`|~-]+)*+")
SECURITY_TOKEN: Final = re.compile(rb"[\x21-\x7e]{1,8192}")

# The values of x-amz-content-sha256 beside a hex hash. The request's signature is checked for every one of them
# (MinIO CVE-2025-31489 and CVE-2026-40344 let streaming requests through unsigned).
UNSIGNED: Final = b"UNSIGNED-PAYLOAD"
STREAMING_UNSIGNED_TRAILER: Final = b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING_SIGNED: Final = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER: Final = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
PAYLOAD_WORDS: Final = frozenset({UNSIGNED, STREAMING_UNSIGNED_TRAILER, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER})
# Known, but another algorithm's: never acceptable beside an HMAC signature.
FOREIGN_PAYLOAD_WORDS: Final = frozenset(
    {b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"}
    | {b"STREAMING-AWS4-HMAC-SHA256-EVENTS"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRules:
    """How a service turns the path on the wire into the canonical one."""

    normalise: bool
    encode_twice: bool


S3_RULES: Final = PathRules(normalise=False, encode_twice=False)
GENERAL_RULES: Final = PathRules(normalise=True, encode_twice=True)
# "S3 differs from everything else": its family signs the path as sent, encoded once, and always states the payload.
S3_SERVICES: Final = frozenset({"s3", "s3-object-lambda", "s3-outposts", "s3express"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV4Claim(Claim):
    """What a request says about its Signature Version 4.

    `timestamp` is the time as spelled in the string to sign. `payload` is what stands in the last line of the canonical
    request: a stated value, or None where the hash of the body belongs there. `stated` is the string to sign of a
    string-to-sign subject, for which `read` is None; exactly one of the two is set.
    """

    timestamp: bytes
    presigned: bool
    rules: PathRules
    signed_headers: bytes = b""
    payload: bytes | None = None
    read: ReadRequest | None = field(default=None, repr=False)
    stated: bytes | None = field(default=None, repr=False)
