"""What a gateway may show whoever sent a refused request. It tells less than the reason, on purpose.

Codes are those that S3 clients know. Unknown, mismatched, disabled, revoked and expired keys are exactly alike: who holds no
secret must not learn which key ids exist.
"""

from dataclasses import dataclass
from typing import Final

from counterseal.core.model import Demand, HttpRequest, Reason, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """An error for the outside: code, HTTP status, one sentence."""

    code: str
    http_status: int
    message: str


KEY_UNUSABLE: Final = Public(
    code="SignatureDoesNotMatch",
    http_status=403,
    message="The access key is not usable, or the signature does not match it.",
)
_DENIED: Final = Public(code="AccessDenied", http_status=403, message="Access denied.")
_UNSIGNED: Final = Public(code="AccessDenied", http_status=403, message="The request is not signed.")
_UNSIGNED_ELSEWHERE: Final = Public(
    code="MissingAuthenticationToken", http_status=403, message="The request carries no signature."
)
_MALFORMED_HEADER: Final = Public(
    code="AuthorizationHeaderMalformed", http_status=400, message="The request or its Authorization header is malformed."
)
_MALFORMED_QUERY: Final = Public(
    code="AuthorizationQueryParametersError", http_status=400, message="The request or its signature parameters are malformed."
)
_EXPIRED: Final = Public(code="AccessDenied", http_status=403, message="Request has expired")

_BY_REASON: Final = {
    Reason.UNSIGNED: _UNSIGNED,
    Reason.MALFORMED: _MALFORMED_HEADER,
    Reason.AMBIGUOUS: Public(code="InvalidArgument", http_status=400, message="The request must be signed once, in one place."),
    Reason.UNSUPPORTED_SCHEME: Public(
        code="InvalidRequest", http_status=400, message="The way in which the request is signed is not supported here."
    ),
    Reason.TOO_OLD: Public(
        code="RequestTimeTooSkewed", http_status=403, message="The request's time lies too far from the server's."
    ),
    Reason.TOO_NEW: Public(
        code="RequestTimeTooSkewed", http_status=403, message="The request's time lies too far from the server's."
    ),
    Reason.NOT_COVERED: Public(
        code="AccessDenied", http_status=403, message="Headers or parameters of the request must be signed and are not."
    ),
    Reason.BODY_REQUIRED: Public(
        code="InvalidRequest", http_status=400, message="The signature covers the body, which could not be checked."
    ),
    Reason.UNKNOWN_KEY: KEY_UNUSABLE,
    Reason.MISMATCH: KEY_UNUSABLE,
    Reason.KEY_DISABLED: KEY_UNUSABLE,
    Reason.KEY_REVOKED: KEY_UNUSABLE,
    Reason.KEY_EXPIRED: KEY_UNUSABLE,
    Reason.OUT_OF_SCOPE: _DENIED,
    Reason.PAYLOAD_MISMATCH: Public(
        code="XAmzContentSHA256Mismatch", http_status=400, message="The body does not have the hash that was signed."
    ),
    Reason.REPLAYED: _DENIED,
}


def public_error(reason: Reason, subject: Subject, demand: Demand, *, key_asked: bool) -> Public:
    """Return what the outside may learn of a refusal. `key_asked` says whether a key was looked for before it."""
    if key_asked and reason is Reason.UNSUPPORTED_SCHEME:
        # The key exists and does not allow the scheme: an unknown one has to look the same.
        return KEY_UNUSABLE
    if reason is Reason.UNSIGNED and demand.services and "s3" not in demand.services:
        return _UNSIGNED_ELSEWHERE
    if reason in {Reason.MALFORMED, Reason.TOO_OLD} and _presigned(subject):
        return _MALFORMED_QUERY if reason is Reason.MALFORMED else _EXPIRED
    return _BY_REASON.get(reason, _DENIED)


def _presigned(subject: Subject) -> bool:
    """Say whether a request seems to be signed in its query: enough to choose between two texts, for nothing else."""
    if isinstance(subject, HttpRequest):
        return b"X-Amz-" in subject.target and all(name != b"authorization" for name, _ in subject.headers)
    return subject.valid_for is not None
