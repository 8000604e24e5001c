"""Public keys beside secrets. Rows from before, and rows that the release before still writes, are of symmetric keys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, with what they mean for a symmetric key as defaults of the server."""
    algorithm = sa.String(32).with_variant(sa.String(32, collation="BINARY"), "sqlite")
    op.add_column("keys", sa.Column("algorithm", algorithm, nullable=False, server_default=""))
    op.add_column("keys", sa.Column("public_key", sa.LargeBinary))
