"""Every scheme's case, in one list. A built-in scheme that is missing here fails test_built_in.py."""

from counterseal.conformance import SchemeCase
from tests.core.conformance.bearer_cases import bearer_case
from tests.core.conformance.cavage_cases import cavage_cases
from tests.core.conformance.cloud_cases import cloud_cases
from tests.core.conformance.family_cases import family_cases
from tests.core.conformance.rfc9421_cases import rfc9421_case
from tests.core.conformance.sigv2_cases import aws_sigv2_case
from tests.core.conformance.sigv4_cases import aws_sigv4_case
from tests.core.conformance.webhook_cases import webhook_cases

CASES: tuple[SchemeCase, ...] = (
    aws_sigv2_case(),
    aws_sigv4_case(),
    bearer_case(),
    *cavage_cases(),
    *cloud_cases(),
    *family_cases(),
    rfc9421_case(),
    *webhook_cases(),
)
