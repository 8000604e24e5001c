"""The HTTP request that `sign` and `verify` work on: from a raw request file, or put together from flags."""

import functools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click

from counterseal.core.model import HttpRequest
from counterseal.server.cli import raw_http

_URL: Final = re.compile(r"(https?)://([^/?#@\s]+)(/[^?#\s]*)?(\?[^#\s]*)?")
_AUTHORITY: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?")
_METHOD: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInput:
    """The request, and where it came from. `body_file` is set when the body came from a file."""

    request: HttpRequest
    uses_stdin: bool
    body_file: str | None

    @property
    def url_scheme(self) -> str:
        """The scheme to put into a URL: `https` unless another was given."""
        return self.request.scheme or "https"

    @property
    def host(self) -> bytes:
        """The one Host field.

        Raises:
            click.UsageError: there is none, or more than one.
        """
        hosts = [value for name, value in self.request.headers if name == b"host"]
        if len(hosts) != 1 or not hosts[0]:
            raise click.UsageError("the request needs exactly one Host header: give --url, or --header 'Host: ...'")
        return hosts[0]

    def url(self, target: bytes) -> bytes:
        """Return the URL of a target on this request's host.

        Raises:
            click.UsageError: the Host field would read as something else in a URL, such as user information.
        """
        if not _AUTHORITY.fullmatch(self.host):
            raise click.UsageError("the Host header does not fit into a URL")
        return self.url_scheme.encode() + b"://" + self.host + target


def came_in_by(source: RequestInput, scheme: str) -> RequestInput:
    """Return the request as one that came in by `http` or `https`.

    Raises:
        click.UsageError: the request says otherwise.
    """
    if source.request.scheme not in ("", scheme):
        raise click.UsageError("--scheme contradicts --url")
    return replace(source, request=replace(source.request, scheme=scheme))


_OPTIONS: Final = (
    click.argument("raw", required=False, metavar="[REQUEST-FILE]"),
    click.option("-X", "--method", help="Request method. [default: GET]"),
    click.option("--url", help="Absolute http or https URL: gives scheme, Host header and target, taken as they stand."),
    click.option("--target", help="Path and query exactly as on the wire, still percent-encoded."),
    click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header field. Repeatable."),
    click.option("-d", "--body", help="The body as text. [default: no body]"),
    click.option("--body-file", metavar="FILE", help="The body from a file (`-`: standard input)."),
    click.option("--no-body", is_flag=True, help="Leave the body out, as a gateway does that streams it."),
)  # fmt: skip
_NAMES: Final = ("raw", "method", "url", "target", "headers", "body", "body_file", "no_body", "http_scheme")


def request_options(*http_scheme: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options to a command, which gets them as one `source` argument.

    `http_scheme` are the names of the option for http or https: `sign` means something else by `--scheme`.
    """
    scheme = click.option(
        *http_scheme, "http_scheme", type=click.Choice(["http", "https"]), help="How the client came in, unless --url says."
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_request(*args: Any, **given: Any) -> None:
            source = _read(**{name: given.pop(name) for name in _NAMES})
            command(*args, source=source, **given)

        decorated: Callable[..., None] = with_request
        for option in reversed((*_OPTIONS, scheme)):
            decorated = option(decorated)
        return decorated

    return decorate


def _read(
    *, raw: str | None, method: str | None, url: str | None, target: str | None, headers: tuple[str, ...], body: str | None,
    body_file: str | None, no_body: bool, http_scheme: str | None,
) -> RequestInput:  # fmt: skip
    if raw is not None:
        if headers or any(given is not None for given in (method, url, target, body, body_file)):
            raise click.UsageError("a request file says everything: leave out --method, --url, --target, --header and --body")
        return _from_file(raw, no_body=no_body, scheme=http_scheme)
    if (url is None) == (target is None):
        raise click.UsageError("give a raw request file, or --url, or --target with --header 'Host: ...'")
    if (body is not None) + (body_file is not None) + no_body > 1:
        raise click.UsageError("--body, --body-file and --no-body exclude each other")
    scheme, host, target = _split_url(url) if url is not None else (http_scheme or "", None, target or "")
    if url is not None and http_scheme not in (None, scheme):
        raise click.UsageError("--http-scheme contradicts --url")
    request = HttpRequest(
        method=_method("GET" if method is None else method),
        target=_target(target),
        headers=_headers(headers, host),
        content=None if no_body else _body(body, body_file),
        scheme=scheme,
    )
    return RequestInput(request=request, uses_stdin=body_file == "-", body_file=body_file)


def _from_file(name: str, *, no_body: bool, scheme: str | None) -> RequestInput:
    try:
        request = raw_http.read_request(_bytes_of(name))
        if no_body:
            request = raw_http.without_body(request)
        else:
            raw_http.check_body(request)
    except raw_http.RawHttpError as error:
        raise click.UsageError(f"{'standard input' if name == '-' else name}, {error}") from None
    return RequestInput(request=raw_http.with_scheme(request, scheme or ""), uses_stdin=name == "-", body_file=None)


def _bytes_of(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read {name}: {error.strerror}") from None


def _split_url(url: str) -> tuple[str, bytes, str]:
    """Return scheme, authority and target, cut at the delimiters and otherwise untouched: nothing is encoded or normalised."""
    match = _URL.fullmatch(url)
    if match is None:
        raise click.UsageError("--url: not an absolute http or https URL (without user information, fragment and white space)")
    return match[1], match[2].encode("utf-8", "surrogateescape"), (match[3] or "/") + (match[4] or "")


def _method(text: str) -> bytes:
    if not _METHOD.fullmatch(text):
        raise click.UsageError("--method: not a request method")
    return text.encode("ascii")


def _target(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if not re.fullmatch(rb"[\x21-\x7e\x80-\xff]+", raw):
        raise click.UsageError("--target: white space and control characters must be percent-encoded")
    return raw


def _headers(texts: tuple[str, ...], host: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
    try:
        fields = tuple(raw_http.read_header_flag(text) for text in texts)
    except raw_http.BadHeaderLine as error:
        raise click.UsageError(f"--header: {error.problem}") from None
    if host is None or any(name == b"host" for name, _ in fields):
        return fields
    return ((b"host", host), *fields)


def _body(text: str | None, file: str | None) -> bytes:
    if file is not None:
        return _bytes_of(file)
    return (text or "").encode("utf-8", "surrogateescape")
