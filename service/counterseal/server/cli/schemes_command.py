"""`counterseal schemes`: the ways of signing that a server knows."""

from typing import TYPE_CHECKING

import click

from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.output import echo_json, echo_table

if TYPE_CHECKING:
    from counterseal.server.rpc.admin_messages import ListedScheme

_HEADING = ("SCHEME", "ENABLED", "KEYS", "NAMES KEY", "STATES TIME", "TITLE", "WEAKNESS")


@click.command("schemes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with stable field names.")
@server_options
def schemes(*, connection: Connection, as_json: bool) -> None:
    """List the ways of signing that a server knows, and whether it verifies them.

    A request of a scheme that names no key is verified only when the gateway demands one; a signature that need not state a
    time is good for as long as its key.
    """
    with connection.open(token_required=False) as client:
        listed = client.list_schemes()
    if as_json:
        echo_json({"schemes": [_json(scheme) for scheme in listed]})
    else:
        echo_table(_HEADING, [_row(scheme) for scheme in listed])


def _row(scheme: "ListedScheme") -> tuple[str, ...]:
    kinds = ",".join(kind.lower() for kind in _kinds(scheme))
    flags = [_yes(flag) for flag in (scheme.names_key, not scheme.timeless)]
    return (scheme.name, _yes(scheme.enabled), kinds, *flags, scheme.title, scheme.weakness)


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _kinds(scheme: "ListedScheme") -> list[str]:
    return sorted((kind.value for kind in scheme.key_kinds), reverse=True)


def _json(scheme: "ListedScheme") -> dict[str, object]:
    return {
        "name": scheme.name,
        "title": scheme.title,
        "key_kinds": _kinds(scheme),
        "enabled": scheme.enabled,
        "timeless": scheme.timeless,
        "names_key": scheme.names_key,
        "weakness": scheme.weakness,
    }
