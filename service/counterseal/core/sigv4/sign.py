"""Signing, from the same canonicalisation: for the command line and for clients. The verifier never uses this."""

from dataclasses import replace
from typing import Final

from counterseal.core import encoding, http
from counterseal.core.model import Coverage, HttpRequest, Refusal, Scope
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.sigv4 import canonical, facts
from counterseal.core.sigv4.claim import read_claim
from counterseal.core.sigv4.coverage import check_coverage
from counterseal.core.sigv4.facts import SigV4Claim

# Changed or added on the way by proxies and HTTP libraries, so left unsigned.
_NEVER_SIGNED: Final = frozenset(
    {b"authorization", b"connection", b"expect", b"keep-alive", b"proxy-authorization", b"te", b"trailer", b"transfer-encoding"}
    | {b"upgrade", b"user-agent", b"x-amzn-trace-id", b"accept-encoding", b"content-length"}
)
_OURS: Final = frozenset({b"authorization", b"x-amz-date", b"x-amz-content-sha256", b"x-amz-security-token"})


def sign(request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
    """Return the signed request.

    Options: `region`, `service`, `payload` (the value of x-amz-content-sha256; empty: the body's hash), `expires` (seconds;
    given: a presigned target instead of a header).

    Raises:
        ValueError: see `sign_headers` and `presign`.
    """
    chosen = signing.take(region="us-east-1", service="s3", payload="", expires="")
    region, service = chosen["region"], chosen["service"]
    if not chosen["expires"]:
        payload = chosen["payload"] or None
        added = sign_headers(request, credentials, region=region, service=service, now=signing.now, payload=payload)
        return replace(request, headers=(*request.headers, *added))
    expires = encoding.read_digits(chosen["expires"].encode())
    if expires is None or chosen["payload"]:
        raise ValueError("option expires: must be a number of seconds, and goes without payload")
    target = presign(request, credentials, region=region, service=service, now=signing.now, expires=expires)
    return replace(request, target=target)


def sign_headers(
    request: HttpRequest, credentials: Credentials, *, region: str, service: str, now: int, payload: str | None = None
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header fields to add to `request`, the last of them `authorization`.

    `now` is in Unix seconds. `payload` is the value of `x-amz-content-sha256`; None: the hash of `content`, put into a
    header only for S3.

    Raises:
        ValueError: the request is malformed, lacks `host`, or carries a header that would be added; or a verifier would refuse
            to read what was signed, for its credentials, region or query.
    """
    added = [(b"x-amz-date", encoding.write_iso_basic(now))]
    if credentials.security_token is not None:
        added.append((b"x-amz-security-token", credentials.security_token.encode("ascii")))
    if payload is None and service in facts.S3_SERVICES:
        payload = canonical.body_sha256(_read(request)).decode("ascii")
    if payload is not None:
        added.append((b"x-amz-content-sha256", payload.encode("ascii")))
    if any(name in _OURS for name, _ in request.headers):
        raise ValueError("the request carries a header that signing would add")
    read = _read(replace(request, headers=(*request.headers, *added)))
    claim = _claim(read, credentials, region, service, now, None, None if payload is None else payload.encode("ascii"))
    value = b"%s Credential=%s, SignedHeaders=%s, Signature=%s" % (
        facts.ALGORITHM,
        _credential(claim),
        claim.signed_headers,
        _sign(claim, credentials),
    )
    fields = (*added, (b"authorization", value))
    _read_back(replace(request, headers=(*request.headers, *fields)))
    return fields


def presign(request: HttpRequest, credentials: Credentials, *, region: str, service: str, now: int, expires: int) -> bytes:
    """Return the target to request instead of `request.target`, good for `expires` seconds (1 to 604800) from `now` on.

    Every header of `request` becomes part of the signature and has to be sent with it. For S3 the body is left unsigned.

    Raises:
        ValueError: the request is malformed, lacks `host`, is signed already, or `expires` is out of range; or a verifier would
            refuse to read what was signed.
    """
    if not 1 <= expires <= facts.MAX_EXPIRES:
        raise ValueError(f"expires: must be 1 to {facts.MAX_EXPIRES} seconds")
    read = _read(request)
    if any(name.lower().startswith(b"x-amz-") for name, _ in read.parameters) or any(n in _OURS for n, _ in request.headers):
        raise ValueError("the request carries a parameter or header that signing would add")
    payload = facts.UNSIGNED if service in facts.S3_SERVICES else None
    claim = _claim(read, credentials, region, service, now, expires, payload)
    added = [
        (b"X-Amz-Algorithm", facts.ALGORITHM),
        (b"X-Amz-Credential", _credential(claim)),
        (b"X-Amz-Date", claim.timestamp),
        (b"X-Amz-Expires", b"%d" % expires),
        (b"X-Amz-SignedHeaders", claim.signed_headers),
    ]
    if credentials.security_token is not None:
        added.append((b"X-Amz-Security-Token", credentials.security_token.encode("ascii")))
    query = b"&".join(b"%s=%s" % (name, encoding.percent_encode(value)) for name, value in added)
    path, _, own = request.target.partition(b"?")
    target = b"%s?%s&%s" % (path, own, query) if own else b"%s?%s" % (path, query)
    presigned = replace(claim, read=_read(replace(request, target=target)))
    target = b"%s&X-Amz-Signature=%s" % (target, _sign(presigned, credentials))
    _read_back(replace(request, target=target))
    return target


def _read(request: HttpRequest) -> http.ReadRequest:
    try:
        return http.read_request(request)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


def _read_back(request: HttpRequest) -> None:
    # Nothing leaves here that the verifier's own reader would call malformed or not covered.
    try:
        check_coverage(read_claim(request))
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


def _claim(
    read: http.ReadRequest,
    credentials: Credentials,
    region: str,
    service: str,
    now: int,
    expires: int | None,
    payload: bytes | None,
) -> SigV4Claim:
    if b"host" not in read.headers:
        raise ValueError("header host: missing")
    timestamp = encoding.write_iso_basic(now)
    signed = tuple(sorted(name for name in read.headers if name not in _NEVER_SIGNED))
    return SigV4Claim(
        scheme=facts.NAME,
        key_id=credentials.key_id,
        scope=Scope(date=timestamp[:8].decode("ascii"), region=region, service=service, terminator=facts.TERMINATOR),
        signed_time=now,
        valid_for=expires,
        coverage=Coverage(headers=signed, method=True, path=True, query=True),
        signature=b"",
        timestamp=timestamp,
        presigned=expires is not None,
        rules=facts.S3_RULES if service in facts.S3_SERVICES else facts.GENERAL_RULES,
        signed_headers=b";".join(signed),
        payload=payload,
        read=read,
    )


def _credential(claim: SigV4Claim) -> bytes:
    return f"{claim.key_id}/{canonical.scope_of(claim).text()}".encode("ascii")


def _sign(claim: SigV4Claim, credentials: Credentials) -> bytes:
    key = canonical.signing_key(credentials.secret, canonical.scope_of(claim))
    return canonical.signature(key, canonical.string_to_sign(claim, canonical.canonical_request(claim)))
