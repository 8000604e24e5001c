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
from counterseal.core.sigv4.family import UNSIGNED, Family, QueryNames

# Changed or added on the way by proxies and HTTP libraries, so left unsigned.
_NEVER_SIGNED: Final = frozenset(
    {b"authorization", b"connection", b"expect", b"keep-alive", b"proxy-authorization", b"te", b"trailer", b"transfer-encoding"}
    | {b"upgrade", b"user-agent", b"x-amzn-trace-id", b"accept-encoding", b"content-length"}
)


def sign(family: Family, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
    """Return the signed request.

    Options: `region` (of a family with sets of regions: the set), `service`, `payload` (the value of the header that states
    the payload; empty: the body's hash), `expires` (seconds; given: a presigned target instead of a header).

    Raises:
        ValueError: see `sign_headers` and `presign`.
    """
    chosen = signing.take(region=family.sign_region, service=family.sign_service, payload="", expires="")
    region, service = chosen["region"], chosen["service"]
    if not chosen["expires"]:
        payload = chosen["payload"] or None
        added = sign_headers(family, request, credentials, region=region, service=service, now=signing.now, payload=payload)
        return replace(request, headers=(*request.headers, *added))
    expires = encoding.read_digits(chosen["expires"].encode())
    if expires is None or chosen["payload"]:
        raise ValueError("option expires: must be a number of seconds, and goes without payload")
    target = presign(family, request, credentials, region=region, service=service, now=signing.now, expires=expires)
    return replace(request, target=target)


def sign_headers(
    family: Family,
    request: HttpRequest,
    credentials: Credentials,
    *,
    region: str,
    service: str,
    now: int,
    payload: str | None = None,
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header fields to add to `request`, the last of them `authorization`.

    `now` is in Unix seconds. `payload` is the value of the header that states the payload; None: the hash of `content`, put
    into a header only for services that want it there.

    Raises:
        ValueError: the request is malformed, lacks `host`, or carries a header that would be added; or a verifier would refuse
            to read what was signed, for its credentials, region or query.
    """
    added = [(family.date_header, family.write_stamp(now).text)]
    if family.region_set_header:
        added.append((family.region_set_header, region.encode("ascii")))
    if credentials.security_token is not None:
        added.append((family.security_token_header, credentials.security_token.encode("ascii")))
    if payload is None and family.rules(service).states_payload:
        payload = canonical.body_sha256(_read(request)).decode("ascii")
    if payload is not None:
        added.append((family.content_sha256_header, payload.encode("ascii")))
    _refuse_ours(family, request)
    read = _read(replace(request, headers=(*request.headers, *added)))
    claim = _claim(family, read, credentials, region, service, now, None, None if payload is None else payload.encode("ascii"))
    value = b"%s Credential=%s, %s=%s, Signature=%s" % (
        family.algorithm,
        _credential(claim),
        family.list_field,
        claim.signed_headers,
        _sign(claim, credentials),
    )
    fields = (*added, (b"authorization", value))
    _read_back(family, replace(request, headers=(*request.headers, *fields)))
    return fields


def presign(
    family: Family, request: HttpRequest, credentials: Credentials, *, region: str, service: str, now: int, expires: int
) -> bytes:
    """Return the target to request instead of `request.target`, good for `expires` seconds (1 to 604800) from `now` on.

    Every header of `request` becomes part of the signature and has to be sent with it. For S3 the body is left unsigned.

    Raises:
        ValueError: the family presigns nothing, the request is malformed, lacks `host`, is signed already, or `expires` is out
            of range; or a verifier would refuse to read what was signed.
    """
    names = family.query
    if names is None:
        raise ValueError(f"{family.name}: presigns nothing")
    if not 1 <= expires <= facts.MAX_EXPIRES:
        raise ValueError(f"expires: must be 1 to {facts.MAX_EXPIRES} seconds")
    read = _read(request)
    if any(name.lower() in names.by_lower for name, _ in read.parameters):
        raise ValueError("the request carries a parameter that signing would add")
    _refuse_ours(family, request)
    payload = UNSIGNED if family.rules(service).presigned_unsigned else None
    claim = _claim(family, read, credentials, region, service, now, expires, payload)
    added = _parameters(names, claim, credentials, region)
    query = b"&".join(b"%s=%s" % (name, encoding.percent_encode(value)) for name, value in added)
    path, _, own = request.target.partition(b"?")
    target = b"%s?%s&%s" % (path, own, query) if own else b"%s?%s" % (path, query)
    presigned = replace(claim, read=_read(replace(request, target=target)))
    target = b"%s&%s=%s" % (target, names.signature, _sign(presigned, credentials))
    _read_back(family, replace(request, target=target))
    return target


def _parameters(names: QueryNames, claim: SigV4Claim, credentials: Credentials, region: str) -> list[tuple[bytes, bytes]]:
    added = [
        (names.algorithm, claim.family.algorithm),
        (names.credential, _credential(claim)),
        (names.date, claim.timestamp),
        (names.expires, b"%d" % (claim.valid_for or 0)),
        (names.signed_headers, claim.signed_headers),
    ]
    if names.region_set:
        added.append((names.region_set, region.encode("ascii")))
    if credentials.security_token is not None:
        added.append((names.security_token, credentials.security_token.encode("ascii")))
    return added


def _refuse_ours(family: Family, request: HttpRequest) -> None:
    ours = {b"authorization", family.date_header, family.content_sha256_header, family.security_token_header}
    ours.add(family.region_set_header)
    if any(name in ours for name, _ in request.headers):
        raise ValueError("the request carries a header that signing would add")


def _read(request: HttpRequest) -> http.ReadRequest:
    try:
        return http.read_request(request)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


def _read_back(family: Family, request: HttpRequest) -> None:
    # Nothing leaves here that the verifier's own reader would call malformed or not covered.
    try:
        check_coverage(read_claim(family, request))
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


def _claim(
    family: Family,
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
    if not credentials.secret:
        raise ValueError("credentials: this scheme signs with a secret")
    stamp = family.write_stamp(now)
    signed = tuple(sorted(name for name in read.headers if name not in _NEVER_SIGNED))
    return SigV4Claim(
        scheme=family.name,
        key_id=credentials.key_id,
        scope=Scope(
            date=stamp.day.decode("ascii"),
            region=region if family.has_region else "",
            service=service,
            terminator=family.terminator,
            scheme=family.name,
        ),
        signed_time=now,
        valid_for=expires,
        coverage=Coverage(headers=signed, method=True, path=True, query=True),
        signature=b"",
        family=family,
        timestamp=stamp.text,
        presigned=expires is not None,
        rules=family.rules(service).path,
        signed_headers=family.write_names(signed),
        payload=payload,
        read=read,
    )


def _credential(claim: SigV4Claim) -> bytes:
    return f"{claim.key_id}/{canonical.scope_of(claim).text()}".encode("ascii")


def _sign(claim: SigV4Claim, credentials: Credentials) -> bytes:
    text = canonical.string_to_sign(claim, canonical.canonical_request(claim))
    return claim.family.kind.sign(claim.key_id, credentials.secret, canonical.scope_of(claim), text)
