"""`counterseal keys get|list|update|revoke`: the commands on keys that exist."""

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.key_view import echo_key, echo_keys, key_json
from counterseal.server.cli.keys import expiry, json_option, keys, label_option
from counterseal.server.cli.output import echo_json, time_text, to_second
from counterseal.server.cli.policy_options import POLICY_OPTIONS, merged, names_limit, policy_of
from counterseal.server.cli.times import duration_option, time_option

if TYPE_CHECKING:
    from counterseal.server.rpc.admin_client import AdminClient
    from counterseal.server.store.records import KeyChange, KeyQuery, KeyRecord

PAGE_SIZE: Final = 1000  # the contract's largest page


@keys.command("get")
@click.argument("key_id")
@json_option
@server_options
def get(*, connection: Connection, key_id: str, as_json: bool) -> None:
    """Show one key. Secrets are never readable."""
    with connection.open(token_required=True) as client:
        _echo(client.get(key_id), as_json=as_json)


@keys.command("list")
@click.option("--tenant", default="", help="Only keys of this tenant.")
@click.option("--principal", default="", help="Only keys of this principal.")
@click.option(
    "--state", type=click.Choice(["active", "disabled", "revoked"], case_sensitive=False), help="Only keys in this state."
)
@click.option("--limit", type=click.IntRange(min=1), help="At most this many keys. [default: all]")
@click.option("--page-token", default="", help="Go on where a limited list ended: its `next_page_token`.")
@json_option
@server_options
def list_keys(
    *, connection: Connection, tenant: str, principal: str, state: str | None, limit: int | None, page_token: str, as_json: bool
) -> None:
    """List keys, ordered by their ids."""
    from counterseal.core.model import KeyState
    from counterseal.server.store.records import KeyQuery

    query = KeyQuery(
        after=page_token,
        tenants=frozenset({tenant}) if tenant else None,
        principal=principal,
        state=KeyState(state.upper()) if state else None,
    )
    with connection.open(token_required=True) as client:
        records, next_page_token = all_pages(client, query, limit)
    if as_json:
        echo_json({"keys": [key_json(record) for record in records], "next_page_token": next_page_token})
    elif records:
        echo_keys(records)
        if next_page_token:
            click.echo(f"There are more: --page-token {next_page_token}", err=True)
    else:
        click.echo("No keys. Issue one with `counterseal keys issue`.", err=True)


def all_pages(client: "AdminClient", query: "KeyQuery", limit: int | None) -> tuple[list["KeyRecord"], str]:
    """Return the keys of as many pages as it takes, and the page token to go on with (empty: that was all)."""
    from dataclasses import replace

    records: list[KeyRecord] = []
    while True:
        wanted = PAGE_SIZE if limit is None else min(PAGE_SIZE, limit - len(records))
        page = client.list_keys(replace(query, page_size=wanted))
        records += page.records
        if not page.next_after or (limit is not None and len(records) >= limit):
            return records, page.next_after
        query = replace(query, after=page.next_after)


# Option -> the field of the update mask that giving it puts in.
_MASK: Final = {
    "principal": "principal", "description": "description", "labels": "labels", "no_labels": "labels",
    "schemes": "allowed_schemes", "state": "state", "not_before": "not_before_time", "no_not_before": "not_before_time",
    "expires": "expire_time", "expires_in": "expire_time", "no_expiry": "expire_time",
}  # fmt: skip
_UPDATE_OPTIONS: Final = (
    click.option("--principal", help="Whom the key stands for. An empty text clears it."),
    click.option("--description", help="What the key is for. An empty text clears it."),
    label_option,
    click.option("--no-labels", is_flag=True, help="Remove every label."),
    click.option("--scheme", "schemes", multiple=True, help="Schemes, replacing those of the key. Repeatable."),
    click.option(
        "--state", type=click.Choice(["active", "disabled"], case_sensitive=False), help="Disabled keys do not verify."
    ),
    click.option("--not-before", type=time_option, metavar="TIME", help="RFC 3339, or a duration from now."),
    click.option("--no-not-before", is_flag=True, help="Remove the not-before time."),
    click.option("--expires", type=time_option, metavar="TIME", help="RFC 3339, or a duration from now."),
    click.option("--expires-in", type=duration_option, metavar="DURATION", help="A duration: 12h, 30d, 4w."),
    click.option("--no-expiry", is_flag=True, help="Remove the expiry."),
    *POLICY_OPTIONS,
    click.option("--no-policy", is_flag=True, help="Remove every limit, but for those given beside it."),
    click.option("--etag", default="", help="Change only if the key still has this etag."),
)


def _update_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_UPDATE_OPTIONS):
        command = option(command)
    return command


@keys.command("update")
@click.argument("key_id")
@_update_options
@json_option
@server_options
def update(*, connection: Connection, key_id: str, as_json: bool, **options: Any) -> None:
    """Change a key: only what is given changes. Labels, schemes and each list of limits are replaced as a whole."""
    change = _change(key_id, options)
    with connection.open(token_required=True) as client:
        if "policy" in change.mask and not options["no_policy"]:
            change = _with_limits_kept(change, client.get(key_id), options)
        _echo(client.update(change), as_json=as_json)


def _with_limits_kept(change: "KeyChange", now: "KeyRecord", options: dict[str, Any]) -> "KeyChange":
    """Return the change with the limits that it does not name as they are: the service takes a policy as a whole.

    It is made only if the key is still the one that was read.
    """
    from dataclasses import replace

    return replace(change, policy=merged(now.policy, options), etag=change.etag or now.etag)


def _change(key_id: str, options: dict[str, Any]) -> "KeyChange":
    from counterseal.core.model import KeyState
    from counterseal.server.store.records import KeyChange

    for value, removal in (
        ("labels", "no_labels"),
        ("not_before", "no_not_before"),
        ("expires", "no_expiry"),
        ("expires_in", "no_expiry"),
    ):
        if options[value] and options[removal]:
            raise click.UsageError(f"--{removal.replace('_', '-')} contradicts another option")
    named = {"policy"} if options["no_policy"] or names_limit(options) else set()
    given = {option for option in _MASK if options[option] is not None and options[option] not in (False, (), {})}
    mask = named | {_MASK[option] for option in given}
    if not mask:
        raise click.UsageError("nothing to change: give at least one option")
    expires: dt.datetime | None = expiry(options["expires"], options["expires_in"])
    return KeyChange(
        key_id=key_id,
        etag=options["etag"],
        mask=frozenset(mask),
        principal=options["principal"] or "",
        description=options["description"] or "",
        labels=options["labels"],
        allowed_schemes=frozenset(options["schemes"]),
        state=KeyState(options["state"].upper()) if options["state"] else None,
        not_before=options["not_before"],
        expires=expires,
        policy=policy_of(options),
    )


@keys.command("revoke")
@click.argument("key_id")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--wait", is_flag=True, help="Return only once no replica verifies the key any more.")
@json_option
@server_options
def revoke(*, connection: Connection, key_id: str, reason: str, wait: bool, as_json: bool) -> None:
    """Revoke a key for good. Repeating it changes nothing."""
    with connection.open(token_required=True) as client:
        revocation = client.revoke(key_id, reason, wait=wait)
    if as_json:
        echo_json({"key": key_json(revocation.record), "revoke_effective_time": time_text(revocation.effective)})
    else:
        echo_key(revocation.record)
        click.echo(f"Revoked. From {to_second(revocation.effective)} on no replica verifies it.")


def _echo(record: "KeyRecord", *, as_json: bool) -> None:
    if as_json:
        echo_json({"key": key_json(record)})
    else:
        echo_key(record)
