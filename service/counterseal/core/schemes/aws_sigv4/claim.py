"""Reading the claim: where the signature stands, what it says, and nothing accepted in two places or two spellings."""

import itertools
from functools import lru_cache
from typing import Final

from counterseal.core import encoding, http
from counterseal.core.model import Coverage, HttpRequest, Reason, Refusal
from counterseal.core.schemes.aws_sigv4 import facts, streaming
from counterseal.core.schemes.aws_sigv4.facts import PathRules, SigV4Claim
from counterseal.core.scope import read_credential

_FIELDS: Final = frozenset({b"Credential", b"SignedHeaders", b"Signature"})
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
# Any of these in a query, in whatever letters, is an attempt at a query signature.
_TELLING: Final = frozenset({b"x-amz-algorithm", b"x-amz-credential", b"x-amz-signature", b"x-amz-signedheaders"})

_ALGORITHM_FIELD: Final = facts.ALGORITHM + b" "


def in_header(request: http.ReadRequest) -> bool:
    """Say whether an Authorization field names this algorithm, exactly and followed by a space."""
    for value in request.headers.get(b"authorization", ()):  # noqa: SIM110 - any() costs twice the loop, on every request
        if value.lstrip(b" \t").startswith(_ALGORITHM_FIELD):
            return True
    return False


def in_query(request: http.ReadRequest) -> bool:
    """Say whether the query tries to carry a signature, of this algorithm or of another."""
    return any(name.lower() in _TELLING for name, _ in request.parameters)


def names_other_algorithm(request: http.ReadRequest) -> bool:
    """Say whether the query names algorithms, and this one is not among them."""
    algorithms = [value for name, value in request.parameters if name == b"X-Amz-Algorithm"]
    return bool(algorithms) and facts.ALGORITHM not in algorithms


def read_claim(request: HttpRequest, rules: PathRules | None = None) -> SigV4Claim:
    """Read the claim of a request as it arrived. `rules` None: by the scope's service.

    Raises:
        Refusal: UNSIGNED, MALFORMED or AMBIGUOUS.
    """
    return read_signed(http.read_request(request), rules)


def read_signed(request: http.ReadRequest, rules: PathRules | None = None) -> SigV4Claim:
    """Do as `read_claim`, for a request whose syntax has been read."""
    header, query = in_header(request), in_query(request)
    if header and query:
        raise Refusal(Reason.AMBIGUOUS, "a signature in the Authorization header and another in the query")
    if not (header or query):
        raise Refusal(Reason.UNSIGNED, f"no {facts.NAME} signature")
    if query and b"authorization" in request.headers:
        raise Refusal(Reason.AMBIGUOUS, "a signature in the query beside an Authorization header")
    return _read_query(request, rules) if query else _read_header(request, rules)


def _read_header(request: http.ReadRequest, rules: PathRules | None) -> SigV4Claim:
    if any(name.lower() == b"x-amz-security-token" for name, _ in request.parameters):
        raise Refusal(Reason.AMBIGUOUS, "a security token in the query of a request that is signed in a header")
    fields = _authorization_fields(request)
    key_id, scope = read_credential(fields[b"Credential"], facts.TERMINATOR)
    timestamp, signed_time = _header_time(request)
    _check_day(scope.date, timestamp)
    payload = _read_payload(request.header(b"x-amz-content-sha256"))
    streaming.check(payload, request)
    signed = _read_signed_headers(fields[b"SignedHeaders"], request)
    return SigV4Claim(
        scheme=facts.NAME,
        key_id=key_id,
        scope=scope,
        signed_time=signed_time,
        valid_for=None,
        coverage=Coverage(headers=signed, method=True, path=True, query=True),
        signature=_read_signature(fields[b"Signature"]),
        security_token=_read_security_token(request.header(b"x-amz-security-token")),
        timestamp=timestamp,
        presigned=False,
        rules=rules or _rules(scope.service),
        signed_headers=fields[b"SignedHeaders"],
        payload=payload,
        read=request,
    )


def _authorization_fields(request: http.ReadRequest) -> dict[bytes, bytes]:
    value = request.header(b"authorization") or b""
    fields: dict[bytes, bytes] = {}
    # AWS takes the last of a repeated field; here every repeat, unknown name, gap and empty value is refused. Fields come in
    # any order, and with or without blanks after the commas (riak_cs#1166).
    for item in value[len(facts.ALGORITHM) :].split(b","):
        name, _, content = item.lstrip(b" \t").partition(b"=")
        if name not in _FIELDS:
            raise Refusal(Reason.MALFORMED, "Authorization: holds something beside Credential, SignedHeaders and Signature")
        if name in fields:
            raise Refusal(Reason.MALFORMED, f"Authorization: {name.decode()} given more than once")
        if not content:
            raise Refusal(Reason.MALFORMED, f"Authorization: {name.decode()} is empty")
        fields[name] = content
    for name in (b"Credential", b"SignedHeaders", b"Signature"):
        if name not in fields:
            raise Refusal(Reason.MALFORMED, f"Authorization: {name.decode()} is missing")
    return fields


