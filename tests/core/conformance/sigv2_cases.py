"""The cases of AWS Signature Version 2."""

from dataclasses import replace

from counterseal.conformance import Sample, SchemeCase, symmetric_signer
from counterseal.core.schemes.aws_sigv2 import AwsSigV2
from tests.core.conformance.form_samples import form_sample, same_form
from tests.core.conformance.requests import HOST, NOW, READ, UPLOAD
from tests.core.conformance.sigv4_cases import temporary

_QUERY_API = replace(READ, target=b"/?Action=Describe&Name=a%20b", headers=(HOST,))
_SEVERAL = replace(UPLOAD, headers=(*UPLOAD.headers, (b"x-amz-meta-a", b"first"), (b"x-amz-meta-a", b"second")))


def aws_sigv2_case() -> SchemeCase:
    scheme = AwsSigV2()
    signer = symmetric_signer(scheme.name)
    samples = (
        Sample(name="s3", request=UPLOAD, signer=signer),
        Sample(name="s3 read", request=READ, signer=signer),
        Sample(name="s3 repeated headers", request=_SEVERAL, signer=signer),
        Sample(name="s3 temporary", request=UPLOAD, signer=temporary(signer)),
        Sample(name="s3 presigned", request=UPLOAD, signer=signer, options={"expires": "3600"}),
        Sample(name="s3 presigned, temporary", request=READ, signer=temporary(signer), options={"expires": "60"}),
        Sample(name="query api", request=_QUERY_API, signer=signer, options={"dialect": "query"}),
        Sample(name="query api, sha-1", request=_QUERY_API, signer=signer, options={"dialect": "query", "method": "HmacSHA1"}),
        form_sample(signer),
    )
    return SchemeCase(scheme=scheme, samples=samples, now=NOW, same=same_form)
