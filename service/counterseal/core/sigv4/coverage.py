"""What has to be signed."""

from counterseal.core.model import Reason, Refusal
from counterseal.core.sigv4 import canonical, facts
from counterseal.core.sigv4.facts import SigV4Claim


def check_coverage(claim: SigV4Claim) -> None:
    """Check that what has to be signed is signed.

    Not checked: `content-type` and other headers that change what an upstream does; callers demand those by name.

    Raises:
        Refusal: NOT_COVERED, naming the header; BODY_REQUIRED.
    """
    request = claim.read
    if request is None:
        return  # The caller vouches for what went into a string to sign.
    signed = claim.coverage.headers
    if b"host" not in signed:
        raise Refusal(Reason.NOT_COVERED, "header host: not signed")
    if not claim.presigned and b"x-amz-date" not in request.headers and b"date" not in signed:
        raise Refusal(Reason.NOT_COVERED, "header date: gives the time, and is not signed")
    for name in sorted(request.headers.keys() - signed):
        # MinIO CVE-2026-97731 and SeaweedFS #9121 let anyone add such headers. `x-amzn-*` are not among them.
        if name.startswith(facts.AMZ_PREFIXES):
            raise Refusal(Reason.NOT_COVERED, f"header {name.decode()[:64]}: present, and not signed")
    if claim.payload is not None:
        return
    if canonical.scope_of(claim).service in facts.S3_SERVICES:
        raise Refusal(Reason.NOT_COVERED, "header x-amz-content-sha256: S3 requires it, signed")
    if request.request.content is None and request.request.content_sha256 is None:
        raise Refusal(Reason.BODY_REQUIRED, "the signature covers the body's hash: send the body or its SHA-256 along")
