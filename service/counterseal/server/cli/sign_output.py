"""What `sign` prints: fields to add, a URL, a curl command, a whole request, or JSON."""

import datetime as dt

import click

from counterseal.core.model import HttpRequest
from counterseal.server.cli.curl import curl_command
from counterseal.server.cli.output import echo_json, time_text
from counterseal.server.cli.raw_http import write_request
from counterseal.server.cli.request_input import RequestInput


def echo_signed(source: RequestInput, signed: HttpRequest, shape: str | None, *, ends: int | None) -> None:
    """Print what was asked for. `ends` is the end of a presigned URL in Unix seconds; None where it states none.

    Raises:
        click.UsageError: the signature stands in the body, and cannot be added by hand.
    """
    sent, given = source.request, len(source.request.headers)
    same_body = signed.content == sent.content
    if shape == "curl":
        # A body that the signature stands in is not the one in the file any more.
        command = curl_command(signed, base=source.url(b""), body_file=source.body_file if same_body else None)
        click.echo(command.encode())  # whatever the locale says: header fields are bytes
    elif shape == "raw":
        click.echo(write_request(signed), nl=False)
    elif not same_body or signed.headers[:given] != sent.headers:
        raise click.UsageError("this signature stands in the body: add --raw or --curl")
    elif signed.target != sent.target:
        _echo_url(source.url(signed.target), ends, as_json=shape == "json")
    else:
        _echo_fields(signed.headers[given:], as_json=shape == "json")


def _echo_url(url: bytes, ends: int | None, *, as_json: bool) -> None:
    if not as_json:
        click.echo(url)
        return
    expire_time = None if ends is None else time_text(dt.datetime.fromtimestamp(ends, dt.UTC))
    echo_json({"url": url.decode("utf-8", "backslashreplace"), "expire_time": expire_time})


def _echo_fields(added: tuple[tuple[bytes, bytes], ...], *, as_json: bool) -> None:
    if as_json:
        echo_json({"headers": [{"name": name.decode("ascii"), "value": value.decode("ascii")} for name, value in added]})
    else:
        click.echo(b"\n".join(name + b": " + value for name, value in added))
