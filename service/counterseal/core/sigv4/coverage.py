"""What has to be signed."""

from counterseal.core.model import Reason, Refusal
from counterseal.core.sigv4 import canonical
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
    family, signed = claim.family, claim.coverage.headers
    for name in family.required_headers:
        if name not in signed:
            raise Refusal(Reason.NOT_COVERED, f"header {name.decode()}: not signed")
    dated = family.date_header if family.date_header in request.headers else b"date"
    if family.date_signed and not claim.presigned and dated not in signed:
        raise Refusal(Reason.NOT_COVERED, f"header {dated.decode()}: gives the time, and is not signed")
    for name in sorted(request.headers.keys() - signed):
        # MinIO CVE-2026-97731 and SeaweedFS #9121 let anyone add such headers. `x-amzn-*` are not among them.
        if name.startswith(family.must_sign):
            raise Refusal(Reason.NOT_COVERED, f"header {name.decode()[:64]}: present, and not signed")
    if claim.payload is not None:
        return
    if family.rules(canonical.scope_of(claim).service).states_payload:
        name = family.content_sha256_header
        raise Refusal(Reason.NOT_COVERED, f"header {name.decode()}: this service requires it, signed")
    if request.request.content is None and request.request.content_sha256 is None:
        raise Refusal(Reason.BODY_REQUIRED, "the signature covers the body's hash: send the body or its SHA-256 along")
