"""`counterseal sign`: sign a request on this side, with the canonicalisation that the verifier uses. Calls no server."""

import datetime as dt
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import click

from counterseal.core.model import HttpRequest
from counterseal.server.cli.curl import curl_command
from counterseal.server.cli.explain import echo_explanation
from counterseal.server.cli.output import echo_json, time_text
from counterseal.server.cli.raw_http import write_request
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


@click.command("sign", short_help="Sign a request: headers, URL or curl command.")
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
@click.option("--curl", "shape", flag_value="curl", help="Print a ready curl command.")
@click.option("--raw", "shape", flag_value="raw", help="Print the whole signed request, ready for `counterseal verify -`.")
@click.option("--json", "shape", flag_value="json", help="Print JSON.")
@click.option("--explain", is_flag=True, help="Show the canonical request and the string to sign on standard error.")
def sign(
    *, source: RequestInput, key_id: str | None, secret_file: str | None, security_token_file: str | None, region: str,
    service: str, payload: str | None, at: dt.datetime | None, presign: bool, expires: dt.timedelta | None, shape: str | None,
    explain: bool,
) -> None:  # fmt: skip
    """Sign a request: print the headers to add, a presigned URL, or a curl command.

    The request comes from REQUEST-FILE (a raw HTTP/1.1 request; `-`: standard input), or from --method, --url or --target,
    --header and --body. The secret is taken from --secret-file, else from COUNTERSEAL_SECRET, else from a prompt. With no key
    id given, id and secret are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A secret is never an argument: other
    users of the machine can read those.
    """
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
        signed = _presigned(source.request, key, terms, seconds)
    else:
        seconds, signed = 0, _signed(source.request, key, terms)
    if explain:
        echo_explanation(signed)
    _echo(source, signed, shape, presigned_until=terms.now + seconds if presign else None)


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


def _signed(request: HttpRequest, key: SigningKey, terms: Terms) -> HttpRequest:
    """Return the request with the header fields that sign it behind its own."""
    from counterseal.core.schemes.aws_sigv4 import sign_headers

    try:
        added = sign_headers(
            request, _credentials(key), region=terms.region, service=terms.service, now=terms.now, payload=terms.payload
        )
    except ValueError as error:
        raise _refused(error) from None
    return replace(request, headers=(*request.headers, *added))


def _presigned(request: HttpRequest, key: SigningKey, terms: Terms, expires: int) -> HttpRequest:
    """Return the request with the target that signs it."""
    from counterseal.core.schemes.aws_sigv4 import presign

    try:
        target = presign(request, _credentials(key), region=terms.region, service=terms.service, now=terms.now, expires=expires)
    except ValueError as error:
        raise _refused(error) from None
    return replace(request, target=target)


def _refused(error: ValueError) -> click.UsageError:
    """Return what the signer found wrong with the request. Its texts name fields, and never hold a secret."""
    return click.UsageError(f"cannot sign: {error}")


def _echo(source: RequestInput, signed: HttpRequest, shape: str | None, *, presigned_until: int | None) -> None:
    """Print what was asked for. `presigned_until` is in Unix seconds; None: the signature is in the headers."""
    added = signed.headers[len(source.request.headers) :]
    if shape == "curl":
        command = curl_command(signed, base=source.url(b""), body_file=source.body_file)
        click.echo(command.encode())  # whatever the locale says: header fields are bytes
    elif shape == "raw":
        click.echo(write_request(signed), nl=False)
    elif presigned_until is not None:
        url = source.url(signed.target)
        if shape == "json":
            expire_time = dt.datetime.fromtimestamp(presigned_until, dt.UTC)
            echo_json({"url": url.decode("utf-8", "backslashreplace"), "expire_time": time_text(expire_time)})
        else:
            click.echo(url)
    elif shape == "json":
        echo_json({"headers": [{"name": name.decode("ascii"), "value": value.decode("ascii")} for name, value in added]})
    else:
        click.echo(b"\n".join(name + b": " + value for name, value in added))
