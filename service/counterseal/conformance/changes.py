"""Every change of one byte in a request, and changes of whole fields. Systematic: nothing is drawn by chance here."""

from collections.abc import Iterator
from dataclasses import replace

from counterseal.core import encoding
from counterseal.core.model import HttpRequest

# What a byte is changed by: its last bit, its case, and two that mean something in most grammars.
_FLIPS = (0x01, 0x20)
_OTHERS = (b"0", b"/")
# Of a longer text every second byte is changed, or every third, and so on; and always the last one.
_EVERY = 160


def texts(raw: bytes, *, others: tuple[bytes, ...] = _OTHERS) -> Iterator[bytes]:
    """Yield the text with one byte changed, left out or doubled; never the text itself."""
    step = 1 + len(raw) // _EVERY
    for at in [*range(0, len(raw), step), *([len(raw) - 1] if raw else [])]:
        byte = raw[at]
        new = [bytes((byte ^ flip,)) for flip in _FLIPS]
        new += [other for other in (*others, b"", raw[at : at + 1] * 2) if other not in new]
        for part in new:
            changed = raw[:at] + part + raw[at + 1 :]
            if changed != raw:
                yield changed
    yield raw + b"0"


def signatures(spelled: bytes) -> Iterator[bytes]:
    """Yield other signatures: `texts` without those that are the same one in other percent escapes."""
    for other in texts(spelled):
        if encoding.percent_decode(other) != encoding.percent_decode(spelled):
            yield other


def of_method(request: HttpRequest) -> Iterator[HttpRequest]:
    """Yield the request with another method."""
    others = (*texts(request.method), request.method.lower(), request.method.upper(), b"GET", b"HEAD", b"DELETE", b"POST")
    for method in others:
        if method != request.method:
            yield replace(request, method=method)


def of_target(request: HttpRequest) -> Iterator[HttpRequest]:
    """Yield the request with another target: one byte, a parameter more or less, in another order."""
    for target in texts(request.target):
        yield replace(request, target=target)
    path, mark, query = request.target.partition(b"?")
    for added in (b"added=1", b"a", b"%61=1"):
        yield replace(request, target=b"%s?%s" % (path, b"&".join(filter(None, (query, added)))))
        yield replace(request, target=b"%s?%s" % (path, b"&".join(filter(None, (added, query)))))
    pairs = query.split(b"&") if mark else []
    for at, pair in enumerate(pairs):
        yield replace(request, target=path + b"?" + b"&".join(pairs[:at] + pairs[at + 1 :]))
        yield replace(request, target=path + b"?" + b"&".join([*pairs, pair]))
    for other in (path + b"/", path + b"/../x", b"/." + path, b"/" + path, b"/"):
        if other != path:
            yield replace(request, target=other + mark + query)


def of_fields(request: HttpRequest) -> Iterator[tuple[bytes, HttpRequest]]:
    """Yield field names, and the request with one byte changed in that field's value or name."""
    for at, (name, value) in enumerate(request.headers):
        for changed in texts(value, others=()):
            yield name, _with(request, at, (name, changed))
        yield name, _with(request, at, (name, b""))
        yield name, _with(request, at, (name + b"0", value))


def of_lines(request: HttpRequest) -> Iterator[tuple[bytes, HttpRequest]]:
    """Yield field names, and the request with a line of that field left out, repeated, or joined by another value."""
    lines = request.headers
    for at, (name, value) in enumerate(lines):
        yield name, replace(request, headers=lines[:at] + lines[at + 1 :])
        yield name, replace(request, headers=(*lines, (name, value)))
        yield name, replace(request, headers=(*lines, (name, b"another")))
        yield name, replace(request, headers=((name, b"another"), *lines))


def of_body(content: bytes) -> Iterator[bytes]:
    """Yield other bodies."""
    yield from texts(content)
    if content:
        yield b""
    yield content + b"\r\n"
    yield content + content if content else b"x"


def _with(request: HttpRequest, at: int, field: tuple[bytes, bytes]) -> HttpRequest:
    return replace(request, headers=(*request.headers[:at], field, *request.headers[at + 1 :]))
