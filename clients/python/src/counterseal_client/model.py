"""What goes in and what comes out of a verifier. Plain data; no protobuf message appears here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from counterseal.core.payload import PayloadDuty

# The reason of a `Rejected` that this client made itself, from an answer that it does not understand.
NOT_UNDERSTOOD = "NOT_UNDERSTOOD"
# The service's reason that is an invitation: ask again, with the body or its hash.
BODY_REQUIRED = "BODY_REQUIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request exactly as it arrived, before any decoding, normalising or merging.

    `target` is the request-target as on the wire (path and query, percent-encoded). `headers` holds every field in arrival
    order, repeats kept; an HTTP/2 `:authority` goes in as `host`. `content` is the whole body (empty: there is none),
    `content_sha256` its 32-byte hash; both None when the gateway streams, and the payload duty then says what to check.
    """

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)
    content_sha256: bytes | None = None
    scheme: str = ""
    source_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is required beyond a matching signature. Empty tuples demand nothing; they never widen what a key may do."""

    allowed_schemes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    required_headers: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where the signature is good, as signed: UTC day (`YYYYMMDD`), region, service."""

    date: str
    region: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the signature covers. Header fields not named in `headers` (lower case) may have been added by anyone."""

    headers: tuple[str, ...]
    method: bool
    path: bool
    query: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Who signed the request.

    `payload_duty` says what is left to check about the body: it is the gateway's to enforce. `verified_path` is the path that
    the signature covers, still percent-encoded: the upstream must be given this one, not the one that arrived.
    """

    key_id: str
    principal: str
    tenant: str
    labels: Mapping[str, str]
    scheme: str
    scope: Scope | None
    signed_time: datetime
    valid_until_time: datetime
    coverage: Coverage
    payload_duty: PayloadDuty
    verified_path: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The request is refused.

    `reason` is the name of the service's reason (`MISMATCH`, `TOO_OLD`, ...) and `detail` explains it, both for the gateway's
    own log. `code`, `http_status` and `message` are what may be shown to whoever sent the request.
    """

    reason: str
    detail: str
    code: str
    http_status: int
    message: str
    server_time: datetime | None = None
    allowed_skew: timedelta | None = None


Verdict = Verified | Rejected
