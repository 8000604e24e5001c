"""`counterseal sign`: sign a request on this side, with the canonicalisation that the verifier uses. Calls no server."""

import datetime as dt
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import click

from counterseal.core.model import HttpRequest
from counterseal.server.cli.curl import curl_command
from counterseal.server.cli.output import echo_json
from counterseal.server.cli.request_input import RequestInput, request_options
from counterseal.server.cli.secret_input import KEY_ID_VARIABLE, SigningKey, signing_key
from counterseal.server.cli.times import duration_option, time_option

if TYPE_CHECKING:
    from counterseal.core.schemes.aws_sigv4 import Credentials

# Values of x-amz-content-sha256 that a signer may choose, beside the hash of the body.
_PAYLOAD: Final = re.compile(r"[0-9a-f]{64}|UNSIGNED-PAYLOAD|STREAMING-[A-Z0-9-]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Where and when a signature is good. `now` is in Unix seconds, `payload` a value of x-amz-content-sha256."""

    region: str
    service: str
    now: int
    payload: str | None


@click.command("sign")
@request_options
@click.option("--key-id", envvar=KEY_ID_VARIABLE, help=f"Id of the key. [env: {KEY_ID_VARIABLE}, else AWS_ACCESS_KEY_ID]")
@click.option("--secret-file", metavar="FILE", help="File with the secret (`-`: standard input). [default: see above]")
@click.option("--security-token-file", type=click.Path(exists=True, dir_okay=False), help="File with a security token to send.")
@click.option("--region", default="us-east-1", show_default=True, help="Region of the scope.")
@click.option("--service", default="s3", show_default=True, help="Service of the scope.")
@click.option(
    "--payload", metavar="VALUE", help="x-amz-content-sha256: `unsigned`, a hash in hex, ... [default: hash of the body]"
)
@click.option(
    "--at", type=time_option, metavar="TIME", help="Time to sign for: RFC 3339, or a duration from now. [default: now]"
)
@click.option("--presign", is_flag=True, help="Print a presigned URL instead of headers.")
@click.option("--expires", type=duration_option, metavar="DURATION", help="How long a presigned URL is good. [default: 15m]")
@click.option("--curl", "as_curl", is_flag=True, help="Print a ready curl command.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def sign(
    *, source: RequestInput, key_id: str | None, secret_file: str | None, security_token_file: str | None, region: str,
    service: str, payload: str | None, at: dt.datetime | None, presign: bool, expires: dt.timedelta | None, as_curl: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Sign a request: print the headers to add, a presigned URL, or a curl command.

    The request comes from REQUEST-FILE (a raw HTTP/1.1 request; `-`: standard input), or from --method, --url or --target,
    --header and --body. The secret is taken from --secret-file, else from COUNTERSEAL_SECRET, else from a prompt. With no key
    id given, id and secret are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A secret is never an argument: other
    users of the machine can read those.
    """
    if as_curl and as_json:
        raise click.UsageError("--curl and --json exclude each other")
    if expires is not None and not presign:
        raise click.UsageError("--expires needs --presign")
    if presign and payload is not None:
        raise click.UsageError("--payload does not go with --presign")
    _ = source.host  # before a secret is asked for
    now = int(at.timestamp() if at is not None else time.time())
    terms = Terms(region=region, service=service, now=now, payload=_payload(payload, source, needed=not presign))
    key = signing_key(key_id, secret_file, security_token_file, stdin_allowed=not source.uses_stdin)
    if presign:
        seconds = 900 if expires is None else int(expires.total_seconds())
        _echo_presigned(source, key, terms, seconds, as_curl=as_curl, as_json=as_json)
    else:
        _echo_signed(source, key, terms, as_curl=as_curl, as_json=as_json)


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


def _credentials(key: SigningKey) -> "Credentials":
    from counterseal.core.schemes.aws_sigv4 import Credentials

    return Credentials(key_id=key.key_id, secret=key.secret, security_token=key.security_token)


def _echo_signed(source: RequestInput, key: SigningKey, terms: Terms, *, as_curl: bool, as_json: bool) -> None:
    from counterseal.core.schemes.aws_sigv4 import sign_headers

    try:
        added = sign_headers(
            source.request, _credentials(key), region=terms.region, service=terms.service, now=terms.now, payload=terms.payload
        )
    except ValueError as error:
        raise _refused(error) from None
    if as_curl:
        _echo_curl(source, replace(source.request, headers=(*source.request.headers, *added)))
    elif as_json:
        echo_json({"headers": [{"name": name.decode("ascii"), "value": value.decode("ascii")} for name, value in added]})
    else:
        for name, value in added:
            click.echo(name + b": " + value)


def _echo_presigned(source: RequestInput, key: SigningKey, terms: Terms, expires: int, *, as_curl: bool, as_json: bool) -> None:
    from counterseal.core.schemes.aws_sigv4 import presign

    try:
        target = presign(
            source.request, _credentials(key), region=terms.region, service=terms.service, now=terms.now, expires=expires
        )
    except ValueError as error:
        raise _refused(error) from None
    url = source.url_scheme.encode() + b"://" + source.host + target
    if as_curl:
        _echo_curl(source, replace(source.request, target=target))
    elif as_json:
        expire_time = dt.datetime.fromtimestamp(terms.now + expires, dt.UTC)
        echo_json({"url": url.decode("utf-8", "replace"), "expire_time": expire_time.isoformat().replace("+00:00", "Z")})
    else:
        click.echo(url)


def _echo_curl(source: RequestInput, request: HttpRequest) -> None:
    click.echo(curl_command(request, scheme=source.url_scheme, host=source.host, body_file=source.body_file))


def _refused(error: ValueError) -> click.UsageError:
    """Return what the signer found wrong with the request. Its texts name fields, and never hold a secret."""
    return click.UsageError(f"cannot sign: {error}")
