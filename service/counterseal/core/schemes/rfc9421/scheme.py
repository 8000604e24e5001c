"""The scheme as `core/verify.py` uses it."""

from collections.abc import Mapping
from types import MappingProxyType

from counterseal.core.http import ReadRequest
from counterseal.core.model import Claim, Demand, Derive, HttpRequest, Key, KeyKind, Subject
from counterseal.core.payload import LeftToCaller, PayloadDuty
from counterseal.core.schemes.base import Credentials, SchemeDefaults, Signing
from counterseal.core.schemes.rfc9421 import claim as reading
from counterseal.core.schemes.rfc9421 import facts
from counterseal.core.schemes.rfc9421.coverage import check_coverage
from counterseal.core.schemes.rfc9421.digests import body_duty
from counterseal.core.schemes.rfc9421.facts import Rfc9421Claim
from counterseal.core.schemes.rfc9421.matching import matches
from counterseal.core.schemes.rfc9421.sign import sign


class Rfc9421(SchemeDefaults):
    """HTTP Message Signatures of requests (RFC 9421), with every algorithm of its registry."""

    name: str = facts.NAME
    title: str = "HTTP Message Signatures (RFC 9421)"
    key_kinds: frozenset[KeyKind] = frozenset({KeyKind.SYMMETRIC, KeyKind.PUBLIC})

    def __init__(self, structured_fields: Mapping[str, str] = facts.STRUCTURED_FIELDS) -> None:
        """`structured_fields`: what may be covered with `;sf`: `item`, `list` or `dictionary` by lower-case field name.

        Raises:
            ValueError: there is no such type.
        """
        if not facts.TYPES.issuperset(structured_fields.values()):
            raise ValueError(f"structured_fields: must be one of {', '.join(sorted(facts.TYPES))} each")
        self.structured_fields: Mapping[str, str] = MappingProxyType(dict(structured_fields))

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether there is a Signature-Input, or a Signature with labels."""
        return reading.recognises(request)

    def read(self, request: ReadRequest, demand: Demand) -> Rfc9421Claim:
        """Read the claim of the signature that the demand chooses. Raises Refusal: MALFORMED, AMBIGUOUS, UNSUPPORTED_SCHEME."""
        return reading.read_signed(request, demand, self.structured_fields)

    def check_coverage(self, claim: Claim, demand: Demand) -> None:
        """Check that what is demanded, or the safe default, is covered. Raises Refusal: NOT_COVERED."""
        check_coverage(_mine(claim), demand)

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:  # noqa: ARG002 - the key itself signs
        """Compute and compare the signature; an `alg` that is not the key's never matches."""
        return matches(_mine(claim), key)

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        """Check the body against the covered digests as far as it was sent. Raises Refusal: PAYLOAD_MISMATCH."""
        return body_duty(_mine(claim), subject) if isinstance(subject, HttpRequest) else LeftToCaller()

    def verified_path(self, claim: Claim) -> bytes:
        """Return the path that the signature covers."""
        return _mine(claim).path if claim.coverage.path else b""

    def single_use(self, claim: Claim) -> bytes:
        """Return the nonce, which is signed wherever it is given; without one, the signature base.

        The signature's bytes will not do: ECDSA has two for each one, RSA-PSS any number.
        """
        mine = _mine(claim)
        return b"nonce:" + mine.nonce.encode("ascii") if mine.nonce else b"base:" + mine.base

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        """Sign, adding Signature-Input and Signature, and Content-Digest where there is a body. Raises ValueError."""
        return sign(request, credentials, signing, self.structured_fields)


def _mine(claim: Claim) -> Rfc9421Claim:
    if not isinstance(claim, Rfc9421Claim):
        raise TypeError("a claim of another scheme")
    return claim
