r"""Multipart bodies (RFC 7578, RFC 2046 section 5.1), read by a narrow grammar.

General readers skip what stands before the first delimiter and behind the last, take `--BX` for no delimiter where the boundary
is `B`, split at bare line feeds, or guess at quotes. Each of these is a second reading of a form that was checked, so here
every one is refused: nothing outside the parts, CRLF alone, and no delimiter but at the start of a line of its own.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal

MAX_PARTS: Final = 256
MAX_PART_HEAD: Final = 4096

_FORM: Final = re.compile(rb"multipart/form-data(?![^\s;])", re.IGNORECASE)
# RFC 2046 section 5.1.1: 1 to 70 bchars. Without quotes only those that mean nothing in a parameter; never a blank.
_CONTENT_TYPE: Final = re.compile(
    rb"multipart/form-data[ \t]*+;[ \t]*+boundary=(?:\"([0-9A-Za-z'()+_,./:=?-]{1,70})\"|([0-9A-Za-z'+_.-]{1,70}))",
    re.IGNORECASE,
)
_LINE: Final = re.compile(rb"([A-Za-z-]{1,64}):[ \t]*+([^\x00-\x08\x0a-\x1f\x7f]*+)")
# A name in quotes, or the plain word that .NET writes. No backslash: some take it for an escape and some for itself. No
# `filename*`: it would be a second name.
_TEXT: Final = rb"(?:\"([^\"\\\x00-\x1f\x7f]{0,1024})\"|([A-Za-z0-9!#$&+.^_`|~-]{1,256}))"
_DISPOSITION: Final = re.compile(rb"form-data; ?name=" + _TEXT + rb"(?:; ?filename=" + _TEXT + rb")?", re.IGNORECASE)
# RFC 7578 section 4.4: a field is text/plain unless it says otherwise. Another charset would be another reading of its bytes.
_FIELD_TYPE: Final = re.compile(rb"text/plain(?:[ \t]*+;[ \t]*+charset=(?:utf-8|\"utf-8\"))?", re.IGNORECASE)
_ENCODINGS: Final = frozenset({b"7bit", b"8bit", b"binary"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a form. `filename` None: none was given. The part's own Content-Type is not kept: nothing covers a file's."""

    name: bytes
    filename: bytes | None = None
    content: bytes = field(repr=False)


def is_form(request: ReadRequest) -> bool:
    """Say whether the request posts a multipart form, well-formed or not."""
    return request.request.method == b"POST" and any(
        _FORM.match(value.strip(b" \t")) for value in request.headers.get(b"content-type", ())
    )


def boundary_of(content_type: bytes) -> bytes:
    """Return the boundary, the only parameter of a Content-Type of `multipart/form-data`. Raises Refusal: MALFORMED."""
    match = _CONTENT_TYPE.fullmatch(content_type)
    if match is None:
        raise Refusal(Reason.MALFORMED, "header content-type: must be multipart/form-data with a boundary and nothing else")
    return match[1] or match[2]


def read_parts(body: bytes, boundary: bytes) -> tuple[Part, ...]:
    """Read all parts of a body, at least one. Raises Refusal: MALFORMED."""
    delimiter = b"--" + boundary
    if not body.startswith(delimiter):
        raise Refusal(Reason.MALFORMED, "form: the body must begin with the first delimiter")
    parts: list[Part] = []
    at = 0
    while True:
        start = at + len(delimiter)
        if body[start : start + 2] == b"--":
            break
        if body[start : start + 2] != b"\r\n":
            raise Refusal(Reason.MALFORMED, "form: a delimiter must end its line")
        if len(parts) == MAX_PARTS:
            raise Refusal(Reason.MALFORMED, f"form: more than {MAX_PARTS} parts")
        # The next one, wherever it stands: one in the middle of a line is refused, not skipped.
        at = body.find(delimiter, start + 2)
        if at < 0:
            raise Refusal(Reason.MALFORMED, "form: the last delimiter is missing")
        if at < start + 4 or body[at - 2 : at] != b"\r\n":
            raise Refusal(Reason.MALFORMED, "form: a delimiter must begin its line")
        parts.append(_read_part(body[start + 2 : at - 2]))
    if not parts or body[start + 2 :] not in {b"", b"\r\n"}:
        raise Refusal(Reason.MALFORMED, "form: must have a part, and nothing behind the last delimiter")
    return tuple(parts)


def _read_part(raw: bytes) -> Part:
    end = raw.find(b"\r\n\r\n", 0, MAX_PART_HEAD)
    if end < 0:
        raise Refusal(Reason.MALFORMED, f"form: a part without an empty line in its first {MAX_PART_HEAD} bytes")
    heads: dict[bytes, bytes] = {}
    for line in raw[:end].split(b"\r\n"):
        match = _LINE.fullmatch(line)
        if match is None or match[1].lower() in heads:
            raise Refusal(Reason.MALFORMED, "form: a part's header is folded, repeated or not plain")
        heads[match[1].lower()] = match[2].rstrip(b" \t")
    disposition = _DISPOSITION.fullmatch(heads.pop(b"content-disposition", b""))
    if disposition is None:
        raise Refusal(Reason.MALFORMED, 'form: Content-Disposition must be form-data; name="...", or with ; filename="..."')
    own_type = heads.pop(b"content-type", b"text/plain")
    if heads.pop(b"content-transfer-encoding", b"binary").lower() not in _ENCODINGS or heads:
        raise Refusal(Reason.MALFORMED, "form: a part has a transfer encoding or a header that is not read here")
    quoted, plain, quoted_file, plain_file = disposition.groups()
    filename = quoted_file if quoted_file is not None else plain_file
    name = quoted if quoted is not None else plain
    if name.lower() != b"file" and not _FIELD_TYPE.fullmatch(own_type):
        raise Refusal(Reason.MALFORMED, "form: a field's own Content-Type must be text/plain, in UTF-8 or without a charset")
    return Part(name=name, filename=filename, content=raw[end + 4 :])
