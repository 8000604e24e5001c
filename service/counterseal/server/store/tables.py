"""The tables, as the code uses them. The migrations make them; a test holds the two together."""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, UniqueConstraint

from counterseal.server.store.types import binary, bytewise, digest, long_text, widened

METADATA: Final = MetaData()


def _text(name: str, length: int) -> Column[Any]:
    return Column(name, bytewise(length), nullable=False)


# Times are whole microseconds since the Unix epoch: exact, and alike on every engine.
KEYS: Final = Table(
    "keys",
    METADATA,
    Column("key_id", bytewise(128), primary_key=True),
    _text("tenant", 64),
    _text("principal", 256),
    Column("description", long_text(), nullable=False),
    Column("labels", long_text(), nullable=False),
    Column("allowed_schemes", long_text(), nullable=False),
    _text("state", 16),
    Column("not_before", BigInteger),
    Column("expires", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Column("revoke_reason", long_text(), nullable=False),
    Column("secret_version", Integer, nullable=False),
    Column("sealed_secret", binary(), nullable=False),
    Column("security_token_sha256", binary()),
    # The value of the change sequence at the key's last change: its etag, and what a change feed reads on from.
    Column("changed", BigInteger, nullable=False),
    # NULL when the issuer was given no request id; NULLs do not collide.
    Column("issue_actor", bytewise(128)),
    Column("issue_request_id", bytewise(128)),
    Column("issue_fingerprint", binary()),
    # Of a public key: its algorithm and its SubjectPublicKeyInfo. Empty and NULL for a symmetric one, whose secret is sealed.
    Column("algorithm", bytewise(32), nullable=False, server_default=""),
    Column("public_key", binary()),
    # When the current secret was made; NULL: with the key. A rotated key has a secret before it until `previous_until`; both
    # lie in `sealed_secret`.
    Column("secret_created", BigInteger),
    Column("previous_version", Integer),
    Column("previous_until", BigInteger),
    # JSON; NULL: no policy.
    Column("policy", long_text()),
    # `BEARER`; NULL: as the columns above say. And the session that the key ends with; NULL: none.
    Column("kind", bytewise(16)),
    Column("session_id", bytewise(32)),
    UniqueConstraint("issue_actor", "issue_request_id", name="keys_issue_once"),
    Index("keys_by_change", "changed", unique=True),
    Index("keys_by_tenant", "tenant", "key_id"),
    Index("keys_by_session", "session_id"),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("time", BigInteger, nullable=False),
    _text("actor", 128),
    Column("action", widened(16, 32), nullable=False),
    # A key's id, or what else the entry is about: see `audit_subjects.py`.
    Column("key_id", widened(128, 256), nullable=False),
    _text("tenant", 64),
    _text("request_id", 128),
    Column("detail", long_text(), nullable=False),
    # The number of the change, the hash over this row and the hash before it, and the service's own mark on that hash. NULL in
    # rows of releases before there was a chain.
    Column("seq", BigInteger),
    Column("hash", digest()),
    Column("mac", digest()),
    # `time` again where a key was changed, else NULL: what the newest change of a key left in its `updated`.
    Column("revision", BigInteger),
    Index("audit_by_key", "key_id", "id"),
    Index("audit_by_seq", "seq", unique=True),
    Index("audit_by_revision", "key_id", "revision"),
    sqlite_autoincrement=True,
)

# One row, id 1. Every change of a key adds one to it in the same transaction and so holds its row lock until the commit:
# numbers become visible in ascending order, and a reader that has seen n misses nothing below n.
CHANGE_SEQUENCE: Final = Table(
    "change_sequence",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    # The hash of the newest row of the audit chain; NULL before there is one.
    Column("hash", digest()),
)

META: Final = Table(
    "meta",
    METADATA,
    Column("name", bytewise(128), primary_key=True),
    Column("value", binary(), nullable=False),
)

# When a secret was last used: coarse, written in batches, and lost when a server is killed.
KEY_USES: Final = Table(
    "key_uses",
    METADATA,
    Column("key_id", bytewise(128), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("last_used", BigInteger, nullable=False),
)

# Gateways and administrators. `limits` is JSON. The seal vouches for the row: it holds nothing.
CALLERS: Final = Table(
    "callers",
    METADATA,
    Column("name", bytewise(64), primary_key=True),
    _text("role", 16),
    _text("state", 16),
    Column("description", long_text(), nullable=False),
    Column("token_sha256", digest()),
    Column("san", bytewise(255)),
    Column("limits", long_text(), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("seal", binary(), nullable=False),
    UniqueConstraint("token_sha256", name="callers_token_once"),
    UniqueConstraint("san", name="callers_san_once"),
    Index("callers_by_change", "changed", unique=True),
)

# What the replay guard remembers. `mark` is a digest of what may be used once, `owner` of who asked first, `until` when it may
# be forgotten.
REPLAYS: Final = Table(
    "replays",
    METADATA,
    Column("mark", digest(), primary_key=True),
    Column("owner", digest(), nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("replays_by_end", "until"),
)

# Who may sign in. The seal vouches for the row, and holds the password's hash: a stolen database alone gives nothing to guess.
PRINCIPALS: Final = Table(
    "principals",
    METADATA,
    Column("tenant", bytewise(64), primary_key=True),
    Column("name", bytewise(128), primary_key=True),
    _text("state", 16),
    Column("description", long_text(), nullable=False),
    Column("labels", long_text(), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    # When the password was set; NULL: there is none, and the principal signs in by an identity provider alone.
    Column("password_set", BigInteger),
    Column("changed", BigInteger, nullable=False),
    Column("seal", binary(), nullable=False),
    Index("principals_by_change", "changed", unique=True),
)

# From a sign-in to a sign-out. The seal vouches for the row, and holds the hashes of refresh tokens.
SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("session_id", bytewise(32), primary_key=True),
    _text("tenant", 64),
    _text("principal", 128),
    _text("state", 16),
    # `password`, or `oidc` and the issuer.
    Column("method", long_text(), nullable=False),
    # What the caller told of the client. JSON.
    Column("client", long_text(), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("refreshed", BigInteger, nullable=False),
    # The session is over from then on, whatever happens; and from then on unless it is refreshed before.
    Column("expires", BigInteger, nullable=False),
    Column("idle_until", BigInteger, nullable=False),
    Column("ended", BigInteger),
    _text("end_reason", 64),
    Column("changed", BigInteger, nullable=False),
    Column("seal", binary(), nullable=False),
    Index("sessions_by_change", "changed", unique=True),
    Index("sessions_by_principal", "tenant", "principal", "session_id"),
)

# Attempts to sign in, by a digest of whom they were for and where they came from, until they are forgotten.
SIGN_INS: Final = Table(
    "sign_ins",
    METADATA,
    Column("subject", digest(), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("sign_ins_by_end", "until"),
)
