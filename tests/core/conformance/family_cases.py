"""The cases of the schemes that are built on Signature Version 4's engine, beside `aws-sigv4` itself."""

from counterseal.conformance import Sample, SchemeCase, symmetric_signer
from counterseal.core.schemes.aws_sigv4a import AwsSigV4A
from counterseal.core.schemes.goog4 import Goog4
from counterseal.core.sigv4.custom import from_options
from counterseal.core.sigv4.scheme import FamilyScheme
from tests.core.conformance.requests import NOW, READ, REPEATED, UPLOAD
from tests.core.conformance.sigv4_cases import string_subject, temporary


def _case(scheme: FamilyScheme, *, presigned: bool = True) -> SchemeCase:
    signer, at = symmetric_signer(scheme.name), {"region": "eu-west-1"}
    samples = [
        Sample(name="upload", request=UPLOAD, signer=signer, options=at),
        Sample(name="read", request=READ, signer=signer, options=at),
        Sample(name="unsigned payload", request=UPLOAD, signer=signer, options=at | {"payload": "UNSIGNED-PAYLOAD"}),
        Sample(name="temporary", request=UPLOAD, signer=temporary(signer), options=at),
        Sample(name="another service", request=REPEATED, signer=signer, options=at | {"service": "execute-api"}),
    ]
    if presigned:
        samples += [
            Sample(name="presigned", request=UPLOAD, signer=signer, options=at | {"expires": "3600"}),
            Sample(name="presigned, temporary", request=READ, signer=temporary(signer), options=at | {"expires": "60"}),
        ]
    return SchemeCase(scheme=scheme, samples=tuple(samples), now=NOW, string_subject=string_subject)


def family_cases() -> tuple[SchemeCase, ...]:
    """Return the cases of SigV4A, Google's, and families by configuration."""
    return (
        _case(AwsSigV4A()),
        _case(Goog4()),
        _case(from_options("outscale", {"provider1": "osc"}), presigned=False),
        _case(from_options("acme4", {"provider1": "acme", "provider2": "amz", "presigned": True, "path": "normalised"})),
    )
