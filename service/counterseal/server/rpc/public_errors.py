"""What a gateway may show whoever sent a refused request. It tells less than the reason, on purpose.

Two vocabularies: the codes that S3 clients know, for the AWS schemes and their relatives, and plain ones, with those of
RFC 6750 for bearer tokens. In each, unknown, mismatched, disabled, revoked and expired keys are exactly alike: who holds no
secret must not learn which key ids exist.
"""

from dataclasses import dataclass
from typing import Final

from counterseal.core.model import Demand, HttpRequest, Reason, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """An error for the outside: code, HTTP status, one sentence, and header fields to answer with it."""

    code: str
    http_status: int
    message: str
    headers: tuple[tuple[str, bytes], ...] = ()


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

_SLOW_DOWN: Final = Public(
    code="SlowDown", http_status=429, message="Too many signatures from here did not match. Try again later."
)
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
    Reason.THROTTLED: _SLOW_DOWN,
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


_CHUNKS_MALFORMED: Final = Public(
    code="InvalidRequest", http_status=400, message="The chunks of the body are malformed or out of order."
)
_CHUNKS_LATE: Final = Public(code="RequestTimeout", http_status=400, message="The upload took too long.")

# Plain ones. A 401 has to name a way to do better (RFC 9110 section 15.5.2); no scheme of ours is one of that registry.
_CHALLENGE: Final = (("www-authenticate", b"Signature"),)
PLAIN_KEY_UNUSABLE: Final = Public(
    code="SignatureNotAccepted",
    http_status=401,
    message="The key is not usable, or the signature does not match it.",
    headers=_CHALLENGE,
)
_PLAIN_TIME: Final = Public(
    code="SignatureTimeOff",
    http_status=401,
    message="The signature's time lies too far from the server's.",
    headers=_CHALLENGE,
)
_PLAIN: Final = {
    Reason.UNSIGNED: Public(
        code="SignatureRequired", http_status=401, message="The request is not signed.", headers=_CHALLENGE
    ),
    Reason.MALFORMED: Public(code="SignatureMalformed", http_status=400, message="The request or its signature is malformed."),
    Reason.AMBIGUOUS: Public(
        code="SignatureAmbiguous", http_status=400, message="It is not clear which signature of the request counts."
    ),
    Reason.UNSUPPORTED_SCHEME: Public(
        code="SignatureUnsupported",
        http_status=401,
        message="The way in which the request is signed is not supported here.",
        headers=_CHALLENGE,
    ),
    Reason.TOO_OLD: _PLAIN_TIME,
    Reason.TOO_NEW: _PLAIN_TIME,
    Reason.NOT_COVERED: Public(
        code="SignatureInsufficient",
        http_status=401,
        message="Parts of the request must be signed and are not.",
        headers=_CHALLENGE,
    ),
    Reason.BODY_REQUIRED: Public(
        code="BodyRequired", http_status=400, message="The signature covers the body, which could not be checked."
    ),
    Reason.THROTTLED: _SLOW_DOWN,
    Reason.UNKNOWN_KEY: PLAIN_KEY_UNUSABLE,
    Reason.MISMATCH: PLAIN_KEY_UNUSABLE,
    Reason.KEY_DISABLED: PLAIN_KEY_UNUSABLE,
    Reason.KEY_REVOKED: PLAIN_KEY_UNUSABLE,
    Reason.KEY_EXPIRED: PLAIN_KEY_UNUSABLE,
    Reason.OUT_OF_SCOPE: _DENIED,
    Reason.PAYLOAD_MISMATCH: Public(code="BodyMismatch", http_status=400, message="The body is not the one that was signed."),
    Reason.REPLAYED: _DENIED,
}


def plain_error(reason: Reason, *, key_asked: bool) -> Public:
    """Return what the outside may learn of a refusal, in words of no vendor."""
    if key_asked and reason is Reason.UNSUPPORTED_SCHEME:
        return PLAIN_KEY_UNUSABLE
    return _PLAIN.get(reason, _DENIED)


# RFC 6750 section 3: "This scheme MUST be followed by one or more auth-param values"; section 3.1 has the codes.
_BEARER: Final = b'Bearer realm="api"'
BEARER_CHALLENGE: Final = (("www-authenticate", _BEARER),)
TOKEN_UNUSABLE: Final = Public(
    code="TokenNotAccepted",
    http_status=401,
    message="The bearer token is not accepted.",
    headers=(("www-authenticate", _BEARER + b', error="invalid_token"'),),
)
_TOKEN_MALFORMED: Final = Public(
    code="TokenMalformed",
    http_status=400,
    message="The request or its bearer token is malformed.",
    headers=(("www-authenticate", _BEARER + b', error="invalid_request"'),),
)
_TOKEN_REQUIRED: Final = Public(
    code="TokenRequired", http_status=401, message="The request carries no bearer token.", headers=BEARER_CHALLENGE
)
# "If the request lacks any authentication information", the answer "SHOULD NOT include an error code": it names the ways.
_EITHER_REQUIRED: Final = Public(
    code="SignatureRequired",
    http_status=401,
    message="The request is not signed, and carries no bearer token.",
    headers=(("www-authenticate", _BEARER + b", Signature"),),
)


def bearer_error(reason: Reason, *, key_asked: bool) -> Public:
    """Return what the outside may learn of a refused bearer token."""
    if reason is Reason.MALFORMED:
        return _TOKEN_MALFORMED
    # Anybody else's token is one that is not accepted, before any key was asked for.
    if reason is Reason.UNSUPPORTED_SCHEME:
        return TOKEN_UNUSABLE
    public = plain_error(reason, key_asked=key_asked)
    return TOKEN_UNUSABLE if public is PLAIN_KEY_UNUSABLE else public


def unsigned_error(*, bearer_alone: bool) -> Public:
    """Return what to answer where bearer tokens are taken, and nothing was sent."""
    return _TOKEN_REQUIRED if bearer_alone else _EITHER_REQUIRED


def chunk_error(reason: Reason) -> Public:
    """Return what the outside may learn of refused chunks. Only members of the AWS family sign them."""
    if reason is Reason.UNSUPPORTED_SCHEME:
        return KEY_UNUSABLE
    return {Reason.MALFORMED: _CHUNKS_MALFORMED, Reason.TOO_OLD: _CHUNKS_LATE}.get(reason) or _BY_REASON.get(reason, _DENIED)


def s3_error(reason: Reason, subject: Subject, demand: Demand, *, key_asked: bool) -> Public:
    """Return what the outside may learn of a refusal, as S3 says it. `key_asked`: a key was looked for before it."""
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
