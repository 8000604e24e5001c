"""Finding the scheme that a request is signed with: step 2 of the order of checks (`verify.py`), before anything is read."""

from collections.abc import Mapping
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Demand, Reason, Refusal
from counterseal.core.post_form.fields import may_sign, telling
from counterseal.core.post_form.multipart import is_form
from counterseal.core.schemes.base import Scheme

# Where signatures of known kinds stand, also of schemes that are not enabled.
_TELLING_HEADERS: Final = frozenset(
    {b"authorization", b"signature", b"signature-input"}
    # Webhooks; x-hub-signature is GitHub's with SHA-1, which no scheme here reads.
    | {b"webhook-signature", b"svix-signature", b"stripe-signature", b"x-slack-signature"}
    | {b"x-hub-signature", b"x-hub-signature-256"}
)
_TELLING_PARAMETERS: Final = frozenset(
    {b"x-amz-algorithm", b"x-goog-algorithm", b"x-oss-signature-version"}
    | {b"awsaccesskeyid", b"googleaccessid", b"ossaccesskeyid"}
)
_TELLING_FIELDS: Final = telling(
    *("x-amz-algorithm", "x-amz-signature", "x-goog-algorithm", "x-goog-signature", "x-oss-signature-version"),
    *("awsaccesskeyid", "googleaccessid", "ossaccesskeyid"),
)


def find_scheme(request: ReadRequest, schemes: Mapping[str, Scheme], demand: Demand) -> Scheme:
    """Return the one demanded scheme that the request is signed with.

    Raises:
        Refusal: UNSIGNED, AMBIGUOUS, UNSUPPORTED_SCHEME or MALFORMED; BODY_REQUIRED for a form that may hold the signature.
    """
    # AWS takes the first of two Authorization headers, other software the last: refused in either order.
    request.header(b"authorization")
    found = [scheme for scheme in schemes.values() if scheme.recognises(request)]
    # Proxies add signatures of their own beside a client's, so a demand chooses: never "any that passes".
    demanded = [scheme for scheme in found if not demand.allowed_schemes or scheme.name in demand.allowed_schemes]
    if len(demanded) > 1:
        raise Refusal(Reason.AMBIGUOUS, "signatures of more than one scheme")
    if demanded:
        return demanded[0]
    if found:
        raise Refusal(Reason.UNSUPPORTED_SCHEME, f"{found[0].name}: not among the demanded schemes")
    if _looks_signed(request):
        raise Refusal(Reason.UNSUPPORTED_SCHEME, "the request is signed in a way that is unknown or not enabled")
    # Nothing is signed before the body; a form may hold a signature, and without the body nobody knows.
    if request.request.content is None and is_form(request) and _reads_forms(schemes, demand):
        raise Refusal(Reason.BODY_REQUIRED, "a posted form may hold a signature: send the body itself along, not its hash")
    raise Refusal(Reason.UNSIGNED, "the request carries no signature")


def _reads_forms(schemes: Mapping[str, Scheme], demand: Demand) -> bool:
    allowed = demand.allowed_schemes or schemes.keys()
    return any(scheme.reads_forms for scheme in schemes.values() if scheme.name in allowed)


def _looks_signed(request: ReadRequest) -> bool:
    """Say whether the request seems to be signed in a way that nobody here reads."""
    if not _TELLING_HEADERS.isdisjoint(request.headers):
        return True
    if any(name.lower() in _TELLING_PARAMETERS for name, _ in request.parameters):
        return True
    return may_sign(request, _TELLING_FIELDS)
