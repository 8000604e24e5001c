"""The claim of a presigned request: the signature stands in the query."""

from counterseal.core import encoding, http
from counterseal.core.model import Coverage, Reason, Refusal
from counterseal.core.sigv4 import facts, parts
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import UNSIGNED, Family, PathRules, QueryNames


def read_query(family: Family, names: QueryNames, request: http.ReadRequest, rules: PathRules | None) -> SigV4Claim:
    """Read the claim out of the query. Raises Refusal: MALFORMED or AMBIGUOUS."""
    fields = _query_fields(names, request)
    if fields[names.algorithm] != family.algorithm:
        raise Refusal(Reason.MALFORMED, f"{names.algorithm.decode()}: must be {family.algorithm.decode()}")
    key_id, scope = parts.read_credential(fields[names.credential], family)
    stamp = family.read_stamp(fields[names.date])
    if stamp is None:
        raise Refusal(Reason.MALFORMED, f"{names.date.decode()}: must be {family.stamp_form}")
    parts.check_day(scope.date, stamp)
    listed = fields.get(names.signed_headers, b"")
    signed = (family.read_names or parts.read_signed_headers)(listed, request)
    return SigV4Claim(
        scheme=family.name,
        key_id=key_id,
        scope=scope,
        signed_time=stamp.seconds,
        valid_for=_read_expires(names, fields[names.expires]),
        coverage=Coverage(headers=signed, method=True, path=True, query=True),
        signature=family.kind.read(fields[names.signature]),
        security_token=_query_security_token(family, fields.get(names.security_token), request),
        region_set=_query_regions(family, fields.get(names.region_set), request) if names.region_set else (),
        family=family,
        timestamp=stamp.text,
        presigned=True,
        rules=rules or family.rules(scope.service).path,
        sent_signature=fields[names.signature],
        signed_headers=listed,
        payload=_query_payload(family, fields.get(names.content_sha256), request, scope.service),
        read=request,
    )


def _query_fields(names: QueryNames, request: http.ReadRequest) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for name, value in request.parameters:
        if name not in names.all:
            # An upstream that ignores case would see a second value here (aws-iam-authenticator CVE-2022-2385).
            exact = names.by_lower.get(name.lower())
            if exact is not None:
                raise Refusal(Reason.MALFORMED, f"{exact.decode()}: spelled in other letters")
            continue
        if name in fields:
            raise Refusal(Reason.MALFORMED, f"{name.decode()}: given more than once")
        fields[name] = encoding.percent_decode(value)
    for name in names.required:
        if not fields.get(name):
            raise Refusal(Reason.MALFORMED, f"{name.decode()}: missing or empty")
    return fields


def _read_expires(names: QueryNames, text: bytes) -> int:
    seconds = encoding.read_digits(text)
    if seconds is None or not 1 <= seconds <= facts.MAX_EXPIRES:
        raise Refusal(Reason.MALFORMED, f"{names.expires.decode()}: must be a number of seconds from 1 to {facts.MAX_EXPIRES}")
    return seconds


def _query_security_token(family: Family, parameter: bytes | None, request: http.ReadRequest) -> bytes | None:
    if family.security_token_header in request.headers:
        raise Refusal(Reason.AMBIGUOUS, "a security token in a header of a request that is signed in the query")
    return parts.read_security_token(parameter)


def _query_regions(family: Family, parameter: bytes | None, request: http.ReadRequest) -> tuple[str, ...]:
    if family.region_set_header in request.headers:
        raise Refusal(Reason.AMBIGUOUS, "a set of regions in a header of a request that is signed in the query")
    return parts.read_regions(family, parameter)


def _query_payload(family: Family, parameter: bytes | None, request: http.ReadRequest, service: str) -> bytes | None:
    # A signed real hash counts; S3 assumes UNSIGNED-PAYLOAD without one, other services the hash of the body.
    header = request.header(family.content_sha256_header)
    if header is not None and parameter is not None:
        raise Refusal(Reason.AMBIGUOUS, f"{family.content_sha256_header.decode()} in a header and in the query")
    payload = parts.read_payload(family, header if header is not None else parameter)
    if payload in family.streams:
        name = family.content_sha256_header.decode()
        raise Refusal(Reason.MALFORMED, f"{name}: a presigned request cannot stream signed chunks")
    if payload is None and family.rules(service).presigned_unsigned:
        return UNSIGNED
    return payload
