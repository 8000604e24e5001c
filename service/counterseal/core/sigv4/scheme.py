"""A family as `core/verify.py` uses it: as a scheme."""

import hashlib

from counterseal.core import compare
from counterseal.core.http import ReadRequest
from counterseal.core.model import (
    Claim,
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
from counterseal.core.sigv4 import canonical, stated, streaming
from counterseal.core.sigv4 import claim as reading
from counterseal.core.sigv4.coverage import check_coverage
from counterseal.core.sigv4.facts import SigV4Claim
from counterseal.core.sigv4.family import UNSIGNED, Family
from counterseal.core.sigv4.sign import sign


class FamilyScheme(SchemeDefaults):
    """The scheme of a family: signatures in a header and, where the family has them, in the query."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.name: str = family.name
        self.title: str = family.title

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether header or query try to carry this scheme's signature."""
        return reading.in_header(self.family, request) or reading.is_own_query(self.family, request)

    def read(self, request: ReadRequest, demand: Demand) -> SigV4Claim:  # noqa: ARG002 - a request has one signature
        """Read the claim. Raises Refusal: MALFORMED or AMBIGUOUS."""
        return reading.read_signed(self.family, request)

    def read_string_to_sign(self, subject: StringToSignSubject) -> SigV4Claim:
        """Read the claim of a string to sign. Raises Refusal: MALFORMED."""
        return stated.read_string_to_sign(self.family, subject)

    def check_coverage(self, claim: Claim, demand: Demand) -> None:  # noqa: ARG002
        """Check that host, the time, the family's own headers and, where a service wants it, the payload are signed."""
        check_coverage(_mine(claim))

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:
        """Compute and compare the signature; the security token must be the key's, and absent when the key has none."""
        mine = _mine(claim)
        text = _signed_text(mine)
        derived = derive(key, self.family.key_scope or canonical.scope_of(mine))
        return self.family.kind.matches(derived, text, mine.signature) and compare.same_security_token(key, mine.security_token)

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        """Check the body as far as it was sent. Raises Refusal: PAYLOAD_MISMATCH."""
        mine = _mine(claim)
        if isinstance(subject, StringToSignSubject) or mine.read is None:
            return LeftToCaller()
        if mine.payload is None:
            return AlreadyChecked()  # The body's own hash stood in the canonical request that matched.
        if mine.payload == UNSIGNED:
            return Unsigned()
        stream = self.family.streams.get(mine.payload)
        if stream is not None:
            return streaming.duty(mine, stream, mine.read, canonical.scope_of(mine).text())
        return _check_body(mine, mine.payload, subject)

    def verified_path(self, claim: Claim) -> bytes:
        """Return the path that the signature covers."""
        mine = _mine(claim)
        if mine.read is None:
            return b""
        return canonical.normalise_path(mine.read.path) if mine.rules.normalise else mine.read.path

    def single_use(self, claim: Claim) -> bytes:
        """Return the signature, in hex; where the kind has several for one text, the string to sign."""
        mine = _mine(claim)
        return mine.signature if self.family.kind.only_one else _signed_text(mine)

    def derive(self, key: Key, scope: Scope) -> bytes:
        """Derive what verifies the signatures of a scope: an HMAC key, or a public key in DER."""
        return self.family.kind.derive(key.key_id, key.secret, scope)

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        """Sign in a header, or in the query where the option `expires` is given. Raises ValueError."""
        return sign(self.family, request, credentials, signing)


def _mine(claim: Claim) -> SigV4Claim:
    if not isinstance(claim, SigV4Claim):
        raise TypeError("a claim of another scheme")
    return claim


def _signed_text(claim: SigV4Claim) -> bytes:
    if claim.stated is not None:
        return claim.stated
    return canonical.string_to_sign(claim, canonical.canonical_request(claim))


def _check_body(claim: SigV4Claim, stated_hash: bytes, request: HttpRequest) -> PayloadDuty:
    sha256 = request.content_sha256
    if request.content is not None:
        sha256 = hashlib.sha256(request.content).digest()
    wanted = bytes.fromhex(stated_hash.decode("ascii"))
    if sha256 is None:
        return BodySha256(sha256=wanted)
    if not compare.same(wanted, sha256):
        name = claim.family.content_sha256_header.decode()
        raise Refusal(Reason.PAYLOAD_MISMATCH, f"the body does not hash to the signed {name}")
    return AlreadyChecked()
