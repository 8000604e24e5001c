"""`counterseal master-keys`: the ring of master keys in the data folder, changed as a whole or not at all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from counterseal.server.cli.exits import CONFLICT, USAGE, Failure
from counterseal.server.cli.output import echo_json, echo_table, printable
from counterseal.server.cli.settings import read_ring_entries, read_settings
from counterseal.server.cli.store_commands import opened_store

if TYPE_CHECKING:
    from pathlib import Path

    from counterseal.server.config import Config
    from counterseal.server.keys.ring_text import RingEntry
    from counterseal.server.keys.wrapping import KeyWrapper

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON with stable field names.")


@click.group("master-keys")
def master_keys() -> None:
    """Look after the master keys, which seal every secret.

    These commands change master.keys in the data folder, and print no key. Servers read the ring when they start, and all of
    them need the same one: after a change, give each its copy, and restart or reload it.
    """


@master_keys.command("list", short_help="Show the ring, without any key.")
@_JSON
def list_keys(*, as_json: bool) -> None:
    """Show which master keys the ring holds, which one seals, whether they rest wrapped, and whether the store needs them.

    A master key is in use from the first start of a server that seals under it until `secrets reseal` has done without it.
    One that the store needs and the ring lacks is shown as missing: no server starts without it.
    """
    config = read_settings()
    entries = read_ring_entries(config) or ()
    in_use = _in_use(config)
    missing = sorted((in_use or frozenset()) - {entry.key_id for entry in entries})
    if in_use is None:
        click.echo("The key store does not answer: what is in use is not known.", err=True)
    if as_json:
        keys = [_shown(entry, active=entry is entries[0]) | {"in_use": _is_in(entry, in_use)} for entry in entries]
        echo_json({"master_keys": keys, "missing": missing})
        return
    rows = [
        (
            entry.key_id,
            "active" if entry is entries[0] else "opens",
            "wrapped" if entry.wrapped else "plain",
            {True: "yes", False: "no", None: "not known"}[_is_in(entry, in_use)],
        )
        for entry in entries
    ]
    echo_table(("MASTER KEY", "ROLE", "AT REST", "IN USE"), [*rows, *((key_id, "missing", "", "yes") for key_id in missing)])


def _shown(entry: "RingEntry", *, active: bool) -> dict[str, object]:
    return {"id": entry.key_id, "active": active, "wrapped": entry.wrapped}


def _in_use(config: "Config") -> frozenset[str] | None:
    from counterseal.server.errors import StoreUnavailable
    from counterseal.server.keys.canary import master_keys_in_use

    try:
        with opened_store(config) as store:
            return master_keys_in_use(store)
    except StoreUnavailable:
        return None


def _is_in(entry: "RingEntry", in_use: frozenset[str] | None) -> bool | None:
    return None if in_use is None else entry.key_id in in_use


@master_keys.command("add", short_help="Add a new master key.")
@click.option(
    "--active", is_flag=True, help="Let the new one seal from the next start on. With several servers, do this later."
)
@click.option("--id", "key_id", help="Its id: 1 to 32 characters of [A-Za-z0-9._-]. Made up unless given.")
@_JSON
def add(*, active: bool, key_id: str | None, as_json: bool) -> None:
    """Add a new master key from the system's generator to the ring, behind the others: it opens, and does not seal yet.

    With COUNTERSEAL_KEY_WRAPPING it is wrapped. Where there is no ring yet, one is made.
    """
    from counterseal.server.keys.ring_file import changing, write_ring
    from counterseal.server.keys.ring_text import is_master_key_id, new_entry

    if key_id is not None and not is_master_key_id(key_id):
        raise Failure("--id: must be 1 to 32 characters of [A-Za-z0-9._-], a letter or a digit first", USAGE)
    config, path, wrapper = _ring()
    _make_ring_folder(config)
    with changing(path, absent=True) as entries:
        if any(entry.key_id == key_id for entry in entries):
            raise Failure(f"the ring holds a master key {key_id} already", CONFLICT)
        new = new_entry(wrapper, key_id)
        write_ring(path, [new, *entries] if active else [*entries, new])
    sealing = active or not entries
    if as_json:
        echo_json(_shown(new, active=sealing))
    else:
        click.echo(f"Added {new.key_id}, {'wrapped' if new.wrapped else 'in plain text'}, {'active' if sealing else 'behind'}.")


@master_keys.command("activate", short_help="Let another master key seal.")
@click.argument("key_id", metavar="ID")
def activate(key_id: str) -> None:
    """Let this master key of the ring seal, from the next start of each server on; the others go on to open.

    With several servers, every one must have been started with it already: what the first of them seals, all have to open.
    """
    from counterseal.server.keys.ring_file import changing, write_ring

    _, path, _ = _ring()
    with changing(path) as entries:
        chosen = _chosen(entries, key_id)
        if chosen is not entries[0]:
            write_ring(path, [chosen, *(entry for entry in entries if entry is not chosen)])
    click.echo(f"Active: {key_id}. Restart or reload every server, then run `counterseal secrets reseal`.")


@master_keys.command("remove", short_help="Take a master key out that nothing needs any more.")
@click.argument("key_id", metavar="ID")
def remove(key_id: str) -> None:
    """Take a master key out of the ring, for good. Refused for the active one, and while anything is sealed under it.

    Every stored secret is looked at, so this takes a while on a large store. Tickets of uploads that a server handed out while
    it was active are refused afterwards.
    """
    from counterseal.server.keys.ring_file import changing, write_ring

    config, path, _ = _ring()
    with changing(path) as entries:
        chosen = _chosen(entries, key_id)
        if chosen is entries[0]:
            raise Failure(f"{key_id} is the active master key; activate another one first", CONFLICT)
        _check_not_needed(config, key_id)
        write_ring(path, [entry for entry in entries if entry is not chosen])
    click.echo(f"Removed {key_id}. Backups of the database from before the last reseal still need it.")


def _check_not_needed(config: "Config", key_id: str) -> None:
    from counterseal.server.keys.canary import master_keys_in_use
    from counterseal.server.keys.reseal import sealed_under

    with opened_store(config) as store:
        if key_id in master_keys_in_use(store):
            raise Failure(f"{key_id} is still in use", CONFLICT, "`counterseal secrets reseal` does without it.")
        found = sealed_under(store, key_id)
    if found:
        raise Failure(
            f"{key_id} still seals {found} secrets: a server went on sealing under it after the last reseal",
            CONFLICT,
            "Restart or reload every server with another active master key, then run `counterseal secrets reseal`.",
        )


@master_keys.command("rewrap", short_help="Wrap every master key anew.")
@click.option("--plain", is_flag=True, help="Take the wrapping off instead: the keys then lie in the file as they are.")
def rewrap(*, plain: bool) -> None:
    """Wrap every master key of the ring under COUNTERSEAL_KEY_WRAPPING, those in plain text as well.

    To move from one wrapping to another: name both, the new one first, restart or reload every server, run this, and take the
    old one out of the setting. The master keys themselves stay the same.
    """
    from counterseal.server.errors import ConfigError
    from counterseal.server.keys.ring_file import SETTING, changing, write_ring
    from counterseal.server.keys.ring_text import make_entry, open_entry
    from counterseal.server.keys.wrapping import SETTING as WRAPPING

    _, path, wrapper = _ring()
    if wrapper is None and not plain:
        raise ConfigError(f"{WRAPPING}: is not set, so there is nothing to wrap the master keys under")
    with changing(path) as entries:
        keys = {entry.key_id: open_entry(entry, wrapper, SETTING) for entry in entries}
        write_ring(path, [make_entry(key_id, key, None if plain else wrapper) for key_id, key in keys.items()])
    click.echo(f"{'In plain text' if plain else 'Wrapped anew'}: {', '.join(keys)}.")


def _chosen(entries: Sequence["RingEntry"], key_id: str) -> "RingEntry":
    for entry in entries:
        if entry.key_id == key_id:
            return entry
    raise Failure(f"the ring holds no master key {printable(key_id)}", CONFLICT, "`counterseal master-keys list` shows them.")


def _ring() -> "tuple[Config, Path, KeyWrapper | None]":
    """Return the settings, where the ring's file is, and what wraps its keys.

    Raises:
        ConfigError: the ring is not in a file, or the wrapping cannot be used.
    """
    from counterseal.server.errors import ConfigError
    from counterseal.server.keys.master import FILE_NAME
    from counterseal.server.keys.ring_file import SETTING
    from counterseal.server.keys.wrapping import find_wrapper

    config = read_settings()
    if config.master_keys is not None:
        raise ConfigError(
            f"{SETTING}: gives the ring itself, which is changed where it is set. To change it with these commands, "
            f"leave it out and put its entries into {FILE_NAME} in a data folder, a line for each"
        )
    return config, config.data_dir / FILE_NAME, find_wrapper(config.key_wrapping, config.data_dir)


def _make_ring_folder(config: "Config") -> None:
    from counterseal.server.data_folder import make_folder

    make_folder(config.data_dir)
