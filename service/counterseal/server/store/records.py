"""Keys as they are stored and administered. Secrets appear here only sealed."""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from counterseal.core.model import KeyKind, KeyState, PublicKey
from counterseal.core.policy import NO_POLICY, KeyPolicy
from counterseal.server.store.times import later

DEFAULT_TENANT: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key as administrators see it: everything but its secret. Times are timezone-aware UTC.

    `public_key` is None for a symmetric key.
    """

    key_id: str
    tenant: str
    principal: str
    description: str
    labels: Mapping[str, str]
    allowed_schemes: frozenset[str]
    state: KeyState
    not_before: dt.datetime | None
    expires: dt.datetime | None
    created: dt.datetime
    updated: dt.datetime
    revoked: dt.datetime | None
    revoke_reason: str
    etag: str
    has_security_token: bool
    public_key: PublicKey | None = None
    policy: KeyPolicy = NO_POLICY
    # When the current secret was made; None: with the key.
    secret_created: dt.datetime | None = None
    # The secret before, while it verifies.
    previous: "PreviousSecret | None" = None
    # Of the current secret; counts from 1.
    secret_version: int = 1
    # When secrets were last used, by version, as far as that was asked for.
    uses: Mapping[int, dt.datetime] = field(default_factory=dict)
    # A bearer token: what is sealed is its SHA-256.
    bearer: bool = False
    # The session that the key ends with; empty: none.
    session_id: str = ""

    @property
    def kind(self) -> KeyKind:
        """What the key is made of."""
        if self.bearer:
            return KeyKind.BEARER
        return KeyKind.SYMMETRIC if self.public_key is None else KeyKind.PUBLIC


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousSecret:
    """Which secret a rotated key had before, and until when that one verifies."""

    version: int
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueMark:
    """What lets a retried IssueKey find the key that the first attempt made.

    `fingerprint` is a SHA-256 over the draft without its secret and security token: the store never holds anything from which
    an imported secret could be guessed. `actor` is part of the mark, so that nobody fetches a secret with another's request id.
    """

    actor: str
    request_id: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key record with its sealed secret, as read from the database. `mark` is None for a key issued without a request id.

    The seal of a public key holds nothing: it only vouches for the record.
    """

    record: KeyRecord
    secret_version: int
    sealed_secret: bytes = field(repr=False)
    security_token_sha256: bytes | None = field(repr=False)
    mark: IssueMark | None = None
    # When the key was last changed as the audit trail knows it; None where it was not asked, or knows nothing.
    newest: dt.datetime | None = None
    # False: this stands for a row that makes no key. See `stand_ins.py`.
    readable: bool = True

    @property
    def put_back(self) -> bool:
        """Whether the row is older than the key's last change: somebody put it back as it was, with its own seal."""
        return self.newest is not None and self.record.updated < self.newest

    def next_update(self, now: dt.datetime) -> dt.datetime:
        """Return the time of a change at `now`: later than that of any change before, however the clocks of servers differ."""
        return later(now, self.record.updated, self.newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """How far the store has come: the number of the last change, and the newest hash of the audit chain, if there is one."""

    sequence: int
    hash: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to which key, and when. `detail` holds field names and public values, never a secret.

    `caller` names the caller that was changed, `principal_name` (with `tenant`) the principal, `session_id` the session; then
    there is no key id.
    """

    time: dt.datetime
    actor: str
    action: str
    key_id: str
    tenant: str
    request_id: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    caller: str = ""
    principal_name: str = ""
    session_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealSwap:
    """Replace the sealed secret `old` of a key by `new`, if it still is `old`."""

    key_id: str
    old: bytes = field(repr=False)
    new: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedMaterial:
    """An id and a secret brought along from elsewhere."""

    key_id: str
    secret: bytes = field(repr=False)
    security_token: str = field(default="", repr=False)


class Encoding(enum.Enum):
    """How a public key is written."""

    PEM = "pem"
    JWK = "jwk"
    RAW = "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedPublicKey:
    """A public key as somebody handed it over. An empty key id is generated; an empty algorithm is for the key to say."""

    text: bytes
    encoding: Encoding
    algorithm: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicMaterial:
    """An id and a public key, read and found good. An empty key id is generated."""

    key_id: str
    public_key: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerMaterial:
    """A bearer token, which is always generated: only so is its hash as good as a secret."""


# What making a key is called in the audit trail, by where its material came from.
IssueAction = Literal["issue", "import", "register"]
Material = ImportedMaterial | OfferedPublicKey | PublicMaterial | BearerMaterial


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDraft:
    """What to issue, as it came from the caller: limits are checked by the issuer."""

    tenant: str = DEFAULT_TENANT
    principal: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    allowed_schemes: frozenset[str] = frozenset()
    not_before: dt.datetime | None = None
    expires: dt.datetime | None = None
    material: Material | None = None
    request_id: str = ""
    policy: KeyPolicy = NO_POLICY
    # Set by the service alone, for keys of a session.
    session_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """An issued key. `secret` is the text for the client's configuration, or the bearer token; empty for imported ones."""

    record: KeyRecord
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyQuery:
    """Which keys to list. `tenants` None: every tenant; an empty set: none. `after`: the last key id of the page before."""

    page_size: int = 100
    after: str = ""
    tenants: frozenset[str] | None = None
    principal: str = ""
    state: KeyState | None = None
    # Reports. The times are exclusive; `now` is what has not expired is measured by.
    unused_since: dt.datetime | None = None
    expire_before: dt.datetime | None = None
    secret_created_before: dt.datetime | None = None
    now: dt.datetime | None = None

    @property
    def is_report(self) -> bool:
        """Whether this asks for what few keys meet and no index knows."""
        return not (self.unused_since is None and self.expire_before is None and self.secret_created_before is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPage:
    """One page, ascending by key id; of a report it may be empty. `next_after` empty: this was the last."""

    records: tuple[KeyRecord, ...]
    next_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """New values for the fields named in `mask` (names as in the proto's update mask). `etag` empty: not compared."""

    key_id: str
    etag: str
    mask: frozenset[str]
    principal: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    allowed_schemes: frozenset[str] = frozenset()
    state: KeyState | None = None
    not_before: dt.datetime | None = None
    expires: dt.datetime | None = None
    policy: KeyPolicy = NO_POLICY


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateOrder:
    """Give a key a new secret, and let the one before verify for `overlap`. No imported secret: one is generated."""

    key_id: str
    overlap: dt.timedelta
    etag: str = ""
    imported_secret: bytes = field(default=b"", repr=False)
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedKey:
    """A rotated key. `secret` is empty for an imported one; the secret before does not verify from `previous_end` on."""

    record: KeyRecord
    secret: str = field(repr=False)
    previous_end: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A revoked key, and the instant from which no replica answers verified for it."""

    record: KeyRecord
    effective: dt.datetime
