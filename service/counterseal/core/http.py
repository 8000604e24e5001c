"""HTTP requests, read exactly: what is malformed is refused before anybody looks for a signature in it.

The grammars are RFC 9110's (method, field names, field values) and RFC 3986's (path and query in origin form). Where software
in the field departs from them, the departure is named here.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.encoding import recode_query
from counterseal.core.model import HttpRequest, Reason, Refusal

MAX_TARGET: Final = 32 * 1024
MAX_HEADERS: Final = 256
MAX_HEADER_NAME: Final = 256
MAX_HEADER_BYTES: Final = 128 * 1024
MAX_PARAMETERS: Final = 1000

# RFC 9110 section 5.6.2: token = 1*tchar.
_METHOD: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}")
_NAME_BYTES: Final = b"abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+.^_`|~-"
# Section 5.5: field-value is visible characters, SP, HTAB and obs-text. "Field values containing CR, LF, or NUL characters are
# invalid and dangerous"; other control characters are refused with them (Envoy CVE-2023-27488).
_VALUE_BYTES: Final = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
# RFC 3986 section 3.3: pchar = unreserved / pct-encoded / sub-delims / ":" / "@". Possessive, so that no input is slow.
_PATH: Final = re.compile(rb"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]++|%[0-9A-Fa-f]{2})*+")
# Section 3.4: query = *( pchar / "/" / "?" ). "[" and "]" are let in as well, because every web framework sends `a[]=1`.
_QUERY: Final = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]]++|%[0-9A-Fa-f]{2})*+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """A request whose syntax has been checked. `parameters` are names and values in canonical encoding, as they arrived."""

    request: HttpRequest
    path: bytes
    headers: dict[bytes, list[bytes]] = field(repr=False)
    parameters: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    trailers: dict[bytes, list[bytes]] = field(default_factory=dict, repr=False)

    def header(self, name: bytes) -> bytes | None:
        """Return the field's value without surrounding blanks, or None when it is absent.

        Raises:
            Refusal: MALFORMED, when the field is repeated.
        """
        values = self.headers.get(name)
        if values is None:
            return None
        if len(values) != 1:
            raise Refusal(Reason.MALFORMED, f"header {name.decode()}: given more than once")
        return values[0].strip(b" \t")


def read_request(request: HttpRequest) -> ReadRequest:
    """Check the syntax of method, target and header fields, and take them apart.

    Raises:
        Refusal: MALFORMED, naming the part and the limit.
    """
    if not _METHOD.fullmatch(request.method):
        raise Refusal(Reason.MALFORMED, "method: must be 1 to 32 token characters")
    path, query = _split_target(request.target)
    return ReadRequest(
        request=request,
        path=path,
        headers=_index_headers(request.headers),
        parameters=_read_query(query),
        trailers=_index_headers(request.trailers, "trailers") if request.trailers else {},
    )


def _split_target(target: bytes) -> tuple[bytes, bytes]:
    # Origin form only. "*", absolute form, an authority, fragments, raw spaces and raw UTF-8 are none of it. "//a" is a path.
    if len(target) > MAX_TARGET:
        raise Refusal(Reason.MALFORMED, f"target: longer than {MAX_TARGET} bytes")
    path, _, query = target.partition(b"?")
    if not _PATH.fullmatch(path):
        raise Refusal(Reason.MALFORMED, "target: the path must begin with / and hold only RFC 3986 path characters and %XX")
    if not _QUERY.fullmatch(query):
        raise Refusal(Reason.MALFORMED, "target: the query may hold only RFC 3986 query characters, [, ] and %XX")
    return path, query


def _index_headers(headers: tuple[tuple[bytes, bytes], ...], what: str = "headers") -> dict[bytes, list[bytes]]:
    if len(headers) > MAX_HEADERS:
        raise Refusal(Reason.MALFORMED, f"{what}: more than {MAX_HEADERS} fields")
    index: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in index:
            index[name].append(value)
        else:
            index[name] = [value]
    # All names at once and all values at once: what is left after deleting the allowed bytes is forbidden.
    names = b"".join(index)
    values = b"".join([value for _, value in headers])
    if len(names) + len(values) > MAX_HEADER_BYTES:
        raise Refusal(Reason.MALFORMED, f"{what}: more than {MAX_HEADER_BYTES} bytes")
    if names.translate(None, _NAME_BYTES) or b"" in index or max(map(len, index), default=0) > MAX_HEADER_NAME:
        raise Refusal(Reason.MALFORMED, f"{what}: a name is empty, too long, or no lower-case token")
    if values.translate(None, _VALUE_BYTES):
        raise Refusal(Reason.MALFORMED, f"{what}: a value holds a control character")
    # RFC 9112 section 3.2: a request "that contains more than one Host header field line" is answered with 400.
    if len(index.get(b"host", ())) > 1:
        raise Refusal(Reason.MALFORMED, "header host: given more than once")
    return index


def _read_query(query: bytes) -> tuple[tuple[bytes, bytes], ...]:
    if not query:
        return ()
    if query.count(b"&") >= MAX_PARAMETERS:
        raise Refusal(Reason.MALFORMED, f"target: more than {MAX_PARAMETERS} query parameters")
    parameters = []
    for parameter in recode_query(query).split(b"&"):
        name, _, value = parameter.partition(b"=")
        if not name:
            raise Refusal(Reason.MALFORMED, "target: a query parameter without a name")
        parameters.append((name, value.replace(b"=", b"%3D")))
    return tuple(parameters)
