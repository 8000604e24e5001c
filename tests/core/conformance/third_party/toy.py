"""`toy-hmac`: HMAC-SHA256 over everything, in one header. `toy-signature: <key id>;<Unix seconds>;<hex>`."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from counterseal.core import compare, encoding
from counterseal.core.http import ReadRequest, read_request
from counterseal.core.model import Claim, Coverage, Demand, Derive, HttpRequest, Key, Reason, Refusal, Subject
from counterseal.core.payload import AlreadyChecked, PayloadDuty
from counterseal.core.schemes.base import Credentials, SchemeDefaults, Signing

HEADER = b"toy-signature"
_SIGNATURE = re.compile(rb"[0-9a-f]{64}")
_KEY_ID = re.compile(rb"[A-Za-z0-9_-]{3,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyClaim(Claim):
    """The claim, and the lines that are signed."""

    lines: tuple[bytes, ...] = field(repr=False)
    path: bytes


class Toy(SchemeDefaults):
    """The scheme. Its parts are methods, so that `sabotaged.py` can spoil one at a time."""

    name: str = "toy-hmac"
    title: str = "A toy: HMAC-SHA256 over everything"

    def recognises(self, request: ReadRequest) -> bool:
        return HEADER in request.headers

    def read(self, request: ReadRequest, demand: Demand) -> Claim:
        fields = self.fields(request)
        if len(fields) != 3:
            raise Refusal(Reason.MALFORMED, "header toy-signature: must be key id, time and signature, separated by ;")
        key_id, time, signature = fields
        seconds = encoding.read_digits(time)
        if not _KEY_ID.fullmatch(key_id) or seconds is None:
            raise Refusal(Reason.MALFORMED, "header toy-signature: the key id or the time is not as it must be")
        return ToyClaim(
            scheme=self.name,
            key_id=key_id.decode(),
            scope=None,
            signed_time=seconds,
            valid_for=None,
            coverage=Coverage(headers=(b"host",), method=True, path=True, query=True),
            signature=self.read_signature(signature),
            lines=tuple(self.lines(request, key_id, time)),
            path=request.path,
        )

    def fields(self, request: ReadRequest) -> list[bytes]:
        return (request.header(HEADER) or b"").split(b";")

    def read_signature(self, text: bytes) -> bytes:
        if not _SIGNATURE.fullmatch(text):
            raise Refusal(Reason.MALFORMED, "header toy-signature: the signature must be 64 lower-case hex digits")
        return text

    def lines(self, request: ReadRequest, key_id: bytes, time: bytes) -> Sequence[bytes]:
        sent = request.request
        body = hashlib.sha256(sent.content).hexdigest().encode() if sent.content is not None else b"absent"
        return key_id, time, sent.method, sent.target, request.header(b"host") or b"", body

    def check_coverage(self, claim: Claim, demand: Demand) -> None:
        assert isinstance(claim, ToyClaim)
        if claim.lines[-1] == b"absent":
            raise Refusal(Reason.BODY_REQUIRED, "the body is signed: send it along")

    def secret(self, key: Key) -> bytes:
        return key.secret

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:
        assert isinstance(claim, ToyClaim)
        return self.same(self.mac(self.secret(key), claim.lines), claim.signature)

    def mac(self, secret: bytes, lines: Sequence[bytes]) -> bytes:
        return hmac.digest(secret, b"\n".join(lines), "sha256").hex().encode()

    def same(self, expected: bytes, stated: bytes) -> bool:
        return compare.same(expected, stated)

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        return AlreadyChecked()

    def verified_path(self, claim: Claim) -> bytes:
        assert isinstance(claim, ToyClaim)
        return claim.path

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        signing.take()
        try:
            read = read_request(request)
        except Refusal as refusal:
            raise ValueError(refusal.detail) from None
        key_id, time = credentials.key_id.encode(), b"%d" % signing.now
        value = b";".join((key_id, time, self.mac(credentials.secret, self.lines(read, key_id, time))))
        return replace(request, headers=(*request.headers, (HEADER, value)))
