"""The data that verification works on. Everything is frozen; a verdict is a value, never an exception."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.payload import PayloadDuty
from counterseal.core.policy import NO_POLICY, KeyPolicy

# A secret shorter than this never verifies, wherever it came from: an empty HMAC key makes forging trivial
# (CVE-2026-49852, CVE-2026-45363).
MIN_SECRET_BYTES: Final = 16


def is_enough_secret(secret: bytes) -> bool:
    """Say whether there is enough of a secret to verify with. NULs at the end do not count.

    HMAC fills short keys up with NUL (RFC 2104 section 2), so they add nothing: sixteen of them are no secret.
    """
    return len(secret.rstrip(b"\x00")) >= MIN_SECRET_BYTES


class KeyKind(enum.Enum):
    """What a key is made of. Kinds never cross: a public key is never taken for an HMAC secret (CVE-2022-29217)."""

    SYMMETRIC = "SYMMETRIC"
    PUBLIC = "PUBLIC"
    # A bearer token, of which only the hash is known.
    BEARER = "BEARER"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A registered public key. `spki` is its DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).

    `algorithm` is fixed when the key is registered, as a name of RFC 9421's registry, e.g. `ed25519`: the message never
    chooses it. `core/asymmetric.py` lists the names.
    """

    algorithm: str
    spki: bytes


class Reason(enum.Enum):
    """Why a request is refused, in the order in which reasons are looked for. Values are the wire names."""

    UNSIGNED = "UNSIGNED"
    MALFORMED = "MALFORMED"
    AMBIGUOUS = "AMBIGUOUS"
    UNSUPPORTED_SCHEME = "UNSUPPORTED_SCHEME"
    TOO_OLD = "TOO_OLD"
    TOO_NEW = "TOO_NEW"
    NOT_COVERED = "NOT_COVERED"
    BODY_REQUIRED = "BODY_REQUIRED"
    THROTTLED = "THROTTLED"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    MISMATCH = "MISMATCH"
    KEY_DISABLED = "KEY_DISABLED"
    KEY_REVOKED = "KEY_REVOKED"
    KEY_EXPIRED = "KEY_EXPIRED"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    PAYLOAD_MISMATCH = "PAYLOAD_MISMATCH"
    REPLAYED = "REPLAYED"


class KeyState(enum.Enum):
    """The states of a key. Only ACTIVE verifies."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request exactly as it arrived.

    `headers` holds every field in arrival order with names in lower case; an HTTP/2 `:authority` goes in as `host`.
    `content` is the whole body (empty: there is none), `content_sha256` its 32-byte hash; both None: the caller streams it.
    `trailers` are the fields that came after the body, like `headers`; empty: none, or not known.
    """

    method: bytes
    # A presigned URL is as good as a credential, so it is not shown either.
    target: bytes = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)
    content_sha256: bytes | None = None
    scheme: str = ""
    source_address: str = ""
    trailers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StringToSignSubject:
    """A string to sign and its signature, as a gateway took them out of a request.

    Host, path, query, headers and body are *not* checked for such a subject: the gateway vouches for them.
    `valid_for` is the validity in whole seconds that a presigned request states; None for a header signature.
    """

    scheme: str
    credential: bytes
    string_to_sign: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    security_token: bytes | None = field(default=None, repr=False)
    valid_for: int | None = None
    source_address: str = ""


