"""The claim of a signature in the Authorization header."""

from typing import Final

from counterseal.core import encoding, http
from counterseal.core.model import Coverage, Reason, Refusal
from counterseal.core.scope import read_credential
from counterseal.core.sigv4 import facts, parts, streaming
from counterseal.core.sigv4.facts import PathRules, SigV4Claim

_FIELDS: Final = frozenset({b"Credential", b"SignedHeaders", b"Signature"})


def read_header(request: http.ReadRequest, rules: PathRules | None) -> SigV4Claim:
    """Read the claim out of the Authorization header. Raises Refusal: MALFORMED or AMBIGUOUS."""
    if any(name.lower() == b"x-amz-security-token" for name, _ in request.parameters):
        raise Refusal(Reason.AMBIGUOUS, "a security token in the query of a request that is signed in a header")
    fields = _authorization_fields(request)
    key_id, scope = read_credential(fields[b"Credential"], facts.TERMINATOR)
    timestamp, signed_time = _header_time(request)
    parts.check_day(scope.date, timestamp)
    payload = parts.read_payload(request.header(b"x-amz-content-sha256"))
    streaming.check(payload, request)
    signed = parts.read_signed_headers(fields[b"SignedHeaders"], request)
    return SigV4Claim(
        scheme=facts.NAME,
        key_id=key_id,
        scope=scope,
        signed_time=signed_time,
        valid_for=None,
        coverage=Coverage(headers=signed, method=True, path=True, query=True),
        signature=parts.read_signature(fields[b"Signature"]),
        security_token=parts.read_security_token(request.header(b"x-amz-security-token")),
        timestamp=timestamp,
        presigned=False,
        rules=rules or parts.rules(scope.service),
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
