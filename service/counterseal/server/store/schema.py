"""Bringing the schema up to date: Alembic, from the package itself, without an alembic.ini."""

import threading
import time
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, exc, insert, inspect, select

from counterseal.server.errors import ConfigError
from counterseal.server.store.database import Database
from counterseal.server.store.outage import outages
from counterseal.server.store.tables import META

# The oldest revision whose servers may go on running on the newest schema. Written into the database by whoever upgrades it.
COMPATIBLE_FROM: Final = "0002"
COMPATIBLE_NAME: Final = "schema/compatible_from"
# Alembic keeps the migration under way in module globals.
_ONE_AT_A_TIME: Final = threading.Lock()
# On engines whose locks do not exclude others that migrate, one of two may find done what it was about to do.
_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.2


def upgrade(database: Database) -> None:
    """Run the migrations that the database lacks, in one transaction that shuts out other processes.

    All or none, where the engine's transactions hold changes of tables; elsewhere the next call goes on where this one ended.
    A schema that is up to date is only read.

    Raises:
        ConfigError: the schema is newer than this release knows, and does not say that this release may use it.
        StoreUnavailable: the database does not answer.
    """
    with _ONE_AT_A_TIME, outages(database.is_outage):
        database.prepare()
        if _is_done(database):
            return
        for attempt in range(_ATTEMPTS):
            try:
                _upgrade(database)
                return
            except exc.DBAPIError as error:
                outage = database.is_outage(error) and not database.is_conflict(error)
                if outage or attempt == _ATTEMPTS - 1:
                    raise
            time.sleep(_PAUSE_SECONDS * (attempt + 1))


def _is_done(database: Database) -> bool:
    with database.reads.connect() as connection:
        return _is_current(connection, _script())


def _upgrade(database: Database) -> None:
    config = _config()
    with database.writes.begin() as connection, database.lock_schema(connection):
        if _is_current(connection, ScriptDirectory.from_config(config)):
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.execute(META.delete().where(META.c.name == COMPATIBLE_NAME))
        connection.execute(insert(META).values(name=COMPATIBLE_NAME, value=COMPATIBLE_FROM.encode()))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "counterseal.server.store:migrations")
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _is_current(connection: Connection, script: ScriptDirectory) -> bool:
    """Say whether there is nothing to do: the schema is this release's, or a newer one that this release may use."""
    own = script.get_current_head()
    known = {found.revision for found in script.walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision == own:
            return True
        if revision not in known:
            _check_compatible(connection, revision, own or "")
            return True
    return False


def _check_compatible(connection: Connection, revision: str, own: str) -> None:
    oldest = None
    if inspect(connection).has_table(META.name):
        oldest = connection.execute(select(META.c.value).where(META.c.name == COMPATIBLE_NAME)).scalar()
    # Revisions are four digits each, so that they sort as they follow one another.
    if oldest is None or len(oldest) != len(own) or not oldest.isdigit() or oldest.decode() > own:
        raise ConfigError(
            f"COUNTERSEAL_DATABASE_URL: the database has schema {revision}, which this release does not know and may not use; "
            f"run a release at least as new as the one that upgraded it"
        )
