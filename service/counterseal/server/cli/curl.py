"""A request as a curl command for a POSIX shell, which sends exactly the bytes that were signed."""

import re
import shlex
from typing import Final

from counterseal.core.model import HttpRequest

# A body that fits on one line of a terminal.
_PLAIN_BODY: Final = re.compile(rb"[\x20-\x7e]*")


def curl_command(request: HttpRequest, *, base: bytes, body_file: str | None) -> str:
    """Return the command. Its header fields are those of the request; a body from `body_file` (not `-`) is named, not quoted.

    `base` is the URL without its path, `http://host:port`. The request has been signed, so that its target is in origin form
    and holds nothing that curl would encode.

    Options that keep curl from changing what was signed: --globoff and --path-as-is leave the URL alone, `Content-Type:` keeps
    curl from adding one of its own, and --http1.1 keeps the Host field as it is.
    """
    words = ["curl", "--http1.1", "--globoff", "--path-as-is", *_method(request)]
    for name, value in request.headers:
        # curl takes `Name:` as "leave this field out" and `Name;` as "send it empty".
        words += ["--header", quote(name + b": " + value if value else name + b";")]
    body = request.content or b""
    if body and not any(name == b"content-type" for name, _ in request.headers):
        words += ["--header", quote(b"Content-Type:")]
    pipe = ""
    if body and body_file not in (None, "-"):
        words += ["--data-binary", quote(f"@{body_file}".encode("utf-8", "surrogateescape"))]
    elif body and _PLAIN_BODY.fullmatch(body):
        words += ["--data-raw", quote(body)]
    elif body:
        pipe = f"printf {_printf_format(body)} | "
        words += ["--data-binary", "@-"]
    return pipe + " ".join([*words, quote(base + request.target)])


def _method(request: HttpRequest) -> list[str]:
    """Return the option for the method. A plain -X HEAD would wait for a body that never comes."""
    if request.method == b"HEAD" and not request.content:
        return ["--head"]
    if request.method == b"GET" and not request.content:
        return []
    return ["--request", quote(request.method)]


def quote(raw: bytes) -> str:
    """Return a shell word that stands for exactly these bytes.

    Printable text is quoted for any POSIX shell. Other bytes need `$'...'`: bash, zsh, ksh and POSIX 2024 know it.
    """
    text = _printable_text(raw)
    return shlex.quote(text) if text is not None else "$'" + _escaped(raw, b"\\'") + "'"


def _printable_text(raw: bytes) -> str | None:
    """Return the bytes as text if they are UTF-8 that a terminal shows as it is; tabs count as such."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.replace("\t", "").isprintable() else None


def _printf_format(body: bytes) -> str:
    """Return the body as a quoted printf format: octal escapes carry any byte, NUL also, through every POSIX shell.

    `-` is escaped too, for a format must not look like an option.
    """
    return "'" + _escaped(body, b"\\'%-") + "'"


def _escaped(raw: bytes, special: bytes) -> str:
    """Return the bytes with octal escapes, always of three digits: no digit that follows is taken for a part of one."""
    return "".join(chr(byte) if 0x20 <= byte <= 0x7E and byte not in special else f"\\{byte:03o}" for byte in raw)
