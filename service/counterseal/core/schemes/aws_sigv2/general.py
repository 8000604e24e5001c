"""The claim of the Query API's signatures (`SignatureVersion=2`), as services other than S3 had them, in a query."""

import re
from typing import Final

from counterseal.core import encoding
from counterseal.core.http import ReadRequest
from counterseal.core.model import Coverage, Reason, Refusal
from counterseal.core.schemes.aws_sigv2 import facts, parts
from counterseal.core.schemes.aws_sigv2.facts import SigV2Claim

_OWN: Final = frozenset(
    {b"AWSAccessKeyId", b"SecurityToken", b"Signature", b"SignatureMethod", b"SignatureVersion", b"Timestamp", b"Expires"}
)
_TELLING: Final = frozenset({b"signatureversion", b"signaturemethod"})
# ISO 8601 in UTC; older clients left the Z away, others send zero milliseconds.
_TIMESTAMP: Final = re.compile(
    rb"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.000)?Z?",
)


def is_general(request: ReadRequest) -> bool:
    """Say whether the query is signed by the rules of the Query API rather than by S3's."""
    return any(name.lower() in _TELLING for name, _ in request.parameters)


def read_query(request: ReadRequest) -> SigV2Claim:
    """Read the claim. Raises Refusal: MALFORMED."""
    fields = parts.own_parameters(request.parameters, _OWN)
    if parts.required(fields, b"SignatureVersion") != b"2":
        raise Refusal(Reason.MALFORMED, "SignatureVersion: must be 2")
    hash_name = facts.HASHES.get(parts.required(fields, b"SignatureMethod"))
    if hash_name is None:
        raise Refusal(Reason.MALFORMED, "SignatureMethod: must be HmacSHA256 or HmacSHA1")
    if b"Expires" in fields:
        raise Refusal(Reason.MALFORMED, "Expires: not read in such requests, which have a Timestamp")
    text = string_to_sign(request)
    return SigV2Claim(
        scheme=facts.NAME,
        key_id=parts.read_key_id(parts.required(fields, b"AWSAccessKeyId")),
        scope=None,
        signed_time=_read_timestamp(parts.required(fields, b"Timestamp")),
        valid_for=None,
        coverage=Coverage(headers=(b"host",), method=True, path=True, query=True),
        signature=parts.read_signature(parts.required(fields, b"Signature"), hash_name),
        security_token=parts.read_security_token(fields.get(b"SecurityToken")),
        strings_to_sign=(text, text),
        hash=hash_name,
        read=request,
        # No header but host is signed, and S3's would mean something to S3.
        unsigned=tuple(sorted(name for name in request.headers if name.startswith(facts.AMZ))),
    )


def string_to_sign(request: ReadRequest) -> bytes:
    """Return the string to sign: method, host in lower case, path as sent, and the parameters sorted by name.

    Raises:
        Refusal: MALFORMED, when there is no host, or a parameter is given more than once: the order of two is not defined.
    """
    host = request.header(b"host")
    if not host:
        raise Refusal(Reason.MALFORMED, "header host: missing")
    # By their plain names, as botocore sorts them; other than in Version 4, whose order is that of the encoded ones.
    plain = {encoding.percent_decode(name): (name, value) for name, value in request.parameters}
    if len(plain) != len(request.parameters):
        raise Refusal(Reason.MALFORMED, "target: a parameter is given more than once")
    query = b"&".join([b"%s=%s" % plain[name] for name in sorted(plain) if name != b"Signature"])
    return b"\n".join((request.request.method, host.lower(), request.path, query))


def _read_timestamp(text: bytes) -> int:
    match = _TIMESTAMP.fullmatch(text)
    seconds = None if match is None else encoding.read_iso_basic(b"%s%s%sT%s%s%sZ" % match.groups())
    if seconds is None:
        raise Refusal(Reason.MALFORMED, "Timestamp: must be YYYY-MM-DDTHH:MM:SS, in UTC")
    return seconds
