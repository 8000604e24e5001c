"""`aws-sigv4`: AWS Signature Version 4 with HMAC-SHA256, in header and presigned-query form.

The stages are public, so that each can be tested and used alone: `read_claim`, `canonical_request`, `string_to_sign`,
`signing_key`, `signature`; and `sign_headers` and `presign` for clients.
"""

from counterseal.core.schemes.base import Credentials
from counterseal.core.sigv4.canonical import canonical_request, signature, signing_key, string_to_sign
from counterseal.core.sigv4.claim import read_claim
from counterseal.core.sigv4.facts import ALGORITHM, PathRules, SigV4Claim
from counterseal.core.sigv4.scheme import AwsSigV4
from counterseal.core.sigv4.sign import presign, sign_headers

__all__ = [
    "ALGORITHM",
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
