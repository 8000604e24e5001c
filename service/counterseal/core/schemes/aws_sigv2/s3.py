"""The claims of S3's signatures: in the Authorization header, and in the query with an end."""

from typing import Final

from counterseal.core import encoding
from counterseal.core.buckets import BucketHosts
from counterseal.core.http import ReadRequest
from counterseal.core.model import Coverage, Reason, Refusal
from counterseal.core.schemes.aws_sigv2 import canonical, facts, parts
from counterseal.core.schemes.aws_sigv2.facts import SigV2Claim

_OWN: Final = frozenset({b"AWSAccessKeyId", b"Expires", b"Signature"})
_LINES: Final = (b"content-md5", b"content-type")
_TOKEN: Final = b"x-amz-security-token"


def read_header(request: ReadRequest, hosts: BucketHosts) -> SigV2Claim:
    """Read the claim out of `Authorization: AWS <key id>:<signature>`. Raises Refusal: MALFORMED."""
    value = request.header(b"authorization") or b""
    # From the right: key ids of other systems hold `:`, and base64 does not.
    key_id, separator, signature = value.removeprefix(facts.WORD).rpartition(b":")
    if not separator:
        raise Refusal(Reason.MALFORMED, "Authorization: must be a key id, a colon and a signature")
    date, signed_time = _date(request)
    amz = canonical.amz_headers(request)
    md5, content_type = [request.header(name) or b"" for name in _LINES]
    texts = canonical.strings_to_sign(request, hosts.bucket_of(request), date, amz, (md5, content_type))
    return SigV2Claim(
        scheme=facts.NAME,
        key_id=parts.read_key_id(key_id),
        scope=None,
        signed_time=signed_time,
        valid_for=None,
        coverage=_coverage(request, {b"date"} if date else set()),
        signature=parts.read_signature(signature),
        security_token=parts.read_security_token(request.header(_TOKEN)),
        strings_to_sign=texts,
        hash="sha1",
        read=request,
        unsigned=_unsigned(request, frozenset()),
    )


def _date(request: ReadRequest) -> tuple[bytes, int]:
    # "If x-amz-date is present, the system ignores any Date header": then the date line is empty, and Date is not signed.
    stated = request.header(b"x-amz-date")
    if stated is not None:
        return b"", parts.read_date(stated, "x-amz-date")
    stated = request.header(b"date")
    if stated is None:
        # Keystone CVE-2020-12692 and lakeFS CVE-2025-68671 went without a timestamp.
        raise Refusal(Reason.MALFORMED, "no time: neither x-amz-date nor date")
    return stated, parts.read_date(stated, "date")


def read_query(request: ReadRequest, hosts: BucketHosts) -> SigV2Claim:
    """Read the claim of a presigned request. It states an end and no time. Raises Refusal: MALFORMED or AMBIGUOUS."""
    fields = parts.own_parameters(request.parameters, _OWN)
    expires = parts.required(fields, b"Expires")
    if not facts.EXPIRES.fullmatch(expires):
        raise Refusal(Reason.MALFORMED, "Expires: must be Unix seconds, in 1 to 10 plain digits")
    headers = _moved_headers(request)
    amz = canonical.amz_headers(request) | {name: value for name, value in headers.items() if name.startswith(facts.AMZ)}
    md5, content_type = [headers.get(name, request.header(name) or b"") for name in _LINES]
    texts = canonical.strings_to_sign(request, hosts.bucket_of(request), expires, amz, (md5, content_type))
    return SigV2Claim(
        scheme=facts.NAME,
        key_id=parts.read_key_id(parts.required(fields, b"AWSAccessKeyId")),
        scope=None,
        signed_time=None,
        valid_for=None,
        expires=int(expires),
        coverage=_coverage(request, set()),
        signature=parts.read_signature(parts.required(fields, b"Signature")),
        security_token=parts.read_security_token(amz.get(_TOKEN)),
        strings_to_sign=texts,
        hash="sha1",
        read=request,
        unsigned=_unsigned(request, _OWN | headers.keys()),
    )


def _moved_headers(request: ReadRequest) -> dict[bytes, bytes]:
    """Return the headers that stand in the query: botocore moves those that are signed, and S3 takes them from there.

    Raises:
        Refusal: MALFORMED; AMBIGUOUS, when the header itself says something else.
    """
    found: dict[bytes, bytes] = {}
    for name, encoded in request.parameters:
        if name not in _LINES and not name.startswith(facts.AMZ):
            continue
        value = encoding.percent_decode(encoded).strip(b" \t")
        # Decoded, a line break would let further lines into the string to sign.
        if not canonical.is_field(name, value):
            raise Refusal(Reason.MALFORMED, "target: a header moved into the query has an odd name or control characters")
        if name in found:
            raise Refusal(Reason.MALFORMED, f"{name.decode()[:64]}: given more than once in the query")
        if [header.strip(b" \t") for header in request.headers.get(name, [value])] != [value]:
            raise Refusal(Reason.AMBIGUOUS, f"{name.decode()[:64]}: one value in a header and another in the query")
        found[name] = value
    return found


def _coverage(request: ReadRequest, more: set[bytes]) -> Coverage:
    # Sub-resources are signed and the rest of the query is not, and neither is the host: only a bucket in it is.
    signed = {name for name in request.headers if name in _LINES or name.startswith(facts.AMZ)} | more
    return Coverage(headers=tuple(sorted(signed)), method=True, path=True, query=False)


def _unsigned(request: ReadRequest, known: frozenset[bytes]) -> tuple[bytes, ...]:
    return tuple(name for name, _ in request.parameters if name not in known and name not in facts.SUB_RESOURCES)
