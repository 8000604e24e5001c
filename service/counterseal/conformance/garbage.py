"""Mangled requests. Drawn by a seeded generator, so that every run of the suite sees the same ones."""

import random
from collections.abc import Iterator
from dataclasses import replace

from counterseal.core.model import HttpRequest

# What grammars are made of, and what breaks them.
_PIECES = (
    b"", b"\x00", b"\r\n", b"\t", b" ", b"=", b"==", b'"', b"'", b"\\", b",", b";", b":", b"(", b")", b"*", b"%", b"%00",
    b"%2f", b"\xff", b"\xc3\xa9", "\u0663".encode(), b"0", b"-1", b"1e3", b"9" * 30, b"NaN", b"null", b"true", b"[]", b"{}",
    b"/../", b"//", b"A" * 300, b"&a=b", b"?", b"#", b"@", b"sig1", b":AAAA:", b"?1", b"t=1,", b"v1,", b"v1=", b"sha256=",
    b"Signature ",
)  # fmt: skip


def requests(signed: HttpRequest, *, seed: str, count: int) -> Iterator[HttpRequest]:
    """Yield the request mangled in one to three places, `count` times."""
    draw = random.Random(seed)  # noqa: S311 - repeatable, and no secret
    for _ in range(count):
        request = signed
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            request = draw.choice((_target, _field, _field, _field, _field, _lines, _method, _body))(request, draw)
        yield request


def _mangle(text: bytes, draw: random.Random) -> bytes:
    start = draw.randint(0, len(text))
    end = min(len(text), start + draw.choice((0, 0, 1, 1, 4, 40)))
    match draw.randrange(4):
        case 0:
            return text[:start] + draw.choice(_PIECES) + text[end:]
        case 1:
            return text[:start] + text[start:end] * 2 + text[end:]
        case 2:
            return text[:start] + draw.randbytes(1) + text[end:]
        case _:
            return draw.choice((text[:start], text[start:], draw.choice(_PIECES)))


def _target(request: HttpRequest, draw: random.Random) -> HttpRequest:
    return replace(request, target=_mangle(request.target, draw))


def _method(request: HttpRequest, draw: random.Random) -> HttpRequest:
    return replace(request, method=_mangle(request.method, draw))


def _field(request: HttpRequest, draw: random.Random) -> HttpRequest:
    if not request.headers:
        return request
    at = draw.randrange(len(request.headers))
    name, value = request.headers[at]
    changed = (name, _mangle(value, draw)) if draw.random() < 0.95 else (_mangle(name, draw), value)
    return replace(request, headers=(*request.headers[:at], changed, *request.headers[at + 1 :]))


def _lines(request: HttpRequest, draw: random.Random) -> HttpRequest:
    lines = list(request.headers)
    if not lines:
        return request
    line = draw.choice(lines)
    match draw.randrange(4):
        case 0:
            lines.remove(line)
        case 1:
            lines.insert(draw.randint(0, len(lines)), line)
        case 2:
            lines.append((line[0], _mangle(line[1], draw)))
        case _:
            draw.shuffle(lines)
    return replace(request, headers=tuple(lines))


def _body(request: HttpRequest, draw: random.Random) -> HttpRequest:
    match draw.randrange(3):
        case 0:
            return replace(request, content=None)
        case 1:
            return replace(request, content=None, content_sha256=draw.randbytes(32))
        case _:
            return replace(request, content=_mangle(request.content or b"", draw))
