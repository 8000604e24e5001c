"""What the suite has to know about a scheme: how it is put to use. The checks themselves know no scheme by name."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from counterseal.core.model import Claim, Demand, HttpRequest, Key, StringToSignSubject, Window
from counterseal.core.schemes.base import Credentials, Scheme, Signing


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key as it is registered, and what its holder signs with.

    `stranger` has the same key id and kind as `credentials`, and other material: what it signs must not match.
    """

    key: Key
    credentials: Credentials
    stranger: Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A request to sign, by whom, with which options of the scheme's `sign`, and what a gateway demands of it.

    Give it a path of a few plain segments, a query, some headers of a few bytes each and a body, as far as the scheme signs
    them. `demand` is the least that verifies: webhooks name no key, so theirs holds the `key_id`. `in_body`: signing puts the
    signature into the body, a form's; the body and the fields that describe it are then others than those of `request`.
    """

    name: str
    request: HttpRequest
    signer: Signer
    options: dict[str, str] = field(default_factory=dict)
    demand: Demand = field(default_factory=Demand)
    in_body: bool = False


# Whether two signed requests say the same in the scheme's own terms, although they are spelled differently.
Same = Callable[[HttpRequest, HttpRequest], bool]
# The string to sign of a signed request, from its claim: what a gateway that canonicalises by itself would send.
ToStringSubject = Callable[[HttpRequest, Claim], StringToSignSubject]


# The signature as it is spelled in a signed request.
SignatureText = Callable[[HttpRequest], bytes]


def never_same(one: HttpRequest, other: HttpRequest) -> bool:  # noqa: ARG001
    """Say that the scheme has no two spellings of one thing beyond those of HTTP itself (see `meaning.py`)."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeCase:
    """A scheme, and samples that exercise all of it: every form, every algorithm, every kind of key.

    `now` is in Unix seconds, the time at which samples are signed. `same` names the scheme's own equivalences, each of which
    needs a reason in its specification. `signature_text` is needed only where `Claim.signature` is not what stands in the
    request in some usual spelling. `string_subject` None: the scheme takes whole requests only.
    """

    scheme: Scheme
    samples: tuple[Sample, ...]
    now: int = 1_790_000_000
    window: Window = field(default_factory=Window)
    same: Same = never_same
    signature_text: SignatureText | None = None
    string_subject: ToStringSubject | None = None

    def sign(self, sample: Sample, credentials: Credentials | None = None, *, now: int | None = None) -> HttpRequest:
        """Return the sample signed, by its own signer unless others are given.

        Raises:
            ValueError: the scheme does not sign with these credentials.
        """
        signing = Signing(now=self.now if now is None else now, options=sample.options)
        return self.scheme.sign(sample.request, credentials or sample.signer.credentials, signing)


def symmetric_signer(
    scheme: str,
    *,
    key_id: str = "CONFORMANCE0001",
    secret: bytes = b"conformance: the secret of the holder",
    stranger: bytes = b"conformance: the secret of somebody else",
) -> Signer:
    """Return a signer with a shared secret whose key allows this scheme."""
    from counterseal.core.model import KeyState

    key = Key(key_id=key_id, tenant="conformance", secret=secret, allowed_schemes=frozenset({scheme}), state=KeyState.ACTIVE)
    credentials = Credentials(key_id=key_id, secret=secret)
    return Signer(key=key, credentials=credentials, stranger=replace(credentials, secret=stranger))


def public_signer(
    scheme: str, *, algorithm: str, private_key: bytes, stranger: bytes, key_id: str = "CONFORMANCE0002"
) -> Signer:
    """Return a signer with a key pair. `private_key` and `stranger` are two private keys of one algorithm (PKCS#8)."""
    from counterseal.core.asymmetric import public_of
    from counterseal.core.model import KeyState

    key = Key(
        key_id=key_id,
        tenant="conformance",
        secret=b"",
        allowed_schemes=frozenset({scheme}),
        state=KeyState.ACTIVE,
        public_key=public_of(private_key, algorithm),
    )
    credentials = Credentials(key_id=key_id, private_key=private_key)
    return Signer(key=key, credentials=credentials, stranger=replace(credentials, private_key=stranger))
