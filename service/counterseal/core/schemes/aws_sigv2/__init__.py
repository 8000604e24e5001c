"""`aws-sigv2`: AWS Signature Version 2, for clients that cannot do better. Off by default; see docs/decisions/0024-sigv2.md."""

from counterseal.core.schemes.aws_sigv2.facts import SigV2Claim
from counterseal.core.schemes.aws_sigv2.scheme import AwsSigV2, from_options

__all__ = ["AwsSigV2", "SigV2Claim", "from_options"]
