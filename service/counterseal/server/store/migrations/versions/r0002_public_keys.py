"""Public keys beside secrets. Rows from before, and rows that the release before still writes, are of symmetric keys."""

import sqlalchemy as sa
from alembic import op

from counterseal.server.store.types import binary, bytewise

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, with what they mean for a symmetric key as defaults of the server."""
    op.add_column("keys", sa.Column("algorithm", bytewise(32), nullable=False, server_default=""))
    op.add_column("keys", sa.Column("public_key", binary()))
