"""A dialect of draft-cavage as a scheme."""

import hashlib
from typing import Final

from counterseal.core import digest, http
from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim, Demand, Derive, HttpRequest, Key, Reason, Refusal, Subject
from counterseal.core.payload import AlreadyChecked, BodySha256, PayloadDuty, Unsigned
from counterseal.core.schemes.base import Credentials, SchemeDefaults, Signing
from counterseal.core.schemes.cavage import facts, reading
from counterseal.core.schemes.cavage.facts import CavageClaim, Dialect
from counterseal.core.schemes.cavage.matching import matches
from counterseal.core.schemes.cavage.signing import sign

_EMPTY_SHA256: Final = hashlib.sha256(b"").digest()


class Cavage(SchemeDefaults):
    """Verifies HTTP signatures of one dialect. The stored key fixes the kind and, where it is public, the algorithm."""

    def __init__(self, name: str, dialect: Dialect) -> None:
        self.name = name
        self.title = dialect.title
        self.dialect = dialect
        self.key_kinds = dialect.key_kinds

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether the request tries to carry a signature of this dialect."""
        return reading.recognises(request, self.dialect)

    def read(self, request: ReadRequest, demand: Demand) -> CavageClaim:  # noqa: ARG002 - there is one signature to choose
        """Read the claim. Raises Refusal: MALFORMED, AMBIGUOUS or UNSUPPORTED_SCHEME."""
        return reading.read_claim(self.name, request, self.dialect)

    def check_coverage(self, claim: Claim, demand: Demand) -> None:  # noqa: ARG002 - demanded headers are checked elsewhere
        """Check that target, required fields and time are signed, and the body where there is one.

        Not checked: `content-type` and other fields that change what an upstream does; callers demand those by name.

        Raises:
            Refusal: NOT_COVERED, naming what is not.
        """
        check_coverage(_mine(claim), self.dialect)

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:  # noqa: ARG002 - nothing is derived
        """Compute and compare, or verify with the public key. The algorithm that the message names never chooses a kind."""
        return matches(_mine(claim), key)

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        """Check the body against the signed digests; without any, it has to be empty. Raises Refusal: PAYLOAD_MISMATCH."""
        mine = _mine(claim)
        if not isinstance(subject, HttpRequest):
            raise TypeError("a subject of another kind")
        if mine.digests:
            return digest.body_duty(mine.digests, subject)
        if self.dialect.unsigned_body:
            return Unsigned()
        # Coverage was checked: as far as the request tells, there is no body. Where it does not tell, the gateway looks.
        if subject.content is not None or subject.content_sha256 is not None:
            return AlreadyChecked()
        return BodySha256(sha256=_EMPTY_SHA256)

    def verified_path(self, claim: Claim) -> bytes:
        """Return the path that the signature covers."""
        mine = _mine(claim)
        return mine.read.path if mine.coverage.path else b""

    def single_use(self, claim: Claim) -> bytes:
        """Return the string to sign: an ECDSA signature has a twin. Of two strings the first stands for both."""
        return _mine(claim).strings[0]

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        """Sign, in `Authorization` or, with the option `field`, in `Signature`. Raises ValueError."""
        signed = sign(request, credentials, signing, self.dialect)
        try:
            # Nothing leaves here that the reader would refuse.
            check_coverage(reading.read_claim(self.name, http.read_request(signed), self.dialect), self.dialect)
        except Refusal as refusal:
            raise ValueError(refusal.detail) from None
        return signed


def check_coverage(claim: CavageClaim, dialect: Dialect) -> None:
    """Check what a dialect requires to be signed. Raises Refusal: NOT_COVERED."""
    if not claim.coverage.method:
        raise Refusal(Reason.NOT_COVERED, f"{min(dialect.targets).decode()}: not signed")
    missing = dialect.required_headers.difference(claim.listed)
    if missing:
        raise Refusal(Reason.NOT_COVERED, f"header {min(missing).decode()}: not signed")
    if facts.CREATED not in claim.listed and not any(name in claim.listed for name in dialect.time_headers):
        raise Refusal(Reason.NOT_COVERED, "the time: not signed")
    if claim.has_body and not claim.digests and not dialect.unsigned_body:
        raise Refusal(Reason.NOT_COVERED, "header digest: there is a body, and it is not signed")


def _mine(claim: Claim) -> CavageClaim:
    if not isinstance(claim, CavageClaim):
        raise TypeError("a claim of another scheme")
    return claim