def _header_time(request: http.ReadRequest) -> tuple[bytes, int]:
    # X-Amz-Date beats Date. Whether the one used is signed is a matter of coverage, checked later.
    stated = request.header(b"x-amz-date")
    if stated is not None:
        seconds = encoding.read_iso_basic(stated)
        if seconds is None:
            raise Refusal(Reason.MALFORMED, "header x-amz-date: must be YYYYMMDDTHHMMSSZ")
        return stated, seconds
    stated = request.header(b"date")
    if stated is None:
        # Keystone CVE-2020-12692 and lakeFS CVE-2025-68671 went without a timestamp.
        raise Refusal(Reason.MALFORMED, "no time: neither x-amz-date nor date")
    seconds = encoding.read_iso_basic(stated)
    if seconds is None:
        seconds = encoding.read_imf_fixdate(stated)
    if seconds is None:
        raise Refusal(Reason.MALFORMED, "header date: must be YYYYMMDDTHHMMSSZ or an IMF-fixdate")
    return encoding.write_iso_basic(seconds), seconds


def _read_query(request: http.ReadRequest, rules: PathRules | None) -> SigV4Claim:
    fields = _query_fields(request)
    if fields[b"X-Amz-Algorithm"] != facts.ALGORITHM:
        raise Refusal(Reason.MALFORMED, f"X-Amz-Algorithm: must be {facts.ALGORITHM.decode()}")
    key_id, scope = read_credential(fields[b"X-Amz-Credential"], facts.TERMINATOR)
    timestamp = fields[b"X-Amz-Date"]
    signed_time = encoding.read_iso_basic(timestamp)
    if signed_time is None:
        raise Refusal(Reason.MALFORMED, "X-Amz-Date: must be YYYYMMDDTHHMMSSZ")
    _check_day(scope.date, timestamp)
    signed = _read_signed_headers(fields[b"X-Amz-SignedHeaders"], request)
    return SigV4Claim(
        scheme=facts.NAME,
        key_id=key_id,
        scope=scope,
        signed_time=signed_time,
        valid_for=_read_expires(fields[b"X-Amz-Expires"]),
        coverage=Coverage(headers=signed, method=True, path=True, query=True),
        signature=_read_signature(fields[b"X-Amz-Signature"]),
        security_token=_query_security_token(fields, request),
        timestamp=timestamp,
        presigned=True,
        rules=rules or _rules(scope.service),
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
    return _read_security_token(fields.get(b"X-Amz-Security-Token"))


def _query_payload(fields: dict[bytes, bytes], request: http.ReadRequest, service: str) -> bytes | None:
    # A signed real hash counts; S3 assumes UNSIGNED-PAYLOAD without one, other services the hash of the body.
    header, parameter = request.header(b"x-amz-content-sha256"), fields.get(b"X-Amz-Content-Sha256")
    if header is not None and parameter is not None:
        raise Refusal(Reason.AMBIGUOUS, "x-amz-content-sha256 in a header and in the query")
    payload = _read_payload(header if header is not None else parameter)
    if payload is not None and payload.startswith(b"STREAMING-"):
        raise Refusal(Reason.MALFORMED, "x-amz-content-sha256: a presigned request cannot stream signed chunks")
    if payload is None and service in facts.S3_SERVICES:
        return facts.UNSIGNED
    return payload


def _rules(service: str) -> PathRules:
    return facts.S3_RULES if service in facts.S3_SERVICES else facts.GENERAL_RULES


def _check_day(date: str, timestamp: bytes) -> None:
    # The scope's date is the UTC day of the stated time, so yesterday's scope is right while yesterday's time is in the window.
    if date.encode("ascii") != timestamp[:8]:
        raise Refusal(Reason.MALFORMED, "Credential: the scope's date is not the day of the stated time")


def _read_signature(text: bytes) -> bytes:
    if not facts.SIGNATURE.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "Signature: must be 64 lower-case hex digits")
    return text


def _read_security_token(text: bytes | None) -> bytes | None:
    if text is not None and not facts.SECURITY_TOKEN.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "security token: must be 1 to 8192 visible ASCII characters")
    return text


def _read_payload(text: bytes | None) -> bytes | None:
    if text is None or encoding.is_sha256_hex(text) or text in facts.PAYLOAD_WORDS:
        return text
    if text in facts.FOREIGN_PAYLOAD_WORDS:
        raise Refusal(Reason.MALFORMED, "x-amz-content-sha256: names a way of streaming that this algorithm does not have")
    raise Refusal(Reason.MALFORMED, "x-amz-content-sha256: neither 64 lower-case hex digits nor a known word")


def _read_signed_headers(text: bytes, request: http.ReadRequest) -> tuple[bytes, ...]:
    if len(text) > facts.MAX_SIGNED_HEADERS_BYTES:
        raise Refusal(Reason.MALFORMED, f"SignedHeaders: longer than {facts.MAX_SIGNED_HEADERS_BYTES} bytes")
    names = _split_signed_headers(text)
    for name in names:
        # Never looked for in the query instead (MinIO, Arsenal), and never taken as empty.
        if name not in request.headers:
            raise Refusal(Reason.MALFORMED, f"SignedHeaders: {name.decode()[:64]} is not in the request")
    return names


# A client signs the same few sets of headers all day. Refusals are not remembered, and what is remembered is bounded.
@lru_cache(maxsize=1024)
def _split_signed_headers(text: bytes) -> tuple[bytes, ...]:
    if not facts.SIGNED_HEADERS.fullmatch(text):
        raise Refusal(Reason.MALFORMED, "SignedHeaders: must be lower-case names separated by ;")
    names = text.split(b";")
    if len(names) > facts.MAX_SIGNED_HEADERS:
        raise Refusal(Reason.MALFORMED, f"SignedHeaders: more than {facts.MAX_SIGNED_HEADERS} names")
    # Never re-sorted: the list stands in the canonical request as it was sent.
    if any(first >= second for first, second in itertools.pairwise(names)):
        raise Refusal(Reason.MALFORMED, "SignedHeaders: must be sorted and without repeats")
    return tuple(names)
