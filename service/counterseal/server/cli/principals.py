"""`counterseal principals`: add, get, list, update, set-password, disable, enable, delete."""

from typing import TYPE_CHECKING, Any, Final

import click

from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.keys import json_option, label_option
from counterseal.server.cli.output import echo_json
from counterseal.server.cli.password_input import GivenPassword, password_options, read_password
from counterseal.server.cli.principal_view import echo_principal, echo_principals, principal_json

if TYPE_CHECKING:
    from counterseal.server.sessions.principal_drafts import PrincipalUpdate
    from counterseal.server.store.session_records import PrincipalRecord

_PAGE_SIZE: Final = 1000  # the contract's largest page
_PASSWORD_WARNING: Final = "The password is shown this once and cannot be read again: hand it over now."  # noqa: S105
_tenant_option: Final = click.option("--tenant", default="", help="Tenant of the principal. [default: default]")
_etag_option: Final = click.option("--etag", default="", help="Only if the principal still has this etag.")


@click.group()
def principals() -> None:
    """Say who may sign in at a running server, and with which password."""


@principals.command("add")
@click.argument("name")
@_tenant_option
@click.option("--description", default="", help="Who or what it is.")
@label_option
@password_options
@click.option("--no-password", is_flag=True, help="Without a password: it signs in through an identity provider, or not yet.")
@json_option
@server_options
def add(
    *, connection: Connection, name: str, tenant: str, description: str, labels: dict[str, str], from_stdin: bool,
    generate: bool, no_password: bool, as_json: bool,
) -> None:  # fmt: skip
    """Create a principal. Its password is asked for twice, unless an option says where it comes from."""
    from counterseal.server.sessions.principal_drafts import PrincipalDraft

    if no_password and (from_stdin or generate):
        raise click.UsageError("--no-password contradicts another option")
    given = GivenPassword(text="", generated=False)
    if not no_password:
        given = read_password(from_stdin=from_stdin, generate=generate, instead=", or --no-password")
    draft = PrincipalDraft(tenant=tenant, name=name, description=description, labels=labels, password=given.text)
    with connection.open(token_required=True) as client:
        record = client.principals.create(draft)
    _echo_with_password(record, given, as_json=as_json)


@principals.command("get")
@click.argument("name")
@_tenant_option
@json_option
@server_options
def get(*, connection: Connection, name: str, tenant: str, as_json: bool) -> None:
    """Show one principal. Passwords are never readable."""
    with connection.open(token_required=True) as client:
        _echo(client.principals.get(tenant, name), as_json=as_json)


@principals.command("list")
@click.option("--tenant", default="", help="Only principals of this tenant.")
@json_option
@server_options
def list_principals(*, connection: Connection, tenant: str, as_json: bool) -> None:
    """List principals, ordered by tenant and name."""
    records: list[PrincipalRecord] = []
    with connection.open(token_required=True) as client:
        page_token = ""
        while True:
            page = client.principals.list_principals(tenant, page_token, _PAGE_SIZE)
            records += page.records
            page_token = page.next_page_token
            if not page_token:
                break
    if as_json:
        echo_json({"principals": [principal_json(record) for record in records]})
    elif records:
        echo_principals(records)
    else:
        click.echo("No principals. Create one with `counterseal principals add`.", err=True)


@principals.command("update")
@click.argument("name")
@_tenant_option
@click.option("--description", help="Who or what it is. An empty text clears it.")
@label_option
@click.option("--no-labels", is_flag=True, help="Remove every label.")
@_etag_option
@json_option
@server_options
def update(
    *, connection: Connection, name: str, tenant: str, description: str | None, labels: dict[str, str], no_labels: bool,
    etag: str, as_json: bool,
) -> None:  # fmt: skip
    """Change a principal: only what is given changes. Labels are replaced as a whole, for sessions that begin later."""
    if labels and no_labels:
        raise click.UsageError("--no-labels contradicts another option")
    mask = {"description"} if description is not None else set()
    if labels or no_labels:
        mask.add("labels")
    if not mask:
        raise click.UsageError("nothing to change: give at least one option")
    values = {"description": description or "", "labels": labels}
    with connection.open(token_required=True) as client:
        _echo(client.principals.update(_change(tenant, name, etag, mask, **values)), as_json=as_json)


@principals.command("set-password")
@click.argument("name")
@_tenant_option
@password_options
@click.option("--keep-sessions", is_flag=True, help="Let its sessions go on. Without this all of them end.")
@_etag_option
@json_option
@server_options
def set_password(
    *, connection: Connection, name: str, tenant: str, from_stdin: bool, generate: bool, keep_sessions: bool, etag: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Give a principal a new password, or its first, and end its sessions."""
    from counterseal.server.sessions.principal_drafts import PasswordOrder

    given = read_password(from_stdin=from_stdin, generate=generate)
    order = PasswordOrder(tenant=tenant, name=name, password=given.text, keep_sessions=keep_sessions, etag=etag)
    with connection.open(token_required=True) as client:
        record = client.principals.set_password(order)
    _echo_with_password(record, given, as_json=as_json)


@principals.command("disable")
@click.argument("name")
@_tenant_option
@_etag_option
@json_option
@server_options
def disable(*, connection: Connection, name: str, tenant: str, etag: str, as_json: bool) -> None:
    """Refuse a principal at sign-in, and end all of its sessions."""
    _echo(_with_state(connection, "disabled", tenant, name, etag), as_json=as_json)


@principals.command("enable")
@click.argument("name")
@_tenant_option
@_etag_option
@json_option
@server_options
def enable(*, connection: Connection, name: str, tenant: str, etag: str, as_json: bool) -> None:
    """Let a principal sign in again. Sessions that have ended stay so."""
    _echo(_with_state(connection, "active", tenant, name, etag), as_json=as_json)


def _with_state(connection: Connection, state: str, tenant: str, name: str, etag: str) -> "PrincipalRecord":
    from counterseal.server.store.session_records import PrincipalState

    with connection.open(token_required=True) as client:
        return client.principals.update(_change(tenant, name, etag, {"state"}, state=PrincipalState(state)))


@principals.command("delete")
@click.argument("name")
@_tenant_option
@_etag_option
@server_options
def delete(*, connection: Connection, name: str, tenant: str, etag: str) -> None:
    """Remove a principal, and end all of its sessions."""
    with connection.open(token_required=True) as client:
        client.principals.delete(tenant, name, etag)
    click.echo(f"Removed {name}.")


def _change(tenant: str, name: str, etag: str, mask: set[str], **values: Any) -> "PrincipalUpdate":
    from counterseal.server.sessions.principal_drafts import PrincipalUpdate

    return PrincipalUpdate(tenant=tenant, name=name, etag=etag, mask=frozenset(mask), **values)


def _echo(record: "PrincipalRecord", *, as_json: bool) -> None:
    if as_json:
        echo_json({"principal": principal_json(record)})
    else:
        echo_principal(record)


def _echo_with_password(record: "PrincipalRecord", given: GivenPassword, *, as_json: bool) -> None:
    """Show a principal, with its password where nobody knows it yet."""
    if as_json:
        shown: dict[str, object] = {"password": given.to_show} if given.generated else {}
        echo_json({"principal": principal_json(record)} | shown)
    else:
        echo_principal(record, given.to_show)
    if given.generated:
        click.echo(_PASSWORD_WARNING, err=True)
