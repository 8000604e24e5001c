"""`counterseal keys rotate`."""

import datetime as dt

import click

from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.key_view import PROFILE_NAME, key_json
from counterseal.server.cli.keys import SHAPES, SHAPES_HELP, check_shape, echo_issued, keys
from counterseal.server.cli.output import echo_json, time_text, to_second
from counterseal.server.cli.times import duration_option


def _overlap(text: str) -> dt.timedelta:
    """Return the duration of `--overlap`: one as elsewhere, or 0."""
    return dt.timedelta(0) if text in ("0", "0s") else duration_option(text)


@keys.command("rotate")
@click.argument("key_id")
@click.option(
    "--overlap", type=_overlap, required=True, metavar="DURATION",
    help="How long the secret before keeps verifying: 12h, 7d, at most 365d; 0 ends it at once.",
)  # fmt: skip
@click.option("--secret-file", metavar="FILE", help="Bring the new secret along (`-`: standard input), generate none.")
@click.option("--etag", default="", help="Rotate only if the key still has this etag.")
@click.option("--request-id", default="", help="Repeating a call with the same id gives the same secret for ten minutes.")
@click.option(
    "--format", "shape", type=click.Choice(SHAPES), default="text", show_default=True, help=SHAPES_HELP,
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--profile", default="counterseal", show_default=True, help="Name of the section for --format aws-profile.")
@server_options
def rotate(
    *, connection: Connection, key_id: str, overlap: dt.timedelta, secret_file: str | None, etag: str, request_id: str,
    shape: str, as_json: bool, profile: str,
) -> None:  # fmt: skip
    """Give a key a new secret, which is printed once. The one before keeps verifying for the overlap."""
    from counterseal.server.store.records import IssuedKey, RotateOrder

    if not PROFILE_NAME.fullmatch(profile):
        raise click.UsageError(f"--profile {profile!r}: letters, digits, '.', '_' and '-' only")
    shape = "json" if as_json else shape
    if secret_file is not None and shape not in ("text", "json"):
        raise click.UsageError(f"--format {shape}: a secret that was brought along is not printed")
    secret = b"" if secret_file is None else _secret(secret_file)
    order = RotateOrder(key_id=key_id, overlap=overlap, etag=etag, imported_secret=secret, request_id=request_id)
    with connection.open(token_required=True) as client:
        if shape not in ("text", "json"):  # before a secret is made that could then not be printed so
            check_shape(shape, bearer=client.get(key_id).bearer)
        rotated = client.rotate(order)
    if shape == "json":
        end = time_text(rotated.previous_end)
        echo_json({"key": key_json(rotated.record), "secret": rotated.secret, "previous_end_time": end})
        return
    echo_issued(IssuedKey(record=rotated.record, secret=rotated.secret), shape, profile)
    click.echo(f"The secret before does not verify from {to_second(rotated.previous_end)} on.", err=True)


def _secret(secret_file: str) -> bytes:
    from counterseal.server.cli.secret_input import read_secret

    return read_secret(secret_file)
