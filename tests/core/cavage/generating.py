"""Requests to sign, drawn by a seed: methods, targets, headers with blanks and repeats, bodies."""

import base64
import hashlib
import random
from dataclasses import dataclass

from counterseal.core.model import HttpRequest
from tests.core.cavage import world

_PATH = "abcXYZ019-._~!$&'()*+,;=:@/"
_QUERY = _PATH + "?[]"
_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-_."
_VALUE = "".join(chr(code) for code in range(0x21, 0x7F)) + "   \t"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A request, and the header names that a signature is to cover beside target and time."""

    request: HttpRequest
    covered: tuple[str, ...]


def _text(draw: random.Random, alphabet: str, least: int, most: int) -> str:
    return "".join(draw.choice(alphabet) for _ in range(draw.randint(least, most)))


def _encoded(draw: random.Random, alphabet: str, most: int) -> str:
    parts = [_text(draw, alphabet, 0, most)]
    for _ in range(draw.choice((0, 0, 1, 3))):
        parts += [
            f"%{draw.randrange(256):02x}" if draw.random() < 0.5 else f"%{draw.randrange(256):02X}",
            _text(draw, alphabet, 0, 6),
        ]
    return "".join(parts)


def _target(draw: random.Random) -> str:
    path = "/" + _encoded(draw, _PATH, 20)
    if draw.random() < 0.4:
        return path
    # A query begins with a name.
    return f"{path}?a{_encoded(draw, _QUERY, 30).replace('&', '&b')}"


def draw_request(draw: random.Random, *, repeats: bool = True) -> Drawn:
    """Draw one. `repeats`: a header may be there in several lines."""
    method = draw.choice(("GET", "GET", "POST", "PUT", "PATCH", "DELETE", "M-SEARCH", "QUERY"))
    content = draw.randbytes(draw.choice((0, 1, 20, 300))) if method not in {"GET", "DELETE"} else b""
    lines = [("host", draw.choice(("example.com", "api.example.org:8443", "[::1]:80"))), ("date", world.DATE.decode())]
    covered = ["host"]
    for _ in range(draw.randint(0, 5)):
        name = "x-" + _text(draw, _NAME, 1, 12)
        if name in {line[0] for line in lines} | {"x-date"}:
            continue
        value = "v" + _text(draw, _VALUE, 0, 40) + "v"
        lines.append((name, draw.choice(("", " ", "\t ")) + value + draw.choice(("", " "))))
        if repeats and draw.random() < 0.3:
            lines.insert(draw.randint(0, len(lines)), (name, _text(draw, _NAME, 1, 5)))
        if draw.random() < 0.7:
            covered.append(name)
    if content:
        lines.append(("digest", "SHA-256=" + base64.b64encode(hashlib.sha256(content).digest()).decode()))
        covered.append("digest")
    draw.shuffle(covered)
    return Drawn(
        request=HttpRequest(
            method=method.encode(),
            target=_target(draw).encode(),
            headers=tuple((name.encode(), value.encode()) for name, value in lines),
            content=content,
        ),
        covered=tuple(covered),
    )


def listed(draw: random.Random, special: tuple[str, ...], covered: tuple[str, ...]) -> str:
    """Return a list of covered fields in some order."""
    names = [*special, *covered]
    draw.shuffle(names)
    return " ".join(names)


def change(draw: random.Random, request: HttpRequest, covered: tuple[str, ...]) -> HttpRequest:
    """Return the request with one covered thing changed."""
    what = draw.choice(("method", "target", "header"))
    if what == "method":
        other = draw.choice([m for m in (b"GET", b"POST", b"PUT", b"HEAD") if m != request.method])
        return HttpRequest(method=other, target=request.target, headers=request.headers, content=request.content)
    if what == "target":
        return HttpRequest(
            method=request.method, target=b"/x" + request.target, headers=request.headers, content=request.content
        )
    name = draw.choice([n for n in covered if n != "digest"]).encode()
    at = draw.choice([at for at, line in enumerate(request.headers) if line[0] == name])
    changed = (name, b"x" + request.headers[at][1].strip())
    lines = (*request.headers[:at], changed, *request.headers[at + 1 :])
    return HttpRequest(method=request.method, target=request.target, headers=lines, content=request.content)
