"""The claim of a presigned request: the signature stands in the query."""

from typing import Final

from counterseal.core import encoding, http
from counterseal.core.model import Coverage, Reason, Refusal
from counterseal.core.scope import read_credential
from counterseal.core.sigv4 import facts, parts
from counterseal.core.sigv4.facts import PathRules, SigV4Claim

_PARAMETERS: Final = frozenset(
    {
        b"X-Amz-Algorithm",
        b"X-Amz-Credential",
        b"X-Amz-Date",
        b"X-Amz-Expires",
        b"X-Amz-SignedHeaders",
        b"X-Amz-Signature",
        b"X-Amz-Security-Token",
        b"X-Amz-Content-Sha256",
    }
)
_PARAMETERS_LOWER: Final = {name.lower(): name for name in _PARAMETERS}
_REQUIRED: Final = tuple(sorted(_PARAMETERS - {b"X-Amz-Security-Token", b"X-Amz-Content-Sha256"}))


def read_query(request: http.ReadRequest, rules: PathRules | None) -> SigV4Claim:
    """Read the claim out of the query. Raises Refusal: MALFORMED or AMBIGUOUS."""
    fields = _query_fields(request)
    if fields[b"X-Amz-Algorithm"] != facts.ALGORITHM:
        raise Refusal(Reason.MALFORMED, f"X-Amz-Algorithm: must be {facts.ALGORITHM.decode()}")
    key_id, scope = read_credential(fields[b"X-Amz-Credential"], facts.TERMINATOR)
    timestamp = fields[b"X-Amz-Date"]
    signed_time = encoding.read_iso_basic(timestamp)
    if signed_time is None:
        raise Refusal(Reason.MALFORMED, "X-Amz-Date: must be YYYYMMDDTHHMMSSZ")
    parts.check_day(scope.date, timestamp)
    signed = parts.read_signed_headers(fields[b"X-Amz-SignedHeaders"], request)
    return SigV4Claim(
        scheme=facts.NAME,
        key_id=key_id,
        scope=scope,
        signed_time=signed_time,
        valid_for=_read_expires(fields[b"X-Amz-Expires"]),
        coverage=Coverage(headers=signed, method=True, path=True, query=True),
        signature=parts.read_signature(fields[b"X-Amz-Signature"]),
        security_token=_query_security_token(fields, request),
        timestamp=timestamp,
        presigned=True,
        rules=rules or parts.rules(scope.service),
        signed_headers=fields[b"X-Amz-SignedHeaders"],
        payload=_query_payload(fields, request, scope.service),
        read=request,
    )


def _query_fields(request: http.ReadRequest) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for name, value in request.parameters:
        if name not in _PARAMETERS:
            # An upstream that ignores case would see a second value here (aws-iam-authenticator CVE-2022-2385).
            exact = _PARAMETERS_LOWER.get(name.lower())
            if exact is not None:
                raise Refusal(Reason.MALFORMED, f"{exact.decode()}: spelled in other letters")
            continue
        if name in fields:
            raise Refusal(Reason.MALFORMED, f"{name.decode()}: given more than once")
        fields[name] = encoding.percent_decode(value)
    for name in _REQUIRED:
        if not fields.get(name):
            raise Refusal(Reason.MALFORMED, f"{name.decode()}: missing or empty")
    return fields


def _read_expires(text: bytes) -> int:
    seconds = encoding.read_digits(text)
    if seconds is None or not 1 <= seconds <= facts.MAX_EXPIRES:
        raise Refusal(Reason.MALFORMED, f"X-Amz-Expires: must be a number of seconds from 1 to {facts.MAX_EXPIRES}")
    return seconds


def _query_security_token(fields: dict[bytes, bytes], request: http.ReadRequest) -> bytes | None:
    if b"x-amz-security-token" in request.headers:
        raise Refusal(Reason.AMBIGUOUS, "a security token in a header of a request that is signed in the query")
    return parts.read_security_token(fields.get(b"X-Amz-Security-Token"))


def _query_payload(fields: dict[bytes, bytes], request: http.ReadRequest, service: str) -> bytes | None:
    # A signed real hash counts; S3 assumes UNSIGNED-PAYLOAD without one, other services the hash of the body.
    header, parameter = request.header(b"x-amz-content-sha256"), fields.get(b"X-Amz-Content-Sha256")
    if header is not None and parameter is not None:
        raise Refusal(Reason.AMBIGUOUS, "x-amz-content-sha256 in a header and in the query")
    payload = parts.read_payload(header if header is not None else parameter)
    if payload is not None and payload.startswith(b"STREAMING-"):
        raise Refusal(Reason.MALFORMED, "x-amz-content-sha256: a presigned request cannot stream signed chunks")
    if payload is None and service in facts.S3_SERVICES:
        return facts.UNSIGNED
    return payload
