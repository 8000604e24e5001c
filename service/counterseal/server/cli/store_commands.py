"""`counterseal db upgrade` and `counterseal secrets reseal`: work on the key store itself, beside the server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from counterseal.server.cli.exits import CONFLICT, INTERNAL, Failure
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

    store = open_store(
        config.database_url, timeout=config.store_timeout, pool=config.database_pool, listen=config.feed == "auto"
    )
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
    from counterseal.server.data_folder import make_folder

    make_folder(config.data_dir)
    with opened_store(config) as store:
        store.upgrade()
        store.ping()
    click.echo(f"The database is at this release's schema: {shown_url(config.database_url)}")


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
@click.option("--pause", type=click.FloatRange(0, 60), default=0, help="Seconds to wait after each page of 200 secrets.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with stable field names.")
def reseal(*, pause: float, as_json: bool) -> None:
    """Seal every stored secret under the active master key, while servers run. Interrupted, it goes on when it is run again.

    To replace a master key: `master-keys add` and restart the server; `master-keys activate` the new one and restart; run
    this; `master-keys remove` the old one. Several servers have the same ring: after each step, give every one the changed
    master.keys and restart or reload them all.
    """
    config = read_settings()
    from counterseal.server.audit import of_master_keys
    from counterseal.server.keys.audit_key import arm_journal
    from counterseal.server.keys.cipher import SecretCipher
    from counterseal.server.keys.reseal import reseal_all

    cipher = SecretCipher(read_master_keys(config))
    with opened_store(config) as store:
        report = reseal_all(store, cipher, after_page=lambda: time.sleep(pause))
        if report.resealed:
            arm_journal(store, cipher)
            counts = {"resealed": report.resealed, "broken": len(report.broken), "unsettled": report.unsettled}
            store.note(of_master_keys("reseal", cipher.active_id, **counts))
    if as_json:
        echo_json(
            {
                "active_master_key": cipher.active_id,
                "resealed": report.resealed,
                "already_current": report.skipped,
                "broken": list(report.broken),
                "unsettled": report.unsettled,
            }
        )
    else:
        click.echo(f"Resealed under {cipher.active_id}: {report.resealed}. Already under it: {report.skipped}.")
    if report.broken:
        ids = ", ".join(printable(key_id) for key_id in report.broken)
        raise Failure(f"these secrets do not open, and were left alone: {ids}", INTERNAL)
    if report.unsettled:
        raise Failure(
            f"{report.unsettled} secrets were sealed under an older master key again, so none is released: a server runs with "
            f"another active one than {cipher.active_id}",
            CONFLICT,
            "Restart or reload every server with the ring as it is here, then run this again.",
        )
