"""`aws-sigv4`: AWS Signature Version 4 with HMAC-SHA256, in header and presigned-query form.

The stages are public, so that each can be tested and used alone: `read_claim`, `canonical_request`, `string_to_sign`,
`signing_key`, `signature`; and `sign_headers` and `presign` for clients. How they work is the engine's, in `core/sigv4`.
"""

from functools import partial
from typing import Final

from counterseal.core.buckets import BucketHosts
from counterseal.core.schemes.aws_sigv4.family import AWS, NAMES
from counterseal.core.schemes.base import Credentials
from counterseal.core.sigv4 import claim, sign
from counterseal.core.sigv4.canonical import canonical_request, string_to_sign
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import PathRules
from counterseal.core.sigv4.form import FormClaim, PostingScheme
from counterseal.core.sigv4.kinds import signature, signing_key

ALGORITHM: Final = AWS.algorithm
read_claim: Final = partial(claim.read_claim, AWS)
sign_headers: Final = partial(sign.sign_headers, AWS)
presign: Final = partial(sign.presign, AWS)


class AwsSigV4(PostingScheme):
    """AWS Signature Version 4 with HMAC-SHA256: in a header, presigned or in a form; S3's rules and the general ones.

    `hosts` are the hosts that name buckets, which only forms need to be known.
    """

    def __init__(self, hosts: BucketHosts = BucketHosts()) -> None:  # noqa: B008 - frozen
        super().__init__(AWS, NAMES, hosts)


__all__ = [
    "ALGORITHM",
    "AWS",
    "AwsSigV4",
    "BucketHosts",
    "Credentials",
    "FormClaim",
    "PathRules",
    "SigV4Claim",
    "canonical_request",
    "presign",
    "read_claim",
    "sign_headers",
    "signature",
    "signing_key",
    "string_to_sign",
]
