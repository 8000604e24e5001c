"""Signing, through the verifier's own reader: for the command line and for clients. The verifier never uses this.

The request is put together with an empty signature in it, read as a verifier reads it, and the string to sign that came out is
what is signed. So nothing leaves here that the scheme itself would not read.
"""

import datetime as dt
from dataclasses import replace
from typing import Final, Protocol

from counterseal.core import encoding, http
from counterseal.core.model import Claim, Demand, HttpRequest, Refusal
from counterseal.core.schemes.aws_sigv2 import canonical, facts
from counterseal.core.schemes.aws_sigv2.facts import SigV2Claim
from counterseal.core.schemes.base import Credentials, Signing

_MAX_EXPIRES: Final = 604_800
_EMPTY: Final = {"sha1": b"A" * 27 + b"=", "sha256": b"A" * 43 + b"="}
_DAYS: Final = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_NO_DEMAND: Final = Demand()


class _Reads(Protocol):
    def recognises(self, request: http.ReadRequest) -> bool: ...
    def read(self, request: http.ReadRequest, demand: Demand) -> SigV2Claim: ...
    def check_coverage(self, claim: Claim, demand: Demand) -> None: ...


def sign(scheme: _Reads, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
    """Return the signed request.

    Options: `dialect` (`s3` or `query`), `expires` (seconds from now, 1 to 604800; given: presigned, for `s3` alone), `method`
    (`HmacSHA256` or `HmacSHA1`, for `query` alone).

    Raises:
        ValueError: the request is malformed, is signed already or cannot be signed so; the credentials have no secret; or an
            option is unknown or out of range.
    """
    chosen = signing.take(dialect="s3", expires="", method="")
    if not credentials.secret:
        raise ValueError("credentials: this scheme signs with a secret")
    if scheme.recognises(_read(request)):
        raise ValueError("the request is signed already")
    if chosen["dialect"] == "query" and not chosen["expires"]:
        unsigned, hash_name = _general(request, credentials, signing.now, chosen["method"] or "HmacSHA256")
    elif chosen["dialect"] == "s3" and not chosen["method"]:
        unsigned, hash_name = _s3(request, credentials, signing.now, chosen["expires"]), "sha1"
    else:
        raise ValueError("option dialect: must be s3, which has no method, or query, which has no expires")
    claim = _read_back(scheme, unsigned)
    return _with_signature(unsigned, hash_name, canonical.signature(credentials.secret, claim.strings_to_sign[0], hash_name))


def _s3(request: HttpRequest, credentials: Credentials, now: int, expires: str) -> HttpRequest:
    token, key_id = credentials.security_token, credentials.key_id.encode()
    if not expires:
        added = [] if token is None else [(b"x-amz-security-token", token.encode())]
        if not any(name in {b"date", b"x-amz-date"} for name, _ in request.headers):
            added.append((b"date", _date(now)))
        authorization = (b"authorization", b"AWS %s:%s" % (key_id, _EMPTY["sha1"]))
        return replace(request, headers=(*request.headers, *added, authorization))
    seconds = encoding.read_digits(expires.encode())
    if seconds is None or not 1 <= seconds <= _MAX_EXPIRES:
        raise ValueError(f"option expires: must be 1 to {_MAX_EXPIRES} seconds")
    own = [(b"AWSAccessKeyId", key_id), (b"Expires", b"%d" % (now + seconds))]
    moved = [] if token is None else [(b"x-amz-security-token", token.encode())]
    return _with_query(request, [*moved, *own, (b"Signature", _EMPTY["sha1"])])


def _date(now: int) -> bytes:
    # Not strftime, whose names of days and months are in the language of the machine.
    moment = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    date = b"%02d %s %04d" % (moment.day, _MONTHS[moment.month - 1], moment.year)
    return b"%s, %s %02d:%02d:%02d GMT" % (_DAYS[moment.weekday()], date, moment.hour, moment.minute, moment.second)


def _general(request: HttpRequest, credentials: Credentials, now: int, method: str) -> tuple[HttpRequest, str]:
    hash_name = facts.HASHES.get(method.encode())
    if hash_name is None:
        raise ValueError("option method: must be HmacSHA256 or HmacSHA1")
    stamp = encoding.write_iso_basic(now)
    own = [
        (b"AWSAccessKeyId", credentials.key_id.encode()),
        (b"SignatureVersion", b"2"),
        (b"SignatureMethod", method.encode()),
        (b"Timestamp", b"%s-%s-%sT%s:%s:%sZ" % (stamp[:4], stamp[4:6], stamp[6:8], stamp[9:11], stamp[11:13], stamp[13:15])),
    ]
    if credentials.security_token is not None:
        own.append((b"SecurityToken", credentials.security_token.encode()))
    return _with_query(request, [*own, (b"Signature", _EMPTY[hash_name])]), hash_name


def _with_query(request: HttpRequest, added: list[tuple[bytes, bytes]]) -> HttpRequest:
    query = b"&".join(b"%s=%s" % (name, encoding.percent_encode(value)) for name, value in added)
    path, _, own = request.target.partition(b"?")
    return replace(request, target=b"%s?%s&%s" % (path, own, query) if own else b"%s?%s" % (path, query))


def _with_signature(request: HttpRequest, hash_name: str, signature: bytes) -> HttpRequest:
    # Both stand at the very end: of the last header, or of the target.
    name, value = request.headers[-1] if request.headers else (b"", b"")
    if name == b"authorization":
        return replace(request, headers=(*request.headers[:-1], (name, value.removesuffix(_EMPTY[hash_name]) + signature)))
    empty = encoding.percent_encode(_EMPTY[hash_name])
    return replace(request, target=request.target.removesuffix(empty) + encoding.percent_encode(signature))


def _read(request: HttpRequest) -> http.ReadRequest:
    try:
        return http.read_request(request)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


def _read_back(scheme: _Reads, request: HttpRequest) -> SigV2Claim:
    # Nothing leaves here that the verifier's own reader would call malformed or not covered.
    try:
        claim = scheme.read(http.read_request(request), _NO_DEMAND)
        scheme.check_coverage(claim, _NO_DEMAND)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None
    return claim
