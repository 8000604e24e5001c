"""`aws-sigv4`: AWS Signature Version 4 with HMAC-SHA256, in header and presigned-query form.

The stages are public, so that each can be tested and used alone: `read_claim`, `canonical_request`, `string_to_sign`,
`signing_key`, `signature`; and `sign_headers` and `presign` for clients. How they work is the engine's, in `core/sigv4`.
"""

from functools import partial
from typing import Final

from counterseal.core.schemes.aws_sigv4.family import AWS
from counterseal.core.schemes.base import Credentials
from counterseal.core.sigv4 import claim, sign
from counterseal.core.sigv4.canonical import canonical_request, string_to_sign
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import PathRules
from counterseal.core.sigv4.kinds import signature, signing_key
from counterseal.core.sigv4.scheme import FamilyScheme

ALGORITHM: Final = AWS.algorithm
read_claim: Final = partial(claim.read_claim, AWS)
sign_headers: Final = partial(sign.sign_headers, AWS)
presign: Final = partial(sign.presign, AWS)


class AwsSigV4(FamilyScheme):
    """AWS Signature Version 4 with HMAC-SHA256: header and presigned-query signatures, S3's rules and the general ones."""

    def __init__(self) -> None:
        super().__init__(AWS)


__all__ = [
    "ALGORITHM",
    "AWS",
    "AwsSigV4",
    "Credentials",
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
