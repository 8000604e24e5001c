"""The claim of a signature in the Authorization header."""

from counterseal.core import encoding, http
from counterseal.core.model import Coverage, Reason, Refusal
from counterseal.core.sigv4 import parts, streaming
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import Family, PathRules
from counterseal.core.sigv4.stamps import Stamp


def read_header(family: Family, request: http.ReadRequest, rules: PathRules | None) -> SigV4Claim:
    """Read the claim out of the Authorization header. Raises Refusal: MALFORMED or AMBIGUOUS."""
    _refuse_twins(family, request)
    fields = _authorization_fields(family, request)
    key_id, scope = parts.read_credential(fields[b"Credential"], family)
    stamp = _header_time(family, request)
    parts.check_day(scope.date, stamp)
    payload = parts.read_payload(family, request.header(family.content_sha256_header))
    streaming.check(family, payload, request)
    names = fields.get(family.list_field, b"")
    signed = (family.read_names or parts.read_signed_headers)(names, request)
    return SigV4Claim(
        scheme=family.name,
        key_id=key_id,
        scope=scope,
        signed_time=stamp.seconds,
        valid_for=None,
        coverage=Coverage(headers=signed, method=True, path=True, query=True),
        signature=family.kind.read(fields[b"Signature"]),
        security_token=parts.read_security_token(request.header(family.security_token_header)),
        region_set=parts.read_regions(family, request.header(family.region_set_header)) if family.region_set_header else (),
        family=family,
        timestamp=stamp.text,
        presigned=False,
        rules=rules or family.rules(scope.service).path,
        sent_signature=fields[b"Signature"],
        signed_headers=names,
        payload=payload,
        read=request,
    )


def _refuse_twins(family: Family, request: http.ReadRequest) -> None:
    if family.query is None or not request.parameters:
        return
    names = [name.lower() for name, _ in request.parameters]
    for name, what in family.query.twins.items():
        if name in names:
            raise Refusal(Reason.AMBIGUOUS, f"{what} in the query of a request that is signed in a header")


def _authorization_fields(family: Family, request: http.ReadRequest) -> dict[bytes, bytes]:
    value = request.header(b"authorization") or b""
    fields: dict[bytes, bytes] = {}
    # AWS takes the last of a repeated field; here every repeat, unknown name, gap and empty value is refused. Fields come in
    # any order, and with or without blanks after the commas (riak_cs#1166).
    for item in value[len(family.algorithm) :].split(b","):
        name, _, content = item.lstrip(b" \t").partition(b"=")
        if name not in family.fields:
            known = f"Credential, {family.list_field.decode()} and Signature"
            raise Refusal(Reason.MALFORMED, f"Authorization: holds something beside {known}")
        if name in fields:
            raise Refusal(Reason.MALFORMED, f"Authorization: {name.decode()} given more than once")
        if not content:
            raise Refusal(Reason.MALFORMED, f"Authorization: {name.decode()} is empty")
        fields[name] = content
    for name in family.needed_fields:
        if name not in fields:
            raise Refusal(Reason.MALFORMED, f"Authorization: {name.decode()} is missing")
    return fields


def _header_time(family: Family, request: http.ReadRequest) -> Stamp:
    # The family's own header beats Date. Whether the one used is signed is a matter of coverage, checked later.
    stated = request.header(family.date_header)
    if stated is None:
        return _plain_date(family, request)
    stamp = family.read_stamp(stated)
    if stamp is None:
        raise Refusal(Reason.MALFORMED, f"header {family.date_header.decode()}: must be {family.stamp_form}")
    return stamp


def _plain_date(family: Family, request: http.ReadRequest) -> Stamp:
    own = family.date_header.decode()
    if not family.date_fallback:
        raise Refusal(Reason.MALFORMED, f"no time: no {own}")
    stated = request.header(b"date")
    if stated is None:
        # Keystone CVE-2020-12692 and lakeFS CVE-2025-68671 went without a timestamp.
        raise Refusal(Reason.MALFORMED, f"no time: neither {own} nor date")
    stamp = family.read_stamp(stated)
    if stamp is not None:
        return stamp
    seconds = encoding.read_imf_fixdate(stated)
    if seconds is None:
        raise Refusal(Reason.MALFORMED, f"header date: must be {family.stamp_form} or an IMF-fixdate")
    return family.write_stamp(seconds)
