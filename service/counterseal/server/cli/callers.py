"""`counterseal callers`: create, list, get, update, rotate-token, delete."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from counterseal.server.cli.caller_view import caller_json, echo_caller, echo_callers
from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.keys import json_option
from counterseal.server.cli.output import echo_json

if TYPE_CHECKING:
    from counterseal.server.caller_drafts import CallerChange, CreatedCaller
    from counterseal.server.store.caller_records import CallerLimits, CallerRecord

_PAGE_SIZE: Final = 1000  # the contract's largest page
_TOKEN_WARNING: Final = "The bearer token is shown this once and cannot be read again: store it now."  # noqa: S105
_ROLES: Final = click.Choice(["admin", "auditor", "gateway", "lease", "sessions"])
_COUNT: Final = click.IntRange(min=0, max=1_000_000)
_LIMIT_OPTIONS: Final = (
    click.option("--tenant", "tenants", multiple=True, help="Tenant whose keys it may ask about. Repeatable. [default: any]"),
    click.option("--scheme", "schemes", multiple=True, help="Scheme that it may have verified. Repeatable. [default: any]"),
    click.option("--region", "regions", multiple=True, help="Region that it may have verified. Repeatable. [default: any]"),
    click.option("--service", "services", multiple=True, help="Service that it may have verified. Repeatable. [default: any]"),
    click.option("--string-to-sign", is_flag=True, help="Let it send strings to sign instead of requests."),
    click.option("--calls-per-second", type=_COUNT, default=0, help="Calls in a second to one server process. [default: any]"),
    click.option("--burst", type=_COUNT, default=0, help="Calls at once beyond that. [default: as --calls-per-second]"),
    click.option("--concurrent-calls", type=_COUNT, default=0, help="Calls open at once to one process. [default: any]"),
)


@click.group()
def callers() -> None:
    """Create, read, change and remove the callers of a running server: gateways, auditors, administrators."""


def _limit_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_LIMIT_OPTIONS):
        command = option(command)
    return command


def _limits(options: dict[str, Any]) -> "CallerLimits":
    from counterseal.server.store.caller_records import CallerLimits

    return CallerLimits(
        tenants=frozenset(options["tenants"]),
        schemes=frozenset(options["schemes"]),
        regions=frozenset(options["regions"]),
        services=frozenset(options["services"]),
        string_to_sign=options["string_to_sign"],
        calls_per_second=options["calls_per_second"],
        burst=options["burst"],
        concurrent_calls=options["concurrent_calls"],
    )


@callers.command("create")
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What the caller may do: docs/callers.md has the table.")
@click.option("--san", default="", help="Recognise it by a certificate with this subject alternative name.")
@click.option(
    "--bearer", is_flag=True, help="Recognise it by a bearer token as well. Without --san this is what happens anyway."
)
@click.option("--description", default="", help="What the caller is.")
@_limit_options
@json_option
@server_options
def create(
    *, connection: Connection, name: str, role: str, san: str, bearer: bool, description: str, as_json: bool, **options: Any
) -> None:
    """Create a caller. Its bearer token is printed once, and never again."""
    from counterseal.server.caller_drafts import CallerDraft
    from counterseal.server.store.caller_records import Role

    draft = CallerDraft(
        name=name,
        role=Role(role),
        description=description,
        san=san,
        limits=_limits(options),
        bearer_token=bearer or not san,
    )
    with connection.open(token_required=True) as client:
        created = client.callers.create(draft)
    _echo_created(created, as_json=as_json)


@callers.command("get")
@click.argument("name")
@json_option
@server_options
def get(*, connection: Connection, name: str, as_json: bool) -> None:
    """Show one caller. Bearer tokens are never readable."""
    with connection.open(token_required=True) as client:
        _echo(client.callers.get(name), as_json=as_json)


@callers.command("list")
@json_option
@server_options
def list_callers(*, connection: Connection, as_json: bool) -> None:
    """List callers, ordered by their names. Those of the configuration are not among them."""
    records: list[CallerRecord] = []
    with connection.open(token_required=True) as client:
        page_token = ""
        while True:
            page = client.callers.list_callers(page_token, _PAGE_SIZE)
            records += page.records
            page_token = page.next_after
            if not page_token:
                break
    if as_json:
        echo_json({"callers": [caller_json(record) for record in records]})
    elif records:
        echo_callers(records)
    else:
        click.echo("No callers. Create one with `counterseal callers create`.", err=True)


@callers.command("update")
@click.argument("name")
@click.option("--role", type=_ROLES, help="What the caller may do.")
@click.option(
    "--state", type=click.Choice(["active", "disabled"]), help="A disabled caller is refused as if it were not known."
)
@click.option("--description", help="What the caller is. An empty text clears it.")
@click.option("--san", help="Subject alternative name of its certificate. An empty text clears it.")
@click.option("--no-limits", is_flag=True, help="Remove every limit.")
@_limit_options
@click.option("--etag", default="", help="Change only if the caller still has this etag.")
@json_option
@server_options
def update(*, connection: Connection, name: str, etag: str, as_json: bool, **options: Any) -> None:
    """Change a caller: only what is given changes. Limits are replaced as a whole: give all that shall hold."""
    change = _change(name, etag, options)
    with connection.open(token_required=True) as client:
        _echo(client.callers.update(change), as_json=as_json)


def _change(name: str, etag: str, options: dict[str, Any]) -> "CallerChange":
    from counterseal.server.caller_drafts import CallerChange
    from counterseal.server.store.caller_records import NO_LIMITS, CallerState, Role

    limits = _limits(options)
    if options["no_limits"] and limits != NO_LIMITS:
        raise click.UsageError("--no-limits contradicts another option")
    mask = {field for field in ("role", "state", "description", "san") if options[field] is not None}
    if options["no_limits"] or limits != NO_LIMITS:
        mask.add("limits")
    if not mask:
        raise click.UsageError("nothing to change: give at least one option")
    return CallerChange(
        name=name,
        etag=etag,
        mask=frozenset(mask),
        role=Role(options["role"]) if options["role"] else None,
        state=CallerState(options["state"]) if options["state"] else None,
        description=options["description"] or "",
        san=options["san"] or "",
        limits=limits,
    )


@callers.command("rotate-token")
@click.argument("name")
@click.option("--etag", default="", help="Rotate only if the caller still has this etag.")
@json_option
@server_options
def rotate_token(*, connection: Connection, name: str, etag: str, as_json: bool) -> None:
    """Give a caller a new bearer token. The one before ends at once: docs/callers.md says how to do without a gap."""
    with connection.open(token_required=True) as client:
        rotated = client.callers.rotate_token(name, etag)
    _echo_created(rotated, as_json=as_json)


@callers.command("delete")
@click.argument("name")
@click.option("--etag", default="", help="Remove only if the caller still has this etag.")
@server_options
def delete(*, connection: Connection, name: str, etag: str) -> None:
    """Remove a caller. It is refused everywhere once the revocation bound has passed."""
    with connection.open(token_required=True) as client:
        client.callers.delete(name, etag)
    click.echo(f"Removed {name}.")


def _echo(record: "CallerRecord", *, as_json: bool) -> None:
    if as_json:
        echo_json({"caller": caller_json(record)})
    else:
        echo_caller(record)


def _echo_created(created: "CreatedCaller", *, as_json: bool) -> None:
    if as_json:
        echo_json({"caller": caller_json(created.record), "bearer_token": created.bearer_token})
    else:
        echo_caller(created.record, created.bearer_token)
    if created.bearer_token:
        click.echo(_TOKEN_WARNING, err=True)
