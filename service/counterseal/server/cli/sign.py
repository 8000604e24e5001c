"""`counterseal sign`: sign a request on this side, with the canonicalisation that the verifier uses. Calls no server."""

import datetime as dt
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from counterseal.core.model import HttpRequest
from counterseal.server.cli import scheme_choice
from counterseal.server.cli.explain import echo_explanation
from counterseal.server.cli.request_input import RequestInput, came_in_by, request_options
from counterseal.server.cli.secret_input import KEY_ID_VARIABLE, SigningKey, private_signing_key, signing_key
from counterseal.server.cli.sign_output import echo_signed
from counterseal.server.cli.times import duration_option, time_option

if TYPE_CHECKING:
    from counterseal.core.schemes import Scheme

# Values of x-amz-content-sha256 that a signer may choose, beside the hash of the body.
_PAYLOAD: Final = re.compile(r"[0-9a-f]{64}|UNSIGNED-PAYLOAD|STREAMING-[A-Z0-9-]{1,60}")
_PRESIGNED_SECONDS: Final = 900
_FILE: Final = click.Path(exists=True, dir_okay=False)


@click.command("sign", short_help="Sign a request: headers, URL or curl command.")
@request_options("--http-scheme")
@click.option(
    "--scheme",
    default=scheme_choice.DEFAULT,
    show_default=True,
    shell_complete=scheme_choice.complete,
    metavar="NAME",
    help="How to sign. `counterseal schemes` and docs/schemes.md list the ways.",
)
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the scheme's signing. Repeatable.")
@click.option("--key-id", envvar=KEY_ID_VARIABLE, help=f"Id of the key. [env: {KEY_ID_VARIABLE}, else AWS_ACCESS_KEY_ID]")
@click.option("--secret-file", metavar="FILE", help="File with the secret (`-`: standard input). [default: see above]")
@click.option("--private-key-file", metavar="FILE", type=_FILE, help="Sign with this private key (PKCS#8, PEM or DER).")
@click.option("--security-token-file", type=_FILE, help="File with a security token to send.")
@click.option("--region", help="Region of the scope. [default for aws-sigv4: us-east-1]")
@click.option("--service", help="Service of the scope. [default for aws-sigv4: s3]")
@click.option(
    "--payload", metavar="VALUE", help="x-amz-content-sha256: `unsigned`, a hash in hex, ... [default: hash of the body]"
)
@click.option(
    "--at", type=time_option, metavar="TIME", help="Time to sign for: RFC 3339, or a duration from now. [default: now]"
)
@click.option("--presign", is_flag=True, help="Print a presigned URL instead of headers.")
@click.option("--expires", type=duration_option, metavar="DURATION", help="How long a presigned URL is good. [default: 15m]")
@click.option("--curl", "shape", flag_value="curl", help="Print a ready curl command.")
@click.option("--raw", "shape", flag_value="raw", help="Print the whole signed request, ready for `counterseal verify -`.")
@click.option("--json", "shape", flag_value="json", help="Print JSON.")
@click.option("--explain", is_flag=True, help="Show what the signature is computed over on standard error.")
def sign(
    *, source: RequestInput, scheme: str, options: tuple[str, ...], key_id: str | None, secret_file: str | None,
    private_key_file: str | None, security_token_file: str | None, region: str | None, service: str | None,
    payload: str | None, at: dt.datetime | None, presign: bool, expires: dt.timedelta | None, shape: str | None, explain: bool,
) -> None:  # fmt: skip
    """Sign a request: print the headers to add, a presigned URL, or a curl command.

    The request comes from REQUEST-FILE (a raw HTTP/1.1 request; `-`: standard input), or from --method, --url or --target,
    --header and --body. The secret is taken from --secret-file, else from COUNTERSEAL_SECRET, else from a prompt. With no key
    id given, id and secret for a scheme of AWS are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A secret is never an
    argument: other users of the machine can read those.
    """
    if expires is not None and not presign:
        raise click.UsageError("--expires needs --presign")
    if presign and payload is not None:
        raise click.UsageError("--payload does not go with --presign")
    if private_key_file is not None and secret_file is not None:
        raise click.UsageError("--private-key-file and --secret-file exclude each other")
    if scheme in ("http", "https"):  # what this option was for before there was more than one way to sign
        source, scheme = came_in_by(source, scheme), scheme_choice.DEFAULT
    _ = source.host  # before a secret is asked for
    chosen = scheme_choice.find_scheme(scheme)
    seconds = _PRESIGNED_SECONDS if expires is None else int(expires.total_seconds())
    flags = {"region": region, "service": service, "expires": str(seconds) if presign else None}
    flags["payload"] = _payload(payload, source, needed=chosen.name == scheme_choice.DEFAULT and not presign)
    given = _options(chosen, options, {name: value for name, value in flags.items() if value is not None})
    now = int(at.timestamp() if at is not None else time.time())
    key = _key(chosen, key_id, secret_file, private_key_file, security_token_file, source)
    signed = _signed(chosen, source.request, key, now, given)
    if explain:
        echo_explanation(signed)
    echo_signed(source, signed, shape, ends=now + int(given["expires"]) if given.get("expires", "").isdigit() else None)


def _options(scheme: "Scheme", texts: tuple[str, ...], flags: Mapping[str, str]) -> dict[str, str]:
    """Return the options by name: those of our own flags are the scheme's options of the same name."""
    options = scheme_choice.read_options(texts)
    for name in options.keys() & flags.keys():
        raise click.UsageError(f"--option {name}: given as --{name} as well")
    defaults = {"region": "us-east-1", "service": "s3"} if scheme.name == scheme_choice.DEFAULT else {}
    return {**defaults, **options, **flags}


def _payload(text: str | None, source: RequestInput, *, needed: bool) -> str | None:
    if text is None:
        if needed and source.request.content is None:
            raise click.UsageError("without a body there is nothing to hash: give --payload unsigned, or its hash in hex")
        return None
    if text == "unsigned":
        return "UNSIGNED-PAYLOAD"
    if not _PAYLOAD.fullmatch(text):
        raise click.UsageError("--payload: `unsigned`, 64 lower-case hex digits, or a STREAMING-... value")
    return text


def _key(
    scheme: "Scheme", key_id: str | None, secret_file: str | None, private_key_file: str | None, token_file: str | None,
    source: RequestInput,
) -> SigningKey:  # fmt: skip
    if private_key_file is not None:
        return private_signing_key(key_id, private_key_file, named=scheme.names_key)
    return signing_key(
        key_id,
        secret_file,
        token_file,
        stdin_allowed=not source.uses_stdin,
        named=scheme.names_key,
        bearer=scheme.name == "bearer",
        aws=scheme.name.startswith("aws-"),
    )


def _signed(scheme: "Scheme", request: HttpRequest, key: SigningKey, now: int, options: Mapping[str, str]) -> HttpRequest:
    """Return the signed request. What the signer finds wrong with it names fields, and never holds a secret."""
    from counterseal.core.schemes.base import Credentials, Signing

    credentials = Credentials(
        key_id=key.key_id, secret=key.secret, private_key=key.private_key, security_token=key.security_token
    )
    try:
        return scheme.sign(request, credentials, Signing(now=now, options=options))
    except ValueError as error:
        raise click.UsageError(f"cannot sign: {error}") from None
