"""`counterseal db upgrade` and `counterseal secrets reseal`: work on the key store itself, beside the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from counterseal.server.cli.exits import INTERNAL, Failure
from counterseal.server.cli.output import echo_json, printable
from counterseal.server.cli.settings import read_master_keys, read_settings

if TYPE_CHECKING:
    from counterseal.server.config import Config
    from counterseal.server.store.engine import KeyStore


@contextmanager
def opened_store(config: "Config") -> Iterator["KeyStore"]:
    """Open the key store as `serve` does. Nothing is touched, and no file made, before it is used.

    Raises:
        ConfigError: the setting names no database that this release can use.
    """
    from counterseal.server.store.engine import open_store

    store = open_store(config.database_url, timeout=config.store_timeout)
    try:
        yield store
    finally:
        store.close()


@click.group()
def db() -> None:
    """Look after the database of the key store."""


@db.command("upgrade")
def upgrade() -> None:
    """Bring the database to this release's schema. `serve` does the same when it starts."""
    config = read_settings()
    _make_data_dir(config)
    with opened_store(config) as store:
        store.upgrade()
        store.ping()
    click.echo(f"The database is at this release's schema: {shown_url(config.database_url)}")


def _make_data_dir(config: "Config") -> None:
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        from counterseal.server.errors import ConfigError

        raise ConfigError(f"COUNTERSEAL_DATA_DIR: cannot make {config.data_dir}: {error.strerror}") from None


def shown_url(url: str) -> str:
    """Return where the database is: kind, host and name. User, password and parameters are left out: any may be a secret."""
    from sqlalchemy import URL, exc, make_url

    try:
        read = make_url(url)
    except (exc.ArgumentError, ValueError):  # the text would quote it
        return "(not a database URL)"
    return URL.create(read.drivername, host=read.host, port=read.port, database=read.database).render_as_string()


@click.group()
def secrets() -> None:
    """Look after the secrets at rest."""


@secrets.command("reseal", short_help="Seal all secrets under the active master key.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with stable field names.")
def reseal(*, as_json: bool) -> None:
    """Seal every stored secret under the active master key, while servers run.

    To replace a master key: put the new one first in COUNTERSEAL_MASTER_KEYS (or <data dir>/master.keys), keep the old one
    behind it, restart every server, run this, then take the old one out. With several servers, first add the new one behind the
    old one everywhere. Interrupted, it goes on when it is run again.
    """
    config = read_settings()
    from counterseal.server.keys.cipher import SecretCipher
    from counterseal.server.keys.reseal import reseal_all

    cipher = SecretCipher(read_master_keys(config))
    with opened_store(config) as store:
        report = reseal_all(store, cipher)
    if as_json:
        echo_json(
            {
                "active_master_key": cipher.active_id,
                "resealed": report.resealed,
                "already_current": report.skipped,
                "broken": list(report.broken),
            }
        )
    else:
        click.echo(f"Resealed under {cipher.active_id}: {report.resealed}. Already under it: {report.skipped}.")
    if report.broken:
        ids = ", ".join(printable(key_id) for key_id in report.broken)
        raise Failure(f"these secrets do not open, and were left alone: {ids}", INTERNAL)
