"""Both ways to secure a web API: bearer tokens, principals that sign in, and the keys of their sessions.

Servers of the release before go on working: every new column may be NULL, and they use no new table. A bearer token's row is
sealed in a way that they do not open.
"""

import sqlalchemy as sa
from alembic import op

from counterseal.server.store.types import binary, bytewise, digest, long_text, widened

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, make room for what the audit trail is about, then add the tables."""
    op.add_column("keys", sa.Column("kind", bytewise(16)))
    op.add_column("keys", sa.Column("session_id", bytewise(32)))
    op.create_index("keys_by_session", "keys", ["session_id"])
    _widen("action", 16, 32)
    _widen("key_id", 128, 256)
    _make_principals()
    _make_sessions()
    _make_sign_ins()


def _widen(column: str, before: int, length: int) -> None:
    """Give a column of the audit trail more room: it is changed in place, and no row is written anew."""
    if op.get_context().dialect.name != "sqlite":
        op.alter_column("audit", column, type_=widened(before, length), existing_type=bytewise(before), existing_nullable=False)


def _make_principals() -> None:
    op.create_table(
        "principals",
        sa.Column("tenant", bytewise(64), primary_key=True),
        sa.Column("name", bytewise(128), primary_key=True),
        sa.Column("state", bytewise(16), nullable=False),
        sa.Column("description", long_text(), nullable=False),
        sa.Column("labels", long_text(), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("password_set", sa.BigInteger),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("seal", binary(), nullable=False),
    )
    op.create_index("principals_by_change", "principals", ["changed"], unique=True)


def _make_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", bytewise(32), primary_key=True),
        sa.Column("tenant", bytewise(64), nullable=False),
        sa.Column("principal", bytewise(128), nullable=False),
        sa.Column("state", bytewise(16), nullable=False),
        sa.Column("method", long_text(), nullable=False),
        sa.Column("client", long_text(), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("refreshed", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("idle_until", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("end_reason", bytewise(64), nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("seal", binary(), nullable=False),
    )
    op.create_index("sessions_by_change", "sessions", ["changed"], unique=True)
    op.create_index("sessions_by_principal", "sessions", ["tenant", "principal", "session_id"])


def _make_sign_ins() -> None:
    op.create_table(
        "sign_ins",
        sa.Column("subject", digest(), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_index("sign_ins_by_end", "sign_ins", ["until"])
