"""Raw HTTP/1.1 requests in files: request line, header fields, blank line, and the rest of the file as the body.

The reader is exact (RFC 9112 sections 2 to 5), because the bytes decide whether a signature holds: one kind of line end
throughout, no folded lines, no white space before a colon, repeats kept in order. It does not undo a transfer encoding, and
does not judge the target, the host or any value: that is the verifier's part.
"""

import re
from dataclasses import replace
from typing import Final

from counterseal.core.model import HttpRequest

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE: Final = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/[0-9](?:\.[0-9])?")
_NAME: Final = re.compile(_TOKEN)
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")


class RawHttpError(Exception):
    """The text is not an HTTP/1.1 request. `line` counts from 1."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


class BadRequestLine(RawHttpError):
    """The first line is not `METHOD target HTTP/1.1`."""


class BadHeaderLine(RawHttpError):
    """A line before the blank line is not `name: value`."""


class BadLineEnd(RawHttpError):
    """Line ends are mixed, or a carriage return stands alone."""


class HeadNotEnded(RawHttpError):
    """There is no blank line after the header fields."""


class BadBody(RawHttpError):
    """What follows the blank line is not the body that the header fields announce."""


def read_request(raw: bytes) -> HttpRequest:
    """Return the request with its body as `content`.

    Raises:
        RawHttpError: one of its kinds above.
    """
    first_end = raw.find(b"\n")
    if first_end < 0:
        raise HeadNotEnded(1, "the request has no line end")
    line_end = b"\r\n" if raw[:first_end].endswith(b"\r") else b"\n"
    lines, body = _split_head(raw, line_end)
    request_line = _REQUEST_LINE.fullmatch(lines[0])
    if request_line is None:
        raise BadRequestLine(1, "not a request line like `GET /path?query HTTP/1.1`")
    headers = tuple(_read_field(line, number) for number, line in enumerate(lines[1:], start=2))
    return HttpRequest(method=request_line[1], target=request_line[2], headers=headers, content=body)


def check_body(request: HttpRequest) -> None:
    """Check that the body is what `content-length` announces, so that an editor's extra line end is not mistaken for forgery.

    Raises:
        BadBody: another length than announced, or a transfer encoding, which this reader does not undo.
    """
    line = len(request.headers) + 3
    if any(name == b"transfer-encoding" for name, _ in request.headers):
        raise BadBody(
            line, "a body with transfer-encoding cannot be read from a raw request: store it without, or leave the body out"
        )
    length = len(request.content or b"")
    for name, value in request.headers:
        if name == b"content-length" and (not _LENGTH.fullmatch(value) or int(value) != length):
            raise BadBody(line, f"content-length announces another body than the {length} bytes that follow the blank line")


def without_body(request: HttpRequest) -> HttpRequest:
    """Return the request as a gateway sees it that streams the body."""
    return replace(request, content=None, content_sha256=None)


def with_scheme(request: HttpRequest, scheme: str) -> HttpRequest:
    """Return the request with the scheme (`http` or `https`) that a raw request does not state."""
    return replace(request, scheme=scheme)


def write_request(request: HttpRequest) -> bytes:
    """Return the request as `read_request` reads it."""
    head = [request.method + b" " + request.target + b" HTTP/1.1", *(name + b": " + value for name, value in request.headers)]
    return b"\r\n".join([*head, b"", request.content or b""])


def _split_head(raw: bytes, line_end: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines of the head without their ends, and everything after the blank line."""
    head, blank, body = raw.partition(line_end * 2)
    lines = head.split(line_end)
    for number, line in enumerate(lines, start=1):
        if b"\r" in line or b"\n" in line:
            raise BadLineEnd(number, "a line end unlike that of the first line")
    if not blank:
        raise HeadNotEnded(len(lines), "no blank line after the header fields")
    return lines, body


def _read_field(line: bytes, number: int) -> tuple[bytes, bytes]:
    if line.startswith((b" ", b"\t")):
        raise BadHeaderLine(number, "folded header lines are not read")
    name, colon, value = line.partition(b":")
    if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise BadHeaderLine(number, "not a header field like `name: value`")
    return name.lower(), value.strip(b" \t")


def read_header_flag(text: str) -> tuple[bytes, bytes]:
    """Return one `name: value` as given by a flag, its name in lower case.

    Raises:
        BadHeaderLine: not a header field.
    """
    return _read_field(text.encode("utf-8", "surrogateescape"), 1)
