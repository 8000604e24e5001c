"""The names, limits and lists of Signature Version 2, and its claim."""

import re
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim
from counterseal.core.post_form import PostedForm

NAME: Final = "aws-sigv2"
WORD: Final = b"AWS "
# With `_` also: CGI, WSGI and PHP hand `x_amz_acl` to applications under the same name as `x-amz-acl`.
AMZ_LOOKALIKES: Final = (b"x_amz_", b"x-amz_", b"x_amz-")
AMZ: Final = b"x-amz-"

# Base64 of 20 and of 32 bytes in its one spelling: what the last character has left over is zero (RFC 4648 section 3.5).
SHA1_SIGNATURE: Final = re.compile(rb"[A-Za-z0-9+/]{26}[AEIMQUYcgkosw048]=")
SHA256_SIGNATURE: Final = re.compile(rb"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
SECURITY_TOKEN: Final = re.compile(rb"[\x21-\x7e]{1,8192}")
# Unix seconds; ten digits reach the year 2286.
EXPIRES: Final = re.compile(rb"[1-9][0-9]{0,9}")

# The parameters that are signed, with their values decoded: botocore's list, which holds those of the documentation.
SUB_RESOURCES: Final = frozenset(
    {b"accelerate", b"acl", b"analytics", b"cors", b"defaultObjectAcl", b"delete", b"inventory", b"lifecycle", b"location"}
    | {b"logging", b"metrics", b"notification", b"object-lock", b"partNumber", b"policy", b"replication", b"requestPayment"}
    | {b"restore", b"select", b"select-type", b"storageClass", b"tagging", b"torrent", b"uploadId", b"uploads", b"versionId"}
    | {b"versioning", b"versions", b"website"}
    | {b"response-cache-control", b"response-content-disposition", b"response-content-encoding"}
    | {b"response-content-language", b"response-content-type", b"response-expires"}
)
# Parameters that nobody signs and that only page through listings. Any other unsigned parameter may choose another operation
# (`?encryption`, `?retention`), also one that was invented after this scheme, so it is refused.
PAGING: Final = frozenset(
    {b"continuation-token", b"delimiter", b"encoding-type", b"fetch-owner", b"key-marker", b"list-type", b"marker"}
    | {b"max-keys", b"max-parts", b"max-uploads", b"part-number-marker", b"prefix", b"start-after", b"upload-id-marker"}
    | {b"version-id-marker", b"x-id"}
)
HASHES: Final = {b"HmacSHA1": "sha1", b"HmacSHA256": "sha256"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV2Claim(Claim):
    """What a request says about its Signature Version 2. `signature` is base64, as sent.

    `strings_to_sign` are the spellings that count as one request, always two of them, so that a computation takes one time;
    `hash` is the HMAC's, `sha1` or `sha256`. `unsigned` are parameters that the signature does not cover. `posted` is the
    form that the signature stands in; None: it stands in a header or in the query.
    """

    strings_to_sign: tuple[bytes, bytes] = field(repr=False)
    hash: str
    read: ReadRequest = field(repr=False)
    unsigned: tuple[bytes, ...] = ()
    posted: PostedForm | None = field(default=None, repr=False)
