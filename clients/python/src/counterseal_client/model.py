"""What goes in and what comes out of a verifier. Plain data; no protobuf message appears here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from counterseal.core import payload
from counterseal.core.body.chain import ECDSA_CHUNKS, ECDSA_KEY
from counterseal.core.model import PublicKey
from counterseal.core.payload import PayloadDuty

# The reason of a `Rejected` that this client made itself, from an answer that it does not understand.
NOT_UNDERSTOOD = "NOT_UNDERSTOOD"
# The service's reason that is an invitation: ask again, with the body or its hash.
BODY_REQUIRED = "BODY_REQUIRED"
# The scheme of bearer tokens: it covers nothing of the request.
BEARER = "bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request exactly as it arrived, before any decoding, normalising or merging.

    `target` is the request-target as on the wire (path and query, percent-encoded). `headers` holds every field in arrival
    order, repeats kept; an HTTP/2 `:authority` goes in as `host`. `content` is the whole body (empty: there is none),
    `content_sha256` its 32-byte hash; both None when the gateway streams, and the payload duty then says what to check.
    `trailers` are the fields that came after the body, where it was read to its end.
    """

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)
    content_sha256: bytes | None = None
    scheme: str = ""
    source_address: str = ""
    trailers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is required beyond a matching signature. Empty tuples and texts demand nothing; they never widen what a key may do.

    `key_id` is the key that must have signed: webhooks name none, so for them it has to be given. `label`, `tag` and
    `required_components` are about HTTP Message Signatures (RFC 9421); components are written as a signature lists them, e.g.
    `"@method"`, quotes included, and replace the scheme's own default.
    """

    allowed_schemes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    required_headers: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    key_id: str = ""
    label: str = ""
    tag: str = ""
    required_components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where the signature is good, as signed: UTC day (`YYYYMMDD`), region, service."""

    date: str
    region: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the signature covers. Header fields not named in `headers` (lower case) may have been added by anyone.

    `components` are RFC 9421's, as the signature lists them; empty for other schemes.
    """

    headers: tuple[str, ...]
    method: bool
    path: bool
    query: bool
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Who signed the request.

    `payload_duty` says what is left to check about the body: it is the gateway's to enforce. `verified_path` is the path that
    the signature covers, still percent-encoded: the upstream must be given this one, not the one that arrived. The times are
    None for schemes without one: nothing bounds the age of such a signature. `session_id`: the session that the key ends with;
    empty for a key that was issued by itself.
    """

    key_id: str
    principal: str
    tenant: str
    labels: Mapping[str, str]
    scheme: str
    scope: Scope | None
    signed_time: datetime | None
    valid_until_time: datetime | None
    coverage: Coverage
    payload_duty: PayloadDuty
    verified_path: bytes
    session_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The request is refused.

    `reason` is the name of the service's reason (`MISMATCH`, `TOO_OLD`, ...) and `detail` explains it, both for the gateway's
    own log. `code`, `http_status` and `message` are what may be shown to whoever sent the request; `headers` are to be sent
    along (`accept-signature` or `www-authenticate` with a 401, mostly none).
    """

    reason: str
    detail: str
    code: str
    http_status: int
    message: str
    server_time: datetime | None = None
    allowed_skew: timedelta | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


Verdict = Verified | Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSigned(payload.ChunkSigned):
    """The duty of a body in signed chunks, with what it takes to have them verified.

    `continuation` is what the first `verify_chunks` continues from; empty from a service that has no such call. `signing_key`
    is there only when it was leased: the derived key of the scope, 32 bytes, or for ECDSA a DER SubjectPublicKeyInfo. The
    derived key signs for the scope's whole day: keep it for this request alone, and out of logs.
    """

    continuation: bytes = field(default=b"", repr=False)
    signing_key: bytes = field(default=b"", repr=False)

    @property
    def key(self) -> bytes | PublicKey | None:
        """The leased key as `counterseal.core.body.BodyVerifier` takes it, None when none was leased."""
        if not self.signing_key or self.algorithm != ECDSA_CHUNKS:
            return self.signing_key or None
        return PublicKey(algorithm=ECDSA_KEY, spki=self.signing_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksVerified:
    """The chain of chunks holds up to here: what was sent along may be handed on.

    `continuation` is what the next `verify_chunks` continues from. `complete`: the last chunk, and the trailer if one was
    announced, are verified. A body that ends where it is false was cut short.
    """

    continuation: bytes = field(repr=False)
    complete: bool
