"""What a fleet of servers needs: rotation, policy, uses, a chained audit trail, callers, and a memory of replays.

Servers of the release before go on working: every new column may be NULL, and they use no new table.
"""

import sqlalchemy as sa
from alembic import op

from counterseal.server.store.types import binary, bytewise, digest, long_text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, then the tables."""
    for column in ("secret_created", "previous_until"):
        op.add_column("keys", sa.Column(column, sa.BigInteger))
    op.add_column("keys", sa.Column("previous_version", sa.Integer))
    op.add_column("keys", sa.Column("policy", long_text()))
    op.add_column("audit", sa.Column("seq", sa.BigInteger))
    op.add_column("audit", sa.Column("hash", digest()))
    op.add_column("audit", sa.Column("mac", digest()))
    op.add_column("audit", sa.Column("revision", sa.BigInteger))
    op.create_index("audit_by_seq", "audit", ["seq"], unique=True)
    op.create_index("audit_by_revision", "audit", ["key_id", "revision"])
    op.add_column("change_sequence", sa.Column("hash", digest()))
    _make_uses()
    _make_callers()
    _make_replays()


def _make_uses() -> None:
    op.create_table(
        "key_uses",
        sa.Column("key_id", bytewise(128), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_used", sa.BigInteger, nullable=False),
    )


def _make_callers() -> None:
    op.create_table(
        "callers",
        sa.Column("name", bytewise(64), primary_key=True),
        sa.Column("role", bytewise(16), nullable=False),
        sa.Column("state", bytewise(16), nullable=False),
        sa.Column("description", long_text(), nullable=False),
        sa.Column("token_sha256", digest()),
        sa.Column("san", bytewise(255)),
        sa.Column("limits", long_text(), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("seal", binary(), nullable=False),
        sa.UniqueConstraint("token_sha256", name="callers_token_once"),
        sa.UniqueConstraint("san", name="callers_san_once"),
    )
    op.create_index("callers_by_change", "callers", ["changed"], unique=True)


def _make_replays() -> None:
    op.create_table(
        "replays",
        sa.Column("mark", digest(), primary_key=True),
        sa.Column("owner", digest(), nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_index("replays_by_end", "replays", ["until"])
