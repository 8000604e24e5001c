"""The scheme as `core/verify.py` uses it."""

import hashlib

from counterseal.core import compare, encoding
from counterseal.core.http import ReadRequest
from counterseal.core.model import (
    Claim,
    Coverage,
    Demand,
    Derive,
    HttpRequest,
    Key,
    Reason,
    Refusal,
    Scope,
    StringToSignSubject,
    Subject,
)
from counterseal.core.payload import AlreadyChecked, BodySha256, LeftToCaller, PayloadDuty, Unsigned
from counterseal.core.schemes.base import Credentials, SchemeDefaults, Signing
from counterseal.core.scope import read_credential
from counterseal.core.sigv4 import canonical, facts, streaming
from counterseal.core.sigv4 import claim as reading
from counterseal.core.sigv4.coverage import check_coverage
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.sign import sign


class AwsSigV4(SchemeDefaults):
    """AWS Signature Version 4 with HMAC-SHA256: header and presigned-query signatures, S3's rules and the general ones."""

    name: str = facts.NAME
    title: str = "AWS Signature Version 4, in a header or presigned"

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether header or query try to carry this scheme's signature."""
        if reading.in_header(request):
            return True
        return reading.in_query(request) and not reading.names_other_algorithm(request)

    def read(self, request: ReadRequest, demand: Demand) -> SigV4Claim:  # noqa: ARG002 - a request has one signature
        """Read the claim. Raises Refusal: MALFORMED or AMBIGUOUS."""
        return reading.read_signed(request)

    def read_string_to_sign(self, subject: StringToSignSubject) -> SigV4Claim:
        """Read the claim of a string to sign. Raises Refusal: MALFORMED."""
        return read_string_to_sign(subject)

    def check_coverage(self, claim: Claim, demand: Demand) -> None:  # noqa: ARG002
        """Check that host, the time, every `x-amz-*` header and, for S3, the payload are signed."""
        check_coverage(_mine(claim))

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:
        """Compute and compare the signature; the security token must be the key's, and absent when the key has none."""
        mine = _mine(claim)
        text = mine.stated
        if text is None:
            text = canonical.string_to_sign(mine, canonical.canonical_request(mine))
        derived = derive(key, canonical.scope_of(mine))
        expected = canonical.signature(derived, text)
        # Whatever a cache hands out: an empty, cut or zeroed signing key lets anybody sign (CVE-2026-49852).
        signed = compare.same(expected, mine.signature) and len(derived) == facts.SIGNING_KEY_BYTES and any(derived)
        return signed and _same_security_token(key, mine.security_token)

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        """Check the body as far as it was sent. Raises Refusal: PAYLOAD_MISMATCH."""
        mine = _mine(claim)
        if isinstance(subject, StringToSignSubject) or mine.read is None:
            return LeftToCaller()
        if mine.payload is None:
            return AlreadyChecked()  # The body's own hash stood in the canonical request that matched.
        if mine.payload == facts.UNSIGNED:
            return Unsigned()
        if mine.payload.startswith(b"STREAMING-"):
            return streaming.duty(mine, mine.payload, mine.read, canonical.scope_of(mine).text())
        return _check_body(mine.payload, subject)

    def verified_path(self, claim: Claim) -> bytes:
        """Return the path that the signature covers."""
        mine = _mine(claim)
        if mine.read is None:
            return b""
        return canonical.normalise_path(mine.read.path) if mine.rules.normalise else mine.read.path

    def derive(self, key: Key, scope: Scope) -> bytes:
        """Derive the signing key of a scope."""
        return canonical.signing_key(key.secret, scope)

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        """Sign in a header, or in the query where the option `expires` is given. Raises ValueError."""
        return sign(request, credentials, signing)


def _mine(claim: Claim) -> SigV4Claim:
    if not isinstance(claim, SigV4Claim):
        raise TypeError("a claim of another scheme")
    return claim


def read_string_to_sign(subject: StringToSignSubject) -> SigV4Claim:
    """Read a string to sign against the credential that came with it.

    Four lines, no more: a chunk's or a trailer's string has another algorithm line and other lines. A presigned request's
    string has the same shape as a header's, so `valid_for` is the caller's word.

    Raises:
        Refusal: MALFORMED.
    """
    key_id, scope = read_credential(subject.credential, facts.TERMINATOR)
    lines = subject.string_to_sign.split(b"\n")
    if len(lines) != 4 or lines[0] != facts.ALGORITHM:
        raise Refusal(Reason.MALFORMED, f"string to sign: must be four lines, the first of them {facts.ALGORITHM.decode()}")
    signed_time = encoding.read_iso_basic(lines[1])
    if signed_time is None:
        raise Refusal(Reason.MALFORMED, "string to sign: the time must be YYYYMMDDTHHMMSSZ")
    if lines[2] != scope.text().encode("ascii") or scope.date.encode("ascii") != lines[1][:8]:
        raise Refusal(Reason.MALFORMED, "string to sign: the scope is not the credential's, or not of the stated day")
    if not encoding.is_sha256_hex(lines[3]):
        raise Refusal(Reason.MALFORMED, "string to sign: the last line must be 64 lower-case hex digits")
    if not facts.SIGNATURE.fullmatch(subject.signature):
        raise Refusal(Reason.MALFORMED, "signature: must be 64 lower-case hex digits")
    if subject.valid_for is not None and not 1 <= subject.valid_for <= facts.MAX_EXPIRES:
        raise Refusal(Reason.MALFORMED, f"valid_for: must be 1 to {facts.MAX_EXPIRES} seconds")
    return SigV4Claim(
        scheme=facts.NAME,
        key_id=key_id,
        scope=scope,
        signed_time=signed_time,
        valid_for=subject.valid_for,
        coverage=Coverage(),
        signature=subject.signature,
        security_token=subject.security_token,
        timestamp=lines[1],
        presigned=subject.valid_for is not None,
        rules=facts.GENERAL_RULES,
        stated=subject.string_to_sign,
    )


def _same_security_token(key: Key, presented: bytes | None) -> bool:
    if key.security_token_sha256 is None or presented is None:
        return key.security_token_sha256 is None and presented is None
    return compare.same(key.security_token_sha256, hashlib.sha256(presented).digest())


def _check_body(stated: bytes, request: HttpRequest) -> PayloadDuty:
    sha256 = request.content_sha256
    if request.content is not None:
        sha256 = hashlib.sha256(request.content).digest()
    wanted = bytes.fromhex(stated.decode("ascii"))
    if sha256 is None:
        return BodySha256(sha256=wanted)
    if not compare.same(wanted, sha256):
        raise Refusal(Reason.PAYLOAD_MISMATCH, "the body does not hash to the signed x-amz-content-sha256")
    return AlreadyChecked()
