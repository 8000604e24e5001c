"""The tables, as the code uses them. The migrations make them; a test holds the two together."""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint
from sqlalchemy.types import TypeEngine

METADATA: Final = MetaData()


def bytewise(length: int) -> TypeEngine[str]:
    """Return a text type that is compared and sorted bytewise. Further engines add a variant: MySQL folds case by default."""
    return String(length).with_variant(String(length, collation="BINARY"), "sqlite")


def _text(name: str, length: int) -> Column[Any]:
    return Column(name, bytewise(length), nullable=False)


# Times are whole microseconds since the Unix epoch: exact, and alike on every engine.
KEYS: Final = Table(
    "keys",
    METADATA,
    Column("key_id", bytewise(128), primary_key=True),
    _text("tenant", 64),
    _text("principal", 256),
    Column("description", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("allowed_schemes", Text, nullable=False),
    _text("state", 16),
    Column("not_before", BigInteger),
    Column("expires", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Column("revoke_reason", Text, nullable=False),
    Column("secret_version", Integer, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("security_token_sha256", LargeBinary),
    # The value of the change sequence at the key's last change: its etag, and what a change feed reads on from.
    Column("changed", BigInteger, nullable=False),
    # NULL when the issuer was given no request id; NULLs do not collide.
    Column("issue_actor", bytewise(128)),
    Column("issue_request_id", bytewise(128)),
    Column("issue_fingerprint", LargeBinary),
    # Of a public key: its algorithm and its SubjectPublicKeyInfo. Empty and NULL for a symmetric one, whose secret is sealed.
    Column("algorithm", bytewise(32), nullable=False, server_default=""),
    Column("public_key", LargeBinary),
    UniqueConstraint("issue_actor", "issue_request_id", name="keys_issue_once"),
    Index("keys_by_change", "changed", unique=True),
    Index("keys_by_tenant", "tenant", "key_id"),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("time", BigInteger, nullable=False),
    _text("actor", 128),
    _text("action", 16),
    _text("key_id", 128),
    _text("tenant", 64),
    _text("request_id", 128),
    Column("detail", Text, nullable=False),
    Index("audit_by_key", "key_id", "id"),
    sqlite_autoincrement=True,
)

# One row, id 1. Every change of a key adds one to it in the same transaction and so holds its row lock until the commit:
# numbers become visible in ascending order, and a reader that has seen n misses nothing below n.
CHANGE_SEQUENCE: Final = Table(
    "change_sequence",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
)

META: Final = Table(
    "meta",
    METADATA,
    Column("name", bytewise(128), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
