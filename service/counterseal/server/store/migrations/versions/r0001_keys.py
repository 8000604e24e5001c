"""Keys, their audit trail, the change sequence, and a place for single values."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from counterseal.server.store.types import binary, bytewise, long_text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str, length: int) -> sa.Column[Any]:
    return sa.Column(name, bytewise(length), nullable=False)


def upgrade() -> None:
    """Make the tables."""
    _make_keys()
    _make_audit()
    sequence = op.create_table(
        "change_sequence",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    # Unless it is here from an attempt that was cut off.
    if op.get_bind().execute(sa.text("SELECT value FROM change_sequence WHERE id = 1")).first() is None:
        op.bulk_insert(sequence, [{"id": 1, "value": 0}])
    op.create_table(
        "meta",
        sa.Column("name", bytewise(128), primary_key=True),
        sa.Column("value", binary(), nullable=False),
    )


def _make_keys() -> None:
    op.create_table(
        "keys",
        sa.Column("key_id", bytewise(128), primary_key=True),
        _text("tenant", 64),
        _text("principal", 256),
        sa.Column("description", long_text(), nullable=False),
        sa.Column("labels", long_text(), nullable=False),
        sa.Column("allowed_schemes", long_text(), nullable=False),
        _text("state", 16),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("expires", sa.BigInteger),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("revoked", sa.BigInteger),
        sa.Column("revoke_reason", long_text(), nullable=False),
        sa.Column("secret_version", sa.Integer, nullable=False),
        sa.Column("sealed_secret", binary(), nullable=False),
        sa.Column("security_token_sha256", binary()),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("issue_actor", bytewise(128)),
        sa.Column("issue_request_id", bytewise(128)),
        sa.Column("issue_fingerprint", binary()),
        sa.UniqueConstraint("issue_actor", "issue_request_id", name="keys_issue_once"),
    )
    op.create_index("keys_by_change", "keys", ["changed"], unique=True)
    op.create_index("keys_by_tenant", "keys", ["tenant", "key_id"])


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("time", sa.BigInteger, nullable=False),
        _text("actor", 128),
        _text("action", 16),
        _text("key_id", 128),
        _text("tenant", 64),
        _text("request_id", 128),
        sa.Column("detail", long_text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_by_key", "audit", ["key_id", "id"])