Subject = HttpRequest | StringToSignSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the caller requires. Empty sets and texts demand nothing; they never widen what a key may do.

    `required_headers` holds lower-case names. `tenants` None means any tenant; an empty set means none at all. `key_id` is the
    key that must have signed: webhooks name none, so their schemes verify with this one. `label`, `tag` and
    `required_components` choose among the signatures of a message and say what they must cover (RFC 9421); components are
    written as in a signature's own list, e.g. `"@method"` or `"content-digest"`, quotes included.
    """

    allowed_schemes: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    required_headers: frozenset[bytes] = frozenset()
    tenants: frozenset[str] | None = None
    key_id: str = ""
    label: str = ""
    tag: str = ""
    required_components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a signature is good: UTC day (`YYYYMMDD`), region and service, as signed. `scheme` is the scheme that reads it.

    A scheme whose scopes have other parts leaves the ones that it does not have empty.
    """

    date: str
    region: str
    service: str
    terminator: str = "aws4_request"
    scheme: str = "aws-sigv4"

    def parts(self) -> tuple[str, ...]:
        """Return the parts that the scope has, in order."""
        return tuple(part for part in (self.date, self.region, self.service, self.terminator) if part)

    def text(self) -> str:
        """Return the scope as it stands in a string to sign: `date/region/service/terminator`, without absent parts."""
        if self.region:
            return f"{self.date}/{self.region}/{self.service}/{self.terminator}"
        return "/".join(self.parts())


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An opened key: the record with its material, as verification needs it. Times are Unix seconds.

    A key has a secret, a public key or the SHA-256 of a bearer token, one of them: `secret` is empty where another is set, so
    that no HMAC verifies.
    """

    key_id: str
    tenant: str
    secret: bytes = field(repr=False)
    allowed_schemes: frozenset[str]
    state: KeyState
    principal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    not_before: float | None = None
    expires: float | None = None
    security_token_sha256: bytes | None = field(default=None, repr=False)
    public_key: PublicKey | None = None
    policy: KeyPolicy = NO_POLICY
    # Counts from 1; 0 for a public key. `older` is the same key with the secret before, while a rotation lets it verify: until
    # `secret_end`, in Unix seconds, None for the newest.
    secret_version: int = 1
    secret_end: float | None = None
    older: "Key | None" = field(default=None, repr=False)
    bearer_sha256: bytes | None = field(default=None, repr=False)
    # The session that the key lives and ends with; empty for one that was issued by itself.
    session_id: str = ""

    @property
    def kind(self) -> KeyKind:
        """What the key is made of."""
        if self.public_key is not None:
            return KeyKind.PUBLIC
        return KeyKind.SYMMETRIC if self.bearer_sha256 is None else KeyKind.BEARER


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How far a stated time may be off the verifier's clock, in seconds, either way and inclusive."""

    skew: int = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the signature covers. `headers` are lower-case names in the order signed; `host` stands for the authority.

    `components` are RFC 9421 component identifiers as signed, e.g. `"@query-param";name="a"`; empty for other schemes.
    """

    headers: tuple[bytes, ...] = ()
    method: bool = False
    path: bool = False
    query: bool = False
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says about its own signature. Nothing in it is true before `conclude` says so.

    `signed_time` is in Unix seconds; None only for schemes that say that they are `timeless`. `valid_for` is the validity in
    seconds that the request states for itself (presigned requests); None: the verifier's window applies. `expires` is an end in
    Unix seconds that the request states; it only ever shortens. `region_set` are the regions, with wildcards, that a signature
    without a region in its scope is good for (SigV4A). Schemes extend this class with what they need to compute.
    """

    scheme: str
    key_id: str
    scope: Scope | None
    signed_time: int | None
    valid_for: int | None
    coverage: Coverage
    signature: bytes = field(repr=False)
    security_token: bytes | None = field(default=None, repr=False)
    expires: int | None = None
    region_set: tuple[str, ...] = ()
    # The signature stands in a posted form: it covers the form's policy, and neither method nor path.
    in_form: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The verdict: the signature matches and everything demanded holds.

    `signed_time` and `valid_until` are Unix seconds, None for schemes without a time. `verified_path` is the path that the
    signature covers, still percent-encoded: an upstream must be given this one (SeaweedFS CVE-2026-54917). It is empty for
    string-to-sign subjects and where no path is covered.
    """

    key: Key
    scheme: str
    scope: Scope | None
    signed_time: int | None
    valid_until: int | None
    coverage: Coverage
    payload_duty: PayloadDuty
    verified_path: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The verdict: refused. `detail` is safe to log and to hand to the caller; it never quotes values out of the request."""

    reason: Reason
    detail: str


Verdict = Verified | Rejected


class Refusal(Exception):
    """Raised by the readers inside `core` and turned into `Rejected` at its edge (`verify.py`). Never leaves `core`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


# Derives the signing key of a scope from a key, by the scheme that the scope names. `verify.conclude` takes one as argument so
# that a server can cache what it derives; it must return what the plain derivation of the scheme returns.
Derive = Callable[[Key, Scope], bytes]
