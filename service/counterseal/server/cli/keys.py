"""`counterseal keys`: issue, import, get, list, update, revoke."""

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.key_view import PROFILE_NAME, aws_env, aws_profile, echo_key, key_json
from counterseal.server.cli.output import echo_json
from counterseal.server.cli.policy_options import POLICY_OPTIONS, policy_of
from counterseal.server.cli.times import duration_option, time_option

if TYPE_CHECKING:
    from counterseal.server.store.records import BearerMaterial, IssuedKey, KeyDraft, OfferedPublicKey

_WARNING: Final = "The {} is shown this once and cannot be read again: store it now."


SHAPES: Final = ("text", "json", "aws-env", "aws-profile", "header")
SHAPES_HELP: Final = "aws-env: lines for `eval`. aws-profile: for an AWS credentials file. header: of a bearer token."


@click.group()
def keys() -> None:
    """Issue, read, change and revoke keys on a running server."""


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON with stable field names.")


def _labels(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE")
        if name in labels:
            raise click.BadParameter(f"{name!r} is given twice")
        labels[name] = value
    return labels


label_option = click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", callback=_labels, help="A label. Repeatable."
)
_DRAFT_OPTIONS: Final = (
    click.option("--tenant", default="", help="Tenant that the key belongs to, for good. [default: default]"),
    click.option("--principal", default="", help="Whom the key stands for."),
    click.option("--description", default="", help="What the key is for."),
    label_option,
    click.option(
        "--scheme",
        "schemes",
        multiple=True,
        help="Scheme that the key may be used with. Repeatable. [default: aws-sigv4; public keys: rfc9421; tokens: bearer]",
    ),
    click.option(
        "--not-before", type=time_option, metavar="TIME", help="Does not verify before: RFC 3339, or a duration from now."
    ),
    click.option(
        "--expires", type=time_option, metavar="TIME", help="Does not verify from then on: RFC 3339, or a duration from now."
    ),
    click.option("--expires-in", type=duration_option, metavar="DURATION", help="The same as a duration: 12h, 30d, 4w."),
    click.option("--request-id", default="", help="Repeating a call with the same id gives the same key for ten minutes."),
    *POLICY_OPTIONS,
)


def _draft_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_DRAFT_OPTIONS):
        command = option(command)
    return command


def expiry(expires: dt.datetime | None, expires_in: dt.timedelta | None) -> dt.datetime | None:
    """Return the time that one of the two options states.

    Raises:
        click.UsageError: both are given, or the time lies beyond the calendar.
    """
    if expires_in is None:
        return expires
    if expires is not None:
        raise click.UsageError("--expires and --expires-in exclude each other")
    try:
        return dt.datetime.now(dt.UTC) + expires_in
    except OverflowError:
        raise click.UsageError("--expires-in: beyond the end of the calendar") from None


def _draft(material: Any = None, **options: Any) -> "KeyDraft":
    from counterseal.server.store.records import KeyDraft

    return KeyDraft(
        tenant=options["tenant"],
        principal=options["principal"],
        description=options["description"],
        labels=options["labels"],
        allowed_schemes=frozenset(options["schemes"]),
        not_before=options["not_before"],
        expires=expiry(options["expires"], options["expires_in"]),
        request_id=options["request_id"],
        material=material,
        policy=policy_of(options),
    )


