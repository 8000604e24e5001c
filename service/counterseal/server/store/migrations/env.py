"""Alembic's entry: runs the migrations on the connection, and inside the transaction, that `store.schema` has opened."""

from alembic import context

# Imported for what it does to Alembic.
from counterseal.server.store.migrations import resumable

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=connection.dialect.name in resumable.TRANSACTIONAL)
context.run_migrations()
