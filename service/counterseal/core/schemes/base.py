"""What a scheme has to offer. The steps are numbered in `core/verify.py`; a scheme fills them in and decides no order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from counterseal.core.http import ReadRequest
from counterseal.core.model import (
    Claim,
    Demand,
    Derive,
    HttpRequest,
    Key,
    KeyKind,
    Reason,
    Refusal,
    Scope,
    StringToSignSubject,
    Subject,
)
from counterseal.core.payload import PayloadDuty


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a client signs with: a secret, or a private key (PKCS#8, PEM or DER). The other one is empty."""

    key_id: str
    secret: bytes = field(default=b"", repr=False)
    private_key: bytes = field(default=b"", repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How to sign: the time in Unix seconds, and what the scheme lets a signer choose, by name (`region`, `expires`, ...)."""

    now: int
    options: Mapping[str, str] = field(default_factory=dict)

    def take(self, **defaults: str) -> dict[str, str]:
        """Return every option that `defaults` names, given or by default.

        Raises:
            ValueError: an option was given that the scheme does not have; the text names it.
        """
        unknown = sorted(self.options.keys() - defaults.keys())
        if unknown:
            known = ", ".join(sorted(defaults)) or "none"
            raise ValueError(f"option {unknown[0]}: not known to this scheme, which has: {known}")
        return {**defaults, **self.options}


class Scheme(Protocol):
    """One way to sign. Implementations are stateless: what they learn about a request is in the claim that they return.

    `title` is one line for people. `key_kinds` are the kinds of key that verify. `timeless` says that a signature may come
    without a time: then nothing bounds its age but an end that it states (`Claim.expires`), if it states one. `names_key` says
    that a request names its key; where it is false, the caller has to demand one (webhooks). `reads_forms`: a signature may
    stand in a posted form, so in the body.
    """

    name: str
    title: str
    key_kinds: frozenset[KeyKind]
    timeless: bool
    names_key: bool
    reads_forms: bool

    def recognises(self, request: ReadRequest) -> bool:
        """Say whether the request tries to carry a signature of this scheme. Never true for another scheme's exact name."""

    def read(self, request: ReadRequest, demand: Demand) -> Claim:
        """Read the claim out of a request that `recognises` said yes to. The demand chooses among several signatures.

        Raises:
            Refusal: MALFORMED, AMBIGUOUS or UNSUPPORTED_SCHEME.
        """

    def read_string_to_sign(self, subject: StringToSignSubject) -> Claim:
        """Read the claim out of a string to sign and its credential.

        Raises:
            Refusal: MALFORMED; UNSUPPORTED_SCHEME for a scheme that has no such form.
        """

    def check_coverage(self, claim: Claim, demand: Demand) -> None:
        """Check that all that the scheme requires to be signed is signed. `demand.required_headers` are checked elsewhere.

        Raises:
            Refusal: NOT_COVERED, naming what is not; BODY_REQUIRED when the signature covers a body that was not sent along.
        """

    def matches(self, claim: Claim, key: Key, derive: Derive) -> bool:
        """Compute the signature and compare it, and the security token, in constant time.

        `key` is of a kind in `key_kinds`, or the dummy that stands in for an unknown key; its secret is long enough, where it
        is symmetric and real.
        """

    def payload_duty(self, claim: Claim, subject: Subject) -> PayloadDuty:
        """Check the body as far as it was sent, and say what is left to check.

        Raises:
            Refusal: PAYLOAD_MISMATCH.
        """

    def verified_path(self, claim: Claim) -> bytes:
        """Return the path that the signature covers, still percent-encoded; empty when it covers none."""

    def single_use(self, claim: Claim) -> bytes:
        """Return what a captured request cannot change and still verify: by this a replay is told.

        It is the signer's nonce, where there is one and it is signed; otherwise what was signed, or the signature where that is
        the only right one. Never a signature of which anybody makes another (ECDSA), or of which the signer makes many.
        """

    def is_reusable(self, claim: Claim) -> bool:
        """Say whether the signature was made to be used more than once: presigned requests and forms are."""

    def derive(self, key: Key, scope: Scope) -> bytes:
        """Derive the signing key of a scope from the key's secret. Only called with scopes that name this scheme."""

    def sign(self, request: HttpRequest, credentials: Credentials, signing: Signing) -> HttpRequest:
        """Return the request with its signature: fields added, or another target. For clients; the verifier never uses this.

        Raises:
            ValueError: the request cannot be signed so, the credentials are of the wrong kind, or an option is unknown or out
                of range; the text names it. What is returned, the scheme's own reader reads.
        """


class SchemeDefaults:
    """What most schemes have in common; a scheme may inherit it, and overrides what differs."""

    name: str
    key_kinds: frozenset[KeyKind] = frozenset({KeyKind.SYMMETRIC})
    timeless: bool = False
    names_key: bool = True
    reads_forms: bool = False

    def read_string_to_sign(self, subject: StringToSignSubject) -> Claim:
        """Refuse: the scheme has no string to sign that a gateway could send in place of the request."""
        raise Refusal(Reason.UNSUPPORTED_SCHEME, f"{subject.scheme}: only takes whole requests")

    def single_use(self, claim: Claim) -> bytes:
        """Return the signature. Right for MACs that are read in one spelling only, and for nothing else."""
        return claim.signature

    def is_reusable(self, claim: Claim) -> bool:
        """Say whether the request states for itself how long, or until when, it is good, rather than when it was signed."""
        return claim.valid_for is not None or (claim.signed_time is None and claim.expires is not None)

    def derive(self, key: Key, scope: Scope) -> bytes:  # noqa: ARG002
        """Derive nothing: the scheme signs with the secret itself.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{self.name}: derives no signing keys")
