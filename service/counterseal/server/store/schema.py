"""Bringing the schema up to date: Alembic, from the package itself, without an alembic.ini."""

import threading
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from counterseal.server.errors import ConfigError
from counterseal.server.store.database import Database
from counterseal.server.store.outage import outages

# Alembic keeps the migration under way in module globals.
_ONE_AT_A_TIME: Final = threading.Lock()


def upgrade(database: Database) -> None:
    """Run the migrations that the database lacks, all or none, in one transaction that shuts out other processes.

    Raises:
        ConfigError: the schema is newer than this release knows.
        StoreUnavailable: the database does not answer.
    """
    with _ONE_AT_A_TIME, outages(database.is_outage):
        database.prepare()
        with database.writes.begin() as connection:
            database.lock_schema(connection)
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "counterseal.server.store:migrations")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in known:
            raise ConfigError(
                f"COUNTERSEAL_DATABASE_URL: the database has schema {revision}, which this release does not know; "
                f"run a release at least as new as the one that upgraded it"
            )
    command.upgrade(config, "head")
