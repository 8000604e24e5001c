"""`counterseal verify`: ask a running server for its verdict on a request."""

from typing import TYPE_CHECKING, Any

import click

from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.exits import REJECTED
from counterseal.server.cli.explain import echo_explanation
from counterseal.server.cli.request_input import RequestInput, request_options

if TYPE_CHECKING:
    from counterseal.core.model import Demand


@click.command("verify")
@request_options("--http-scheme", "--scheme")
@click.option("--body-sha256", metavar="HEX", help="SHA-256 of the body, instead of the body (with --no-body).")
@click.option("--source-address", default="", help="The client's address, as a gateway would state it.")
@click.option("--require-scheme", multiple=True, help="Signature scheme to accept. Repeatable. [default: any that is enabled]")
@click.option("--require-region", multiple=True, help="Region to accept. Repeatable. [default: any]")
@click.option("--require-service", multiple=True, help="Service to accept. Repeatable. [default: any]")
@click.option("--require-header", multiple=True, help="Header that the signature must cover. Repeatable.")
@click.option("--require-tenant", multiple=True, help="Tenant whose keys are accepted. Repeatable. [default: any]")
@click.option("--key-id", default="", help="Key that must have signed. Webhooks name none: they verify with this one.")
@click.option("--label", default="", help="Label of the signature to verify, where there are several (rfc9421).")
@click.option("--tag", default="", help="Tag that the signature must have (rfc9421).")
@click.option(
    "--require",
    multiple=True,
    metavar="COMPONENT",
    help="Component that the signature must cover, as '\"@method\"' (rfc9421). Repeatable; replaces the default ones.",
)
@click.option("--request-id", default="", help="Appears in the server's log.")
@click.option("--explain", is_flag=True, help="Show what the signature is computed over on standard error.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@server_options
def verify(
    *, connection: Connection, source: RequestInput, body_sha256: str | None, source_address: str, request_id: str,
    as_json: bool, explain: bool, **required: Any,
) -> None:  # fmt: skip
    """Verify a signed request on a running server.

    The request comes from REQUEST-FILE (a raw HTTP/1.1 request; `-`: standard input), or from --method, --url or --target,
    --header and --body. Exit code 0: verified. 1: rejected. Anything else: nobody knows.
    """
    from dataclasses import replace

    from counterseal.server.cli.verdict_view import echo_verdict

    request = replace(source.request, source_address=source_address)
    if body_sha256 is not None:
        if request.content is not None:
            raise click.UsageError("--body-sha256 stands in for the body: add --no-body")
        request = replace(request, content_sha256=_sha256(body_sha256))
    if explain:
        echo_explanation(request)
    with connection.open(token_required=False) as client:
        answer = client.verify(request, _demand(required), request_id=request_id)
    if not echo_verdict(answer, as_json=as_json):
        click.get_current_context().exit(REJECTED)


def _sha256(text: str) -> bytes:
    import re

    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        raise click.UsageError("--body-sha256: not 64 hex digits")
    return bytes.fromhex(text)


def _demand(required: dict[str, Any]) -> "Demand":
    from counterseal.core.model import Demand

    try:
        headers = frozenset(name.lower().encode("ascii") for name in required["require_header"])
    except UnicodeEncodeError:
        raise click.UsageError("--require-header: not a header name") from None
    return Demand(
        allowed_schemes=frozenset(required["require_scheme"]),
        regions=frozenset(required["require_region"]),
        services=frozenset(required["require_service"]),
        required_headers=headers,
        tenants=frozenset(required["require_tenant"]) or None,
        key_id=required["key_id"],
        label=required["label"],
        tag=required["tag"],
        required_components=tuple(_component(text) for text in required["require"]),
    )


def _component(text: str) -> str:
    """Return a component as signatures list it: a plain name may be given without its quotes."""
    return text if text.startswith('"') else f'"{text}"'
