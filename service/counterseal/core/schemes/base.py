"""What a scheme has to offer. The steps are numbered in `core/verify.py`; a scheme fills them in and decides no order."""

from typing import Protocol

from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim, Derive, Key, Scope, StringToSignSubject, Subject
from counterseal.core.payload import PayloadDuty


class Scheme(Protocol):
    """One way to sign. Implementations are stateless: what they learn about a request is in the claim that they return."""

    name: str

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether the request tries to carry a signature of this scheme. Never true for another scheme's exact name."""

    def read(self, request: ReadRequest) -> Claim:
        """Read the claim out of a request that `recognises` said yes to.

        Raises:
            Refusal: MALFORMED or AMBIGUOUS.
        """

    def read_string_to_sign(self, subject: StringToSignSubject) -> Claim:
        """Read the claim out of a string to sign and its credential.

        Raises:
            Refusal: MALFORMED.
        """

    def check_coverage(self, claim: Claim) -> None:
        """Check that all that the scheme requires to be signed is signed.

        Raises:
            Refusal: NOT_COVERED, naming what is not; BODY_REQUIRED when the signature covers a body that was not sent along.
        """

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:
        """Compute the signature and compare it, and the security token, in constant time."""

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        """Check the body as far as it was sent, and say what is left to check.

        Raises:
            Refusal: PAYLOAD_MISMATCH.
        """

    def verified_path(self, claim: Claim) -> bytes:
        """Return the path that the signature covers, still percent-encoded; empty when the scheme did not see one."""

    def derive(self, key: Key, scope: Scope) -> bytes:
        """Derive the signing key of a scope from the key's secret."""
