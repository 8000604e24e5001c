"""`counterseal sessions`: list who is signed in, and end a session."""

from typing import TYPE_CHECKING, Final

import click

from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.keys import json_option
from counterseal.server.cli.output import echo_json, time_text, to_second
from counterseal.server.cli.session_view import echo_session, echo_sessions, session_json

if TYPE_CHECKING:
    from counterseal.server.rpc.admin_client import AdminClient
    from counterseal.server.rpc.session_client import SeenSession, SessionsQuery

_PAGE_SIZE: Final = 1000  # the contract's largest page


@click.group()
def sessions() -> None:
    """See who is signed in at a running server, and end sessions."""


@sessions.command("list")
@click.option("--tenant", default="", help="Only sessions of this tenant.")
@click.option("--principal", default="", help="Only sessions of this principal.")
@click.option("--all", "include_over", is_flag=True, help="Also those that have ended or expired.")
@json_option
@server_options
def list_sessions(*, connection: Connection, tenant: str, principal: str, include_over: bool, as_json: bool) -> None:
    """List sessions, ordered by their ids."""
    with connection.open(token_required=True) as client:
        from counterseal.server.rpc.session_client import SessionsQuery

        query = SessionsQuery(tenant=tenant, principal=principal, include_over=include_over, page_size=_PAGE_SIZE)
        found = _all_pages(client, query)
    if as_json:
        echo_json({"sessions": [session_json(session) for session in found]})
    elif found:
        echo_sessions(found)
    else:
        click.echo("No sessions." if include_over else "No sessions. --all shows those that are over, too.", err=True)


def _all_pages(client: "AdminClient", query: "SessionsQuery") -> list["SeenSession"]:
    from dataclasses import replace

    found: list[SeenSession] = []
    while True:
        page = client.sessions.list_sessions(query)
        found += page.sessions
        if not page.next_page_token:
            return found
        query = replace(query, page_token=page.next_page_token)


@sessions.command("end")
@click.argument("session_id")
@click.option("--wait", is_flag=True, help="Return only once no replica verifies any key of the session.")
@json_option
@server_options
def end(*, connection: Connection, session_id: str, wait: bool, as_json: bool) -> None:
    """End a session for good, with all of its tokens and keys. Repeating it changes nothing."""
    with connection.open(token_required=True) as client:
        done = client.sessions.end(session_id, wait=wait)
    if as_json:
        echo_json({"session": session_json(done.session), "effective_time": time_text(done.effective)})
    else:
        echo_session(done.session)
        click.echo(f"Ended. From {to_second(done.effective)} on no replica verifies any key of it.")
