"""The cases of AWS Signature Version 4."""

import hashlib
from dataclasses import replace

from counterseal.conformance import Sample, SchemeCase, Signer, symmetric_signer
from counterseal.core.model import Claim, HttpRequest, StringToSignSubject
from counterseal.core.schemes import aws_sigv4
from counterseal.core.schemes.aws_sigv4 import AwsSigV4
from tests.core.conformance.form_samples import form_sample, same_form
from tests.core.conformance.requests import NOW, READ, REPEATED, UPLOAD

_TOKEN = "a-security-token-of-a-temporary-key"


def temporary(signer: Signer) -> Signer:
    """Return the signer with a security token."""
    key = replace(signer.key, security_token_sha256=hashlib.sha256(_TOKEN.encode()).digest())
    return Signer(
        key=key,
        credentials=replace(signer.credentials, security_token=_TOKEN),
        stranger=replace(signer.stranger, security_token=_TOKEN),
    )


def string_subject(request: HttpRequest, claim: Claim) -> StringToSignSubject:
    assert isinstance(claim, aws_sigv4.SigV4Claim)
    assert claim.scope is not None
    return StringToSignSubject(
        scheme=claim.scheme,
        credential=f"{claim.key_id}/{claim.scope.text()}".encode(),
        string_to_sign=aws_sigv4.string_to_sign(claim, aws_sigv4.canonical_request(claim)),
        signature=claim.signature,
        security_token=claim.security_token,
        valid_for=claim.valid_for,
    )


def aws_sigv4_case() -> SchemeCase:
    scheme = AwsSigV4()
    signer = symmetric_signer(scheme.name)
    s3 = {"region": "eu-west-1", "service": "s3"}
    general = {"region": "eu-west-1", "service": "execute-api"}
    samples = (
        Sample(name="s3", request=UPLOAD, signer=signer, options=s3),
        Sample(name="s3 read", request=READ, signer=signer, options=s3),
        Sample(name="s3 unsigned payload", request=UPLOAD, signer=signer, options=s3 | {"payload": "UNSIGNED-PAYLOAD"}),
        Sample(name="s3 temporary", request=UPLOAD, signer=temporary(signer), options=s3),
        Sample(name="s3 presigned", request=UPLOAD, signer=signer, options=s3 | {"expires": "3600"}),
        Sample(name="s3 presigned, temporary", request=READ, signer=temporary(signer), options=s3 | {"expires": "60"}),
        Sample(name="general", request=REPEATED, signer=signer, options=general),
        Sample(name="general presigned", request=REPEATED, signer=signer, options=general | {"expires": "3600"}),
        form_sample(signer),
        replace(form_sample(temporary(signer)), name="form, temporary"),
    )
    return SchemeCase(scheme=scheme, samples=samples, now=NOW, same=same_form, string_subject=string_subject)
