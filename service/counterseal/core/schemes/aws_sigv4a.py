"""`aws-sigv4a`: AWS Signature Version 4A, which is good in a set of regions.

Scopes have no region. The set stands in `X-Amz-Region-Set`, a signed header or query parameter: regions separated by commas, in
which `*` stands for any characters, so `*` alone is every region. A demand for regions is met when one of them is in the set.
The key pair is derived from key id and secret, and depends on neither day nor service.
"""

from typing import Final

from counterseal.core.model import Scope
from counterseal.core.sigv4 import aws
from counterseal.core.sigv4.ecdsa import ALGORITHM, EcdsaP256
from counterseal.core.sigv4.family import Family, Stream, query_names
from counterseal.core.sigv4.scheme import FamilyScheme

_NAME: Final = "aws-sigv4a"
_CHUNKS: Final = "AWS4-ECDSA-P256-SHA256-PAYLOAD"
_STREAMS: Final = {
    aws.UNSIGNED_CHUNKS_TRAILER: Stream(trailer=True),
    aws.ECDSA_CHUNKS: Stream(algorithm=_CHUNKS),
    aws.ECDSA_CHUNKS_TRAILER: Stream(algorithm=_CHUNKS, trailer=True),
}

AWS4A: Final = Family(
    name=_NAME,
    title="AWS Signature Version 4A (ECDSA, for a set of regions), in a header or presigned",
    algorithm=ALGORITHM,
    terminator="aws4_request",
    kind=EcdsaP256(),
    date_header=aws.DATE,
    content_sha256_header=aws.CONTENT_SHA256,
    security_token_header=aws.SECURITY_TOKEN,
    must_sign=aws.MUST_SIGN,
    query=query_names(b"X-Amz-", region_set=b"X-Amz-Region-Set"),
    region_set_header=b"x-amz-region-set",
    has_region=False,
    key_scope=Scope(date="", region="", service="", terminator="aws4_request", scheme=_NAME),
    services=aws.SERVICES,
    streams=_STREAMS,
    foreign_words=aws.WORDS - _STREAMS.keys(),
    sign_region="*",
)


class AwsSigV4A(FamilyScheme):
    """AWS Signature Version 4A: ECDSA on P-256 with a key pair that is derived from the secret."""

    def __init__(self) -> None:
        super().__init__(AWS4A)
