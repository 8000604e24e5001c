"""Steps of a migration that were done already are passed over.

MySQL commits with every change of a table, and so do some engines that speak PostgreSQL's protocol: a process that is killed
inside a migration leaves it half done, and the next one begins it anew. Alembic takes up an implementation of a dialect by its
being defined.
"""

from typing import Any, Final

from alembic.ddl.impl import DefaultImpl
from alembic.ddl.mysql import MySQLImpl
from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import Column, Connection, Index, Table, inspect

# Where a migration that fails leaves nothing behind.
TRANSACTIONAL: Final = frozenset({"postgresql", "sqlite"})


class _Resumable(DefaultImpl):
    # Alembic would enter this one too, under its name.
    __dialect__ = "counterseal-resumable"

    def _here(self) -> Connection:
        connection = self.connection
        if connection is None:
            raise RuntimeError("migrations run on a connection, never into a script")
        return connection

    def create_table(self, table: Table, **kw: Any) -> None:
        if not inspect(self._here()).has_table(table.name):
            super().create_table(table, **kw)

    def add_column(self, table_name: str, column: Column[Any], **kw: Any) -> None:
        if column.name not in {found["name"] for found in inspect(self._here()).get_columns(table_name)}:
            super().add_column(table_name, column, **kw)

    def create_index(self, index: Index, **kw: Any) -> None:
        if index.table is None or index.name not in {
            found["name"] for found in inspect(self._here()).get_indexes(index.table.name)
        }:
            super().create_index(index, **kw)


class _ResumableMySQL(_Resumable, MySQLImpl):
    __dialect__ = "mysql"


class _ResumablePostgres(_Resumable, PostgresqlImpl):
    __dialect__ = "postgresql"
