"""`counterseal keys report`: keys that somebody should look at."""

import datetime as dt
from typing import TYPE_CHECKING

import click

from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.key_view import key_json
from counterseal.server.cli.keys import json_option, keys
from counterseal.server.cli.keys_change import all_pages
from counterseal.server.cli.output import echo_json, echo_table, to_second
from counterseal.server.cli.secret_view import last_use
from counterseal.server.cli.times import duration_option

if TYPE_CHECKING:
    from counterseal.server.store.records import KeyQuery, KeyRecord

_HEADING = ("KEY ID", "FINDINGS", "STATE", "TENANT", "PRINCIPAL", "LAST USED", "EXPIRES", "SECRET MADE")


@keys.command("report")
@click.option("--unused-for", type=duration_option, metavar="DURATION", help="Keys not used for so long, as far as is known.")
@click.option("--expiring-within", type=duration_option, metavar="DURATION", help="Keys that expire within that time.")
@click.option("--older-than", type=duration_option, metavar="DURATION", help="Keys whose secret is older than that.")
@click.option("--tenant", default="", help="Only keys of this tenant.")
@click.option("--principal", default="", help="Only keys of this principal.")
@click.option(
    "--state", type=click.Choice(["active", "disabled", "revoked", "any"]), default="active", show_default=True,
    help="Only keys in this state.",
)  # fmt: skip
@json_option
@server_options
def report(
    *, connection: Connection, unused_for: dt.timedelta | None, expiring_within: dt.timedelta | None,
    older_than: dt.timedelta | None, tenant: str, principal: str, state: str, as_json: bool,
) -> None:  # fmt: skip
    """List keys that are unused, expire soon, or have an old secret: any of what is asked for, each with its findings."""
    from counterseal.core.model import KeyState
    from counterseal.server.store.records import KeyQuery

    if unused_for is None and expiring_within is None and older_than is None:
        raise click.UsageError("nothing to report: give --unused-for, --expiring-within or --older-than")
    base = KeyQuery(
        tenants=frozenset({tenant}) if tenant else None,
        principal=principal,
        state=None if state == "any" else KeyState(state.upper()),
    )
    with connection.open(token_required=True) as client:
        found: dict[str, tuple[KeyRecord, list[str]]] = {}
        for finding, query in _queries(base, unused_for, expiring_within, older_than):
            for record in all_pages(client, query, None)[0]:
                found.setdefault(record.key_id, (record, []))[1].append(finding)
    _echo([found[key_id] for key_id in sorted(found)], as_json=as_json)


def _queries(
    base: "KeyQuery", unused: dt.timedelta | None, expiring: dt.timedelta | None, old: dt.timedelta | None
) -> list[tuple[str, "KeyQuery"]]:
    from dataclasses import replace

    now = dt.datetime.now(dt.UTC)
    try:
        queries = [("unused", replace(base, unused_since=now - unused))] if unused else []
        queries += [("expiring", replace(base, expire_before=now + expiring))] if expiring else []
        queries += [("old", replace(base, secret_created_before=now - old))] if old else []
    except OverflowError:
        raise click.UsageError("a duration reaches beyond the calendar") from None
    return queries


def _echo(found: list[tuple["KeyRecord", list[str]]], *, as_json: bool) -> None:
    if as_json:
        echo_json({"keys": [key_json(record) | {"findings": findings} for record, findings in found]})
    elif found:
        echo_table(_HEADING, (_row(record, findings) for record, findings in found))
    else:
        click.echo("No such keys.", err=True)


def _row(record: "KeyRecord", findings: list[str]) -> tuple[str, ...]:
    return (
        record.key_id,
        ",".join(findings),
        record.state.value,
        record.tenant,
        record.principal,
        to_second(last_use(record), absent="not known"),
        to_second(record.expires, absent="never"),
        to_second(record.secret_created or record.created),
    )
