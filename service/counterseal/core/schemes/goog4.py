"""`goog4`: Google Cloud Storage's V4 signatures with HMAC keys, `GOOG4-HMAC-SHA256`.

Paths are signed as sent. A presigned request leaves the body unsigned unless it states a hash in `x-goog-content-sha256`; a
request signed in a header may state it there, and else signs the hash of the body. Locations are what scopes call regions, and
any is accepted, `auto` too: demand one. Cloud Storage also reads `x-amz-` headers and acts on them, so those have to be signed
as well. Its `AWS4-HMAC-SHA256` requests are those of `aws-sigv4`. Not read: `GOOG4-RSA-SHA256`, with service accounts' keys.
"""

from typing import Final

from counterseal.core.sigv4 import aws
from counterseal.core.sigv4.family import PATH_AS_SENT, Family, ServiceRules, query_names, with_underscores
from counterseal.core.sigv4.kinds import HmacSha256
from counterseal.core.sigv4.scheme import FamilyScheme

GOOG: Final = Family(
    name="goog4",
    title="Google Cloud Storage V4 signatures with HMAC keys, in a header or presigned",
    algorithm=b"GOOG4-HMAC-SHA256",
    terminator="goog4_request",
    kind=HmacSha256(prefix=b"GOOG4"),
    date_header=b"x-goog-date",
    content_sha256_header=b"x-goog-content-sha256",
    security_token_header=b"x-goog-security-token",
    must_sign=with_underscores(b"x-goog-", b"x-amz-"),
    query=query_names(b"X-Goog-"),
    takes_unnamed=True,
    general=ServiceRules(path=PATH_AS_SENT, presigned_unsigned=True),
    foreign_words=aws.WORDS,
    sign_region="auto",
    sign_service="storage",
)


class Goog4(FamilyScheme):
    """Google Cloud Storage's V4 signatures with HMAC keys."""

    def __init__(self) -> None:
        super().__init__(GOOG)
