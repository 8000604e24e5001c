"""`counterseal config check`: the settings as the server would read them, without secrets."""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterseal.server.cli.output import echo_fields, echo_json
from counterseal.server.cli.settings import read_ring_entries, read_settings
from counterseal.server.cli.store_commands import opened_store, shown_url

if TYPE_CHECKING:
    from counterseal.server.config import Config
    from counterseal.server.settings import CallerSetting
    from counterseal.server.settings.oidc import OidcSetting

# Shown by rules of their own. Every other field that its class keeps out of its repr is not shown at all.
_SPECIAL: Final = frozenset(
    {"database_url", "master_keys", "replay_url", "key_wrapping", "callers", "configured_schemes", "oidc"}
)
# What has a line for each entry.
_TABLES: Final = frozenset({"callers", "configured_schemes", "oidc"})


@click.group("config")
def config_group() -> None:
    """Look at the server's settings."""


@config_group.command("check", short_help="Check the settings and print them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with stable field names.")
def check(*, as_json: bool) -> None:
    """Read the settings, refuse what `serve` would refuse, and print what is in force. Changes nothing, prints no secret."""
    config = read_settings()
    with opened_store(config):
        shown = _shown(config)
    if as_json:
        echo_json(shown)
        return
    echo_fields((name, _text(value)) for name, value in shown.items() if name not in _TABLES)
    for scheme in config.configured_schemes:
        click.echo(f"scheme {scheme.name}: {scheme.kind}, {'enabled' if scheme.name in config.schemes else 'not enabled'}")
    for caller in config.callers:
        limits = ", ".join(f"{name} {_text(value)}" for name, value in _caller(caller).items() if name != "name" and value)
        click.echo(f"caller {caller.name}: {limits}")
    for issuer in config.oidc:
        # Also a prefix that is empty: that is worth a second look.
        facts = ", ".join(f"{name} {_text(value) or '(none)'}" for name, value in _issuer(issuer).items() if name != "issuer")
        click.echo(f"oidc {issuer.issuer}: {facts}")
    click.echo("These settings are sound.", err=True)


def _shown(config: "Config") -> dict[str, object]:
    shown: dict[str, object] = {"config": os.environ.get("COUNTERSEAL_CONFIG") or None}
    for field in dataclasses.fields(config):
        if field.repr and field.name not in _SPECIAL:
            shown[field.name] = _plain(getattr(config, field.name))
    shown["database_url"] = shown_url(config.database_url)
    shown["replay_url"] = None if config.replay_url is None else shown_url(config.replay_url)
    shown["key_wrapping"] = _key_wrapping(config)
    shown["master_keys"] = _master_key_ids(config)
    shown["configured_schemes"] = [{"name": scheme.name, "kind": scheme.kind} for scheme in config.configured_schemes]
    shown["callers"] = [_caller(caller) for caller in config.callers]
    shown["oidc"] = _issuers(config)
    return shown


def _master_key_ids(config: "Config") -> list[str] | None:
    """Return the ids, the active one first. None: `serve` will make one when it first starts."""
    entries = read_ring_entries(config)
    return None if entries is None else [entry.key_id for entry in entries]


def _key_wrapping(config: "Config") -> list[str]:
    """Return the kinds alone. What they name is opened, and asked nothing: whether a KMS answers, `serve` finds out."""
    from counterseal.server.keys.wrapping import find_wrapper, kinds_of

    find_wrapper(config.key_wrapping, config.data_dir)
    return kinds_of(config.key_wrapping)


def _caller(caller: "CallerSetting") -> dict[str, object]:
    known_by = [how for how, given in (("bearer token", caller.token_sha256), ("certificate", caller.san)) if given]
    fields = {field.name: _plain(getattr(caller, field.name)) for field in dataclasses.fields(caller) if field.repr}
    return {**fields, "known_by": known_by}


def _issuers(config: "Config") -> list[dict[str, object]]:
    """Return the issuers of ID tokens. Nothing is asked of them: whether they answer, the first token finds out."""
    if config.oidc:
        from counterseal.server.sessions.id_tokens import open_jws

        open_jws()
    return [_issuer(issuer) for issuer in config.oidc]


def _issuer(issuer: "OidcSetting") -> dict[str, object]:
    return {field.name: _plain(getattr(issuer, field.name)) for field in dataclasses.fields(issuer)}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(str(item) for item in value)
    return str(value) if not isinstance(value, Path) else str(value.absolute())


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