@keys.command("issue")
@_draft_options
@click.option(
    "--format", "shape", type=click.Choice(SHAPES), default="text", show_default=True, help=SHAPES_HELP,
)  # fmt: skip
@click.option("--bearer", is_flag=True, help="Issue a bearer token, of which the server keeps only a hash.")
@click.option(
    "--public-key", metavar="FILE", help="Register this public key (PEM, JWK, raw; `-`: standard input), issue no secret."
)
@click.option("--algorithm", default="", help="What the public key is used with. Needed for RSA. [default: as the key says]")
@click.option("--key-id", default="", help="Id of the public key. [default: generated]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--profile", default="counterseal", show_default=True, help="Name of the section for --format aws-profile.")
@server_options
def issue(
    *, connection: Connection, shape: str, as_json: bool, profile: str, bearer: bool, public_key: str | None, algorithm: str,
    key_id: str, **options: Any,
) -> None:  # fmt: skip
    """Issue a key. Its secret is printed once, and never again.

    With --public-key the key is that one: it has no secret, and verifies what its private half signed. With --bearer the key is
    a token: whoever sends it is let in, whatever the rest of the request says.
    """
    if not PROFILE_NAME.fullmatch(profile):  # before a key is issued whose secret could then not be printed
        raise click.UsageError(f"--profile {profile!r}: letters, digits, '.', '_' and '-' only")
    shape = "json" if as_json else shape
    if bearer and public_key is not None:
        raise click.UsageError("--bearer and --public-key exclude each other")
    check_shape(shape, bearer=bearer)
    material = _token() if bearer else _offered(public_key, algorithm, key_id, shape)
    draft = _draft(material, **options)
    with connection.open(token_required=True) as client:
        issued = client.issue(draft)
    echo_issued(issued, shape, profile)


def check_shape(shape: str, *, bearer: bool) -> None:
    """Refuse a shape of `--format` that is another kind of key's.

    Raises:
        click.UsageError: it is.
    """
    if bearer and shape.startswith("aws-"):
        raise click.UsageError(f"--format {shape}: a bearer token is no secret of AWS's")
    if not bearer and shape == "header":
        raise click.UsageError("--format header: only a bearer token is sent in a header as it is")


def _token() -> "BearerMaterial":
    from counterseal.server.store.records import BearerMaterial

    return BearerMaterial()


def _offered(public_key: str | None, algorithm: str, key_id: str, shape: str) -> "OfferedPublicKey | None":
    """Return the public key to register, None where a secret is to be issued."""
    if public_key is None:
        if algorithm or key_id:
            raise click.UsageError("--algorithm and --key-id need --public-key (`keys import` brings an id and a secret along)")
        return None
    if shape not in ("text", "json"):
        raise click.UsageError(f"--format {shape}: a public key has no secret to configure")
    from counterseal.server.cli.public_key_input import read_public_key_file

    return read_public_key_file(public_key, algorithm=algorithm, key_id=key_id)


def echo_issued(issued: "IssuedKey", shape: str, profile: str) -> None:
    """Print a key that was issued or rotated, with its secret, in one of the shapes of `--format`."""
    match shape:
        case "json":
            echo_json({"key": key_json(issued.record), "secret": issued.secret})
        case "header":
            click.echo(f"Authorization: Bearer {issued.secret}")
        case "aws-env":
            click.echo(aws_env(issued))
        case "aws-profile":
            click.echo(aws_profile(issued, profile))
        case _:
            echo_key(issued.record, secret=issued.secret)
    if issued.secret:
        click.echo(_WARNING.format("token" if issued.record.bearer else "secret"), err=True)


@keys.command("import")
@click.argument("key_id")
@_draft_options
@click.option("--secret-file", metavar="FILE", help="File with the secret (`-`: standard input).")
@click.option(
    "--security-token-file", type=click.Path(exists=True, dir_okay=False), help="File with a security token to require."
)
@json_option
@server_options
def import_key(
    *,
    connection: Connection,
    key_id: str,
    secret_file: str | None,
    security_token_file: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Import an existing id and secret.

    The secret is taken from --secret-file, else from COUNTERSEAL_SECRET, else from standard input or a prompt. A security token
    that requests must carry is taken from --security-token-file, else from COUNTERSEAL_SECURITY_TOKEN.
    """
    from counterseal.server.cli.secret_input import read_secret, read_security_token
    from counterseal.server.store.records import ImportedMaterial

    secret = read_secret(secret_file, stdin_implied=True)
    material = ImportedMaterial(key_id=key_id, secret=secret, security_token=read_security_token(security_token_file))
    draft = _draft(material, **options)
    with connection.open(token_required=True) as client:
        record = client.issue(draft).record
    if as_json:
        echo_json({"key": key_json(record)})
    else:
        echo_key(record)
