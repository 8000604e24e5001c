"""What is concatenated and signed: a template such as `{id}.{timestamp}.{body}`, and why two requests never give one string.

HMAC protects a string of bytes. Where two different requests concatenate to the same string, a signature over one is a
signature over the other: `{id}{body}` does not tell where the id ends. So a template is taken only when each of its parts can
be found again in what it gives.
"""

import hashlib
import itertools
import re
from dataclasses import dataclass
from typing import Final

from counterseal.core.http import ReadRequest
from counterseal.core.model import Coverage, Reason, Refusal

_PART: Final = re.compile(r"\{(?P<name>[a-z0-9_]+)(?::(?P<header>[a-z0-9!#$%&'*+.^_`|~-]{1,256}))?\}|(?P<text>[^{}]+)")
_HOST: Final = re.compile(rb"[A-Za-z0-9._:\[\]-]{1,255}")
MAX_TEMPLATE: Final = 1024
MAX_PARTS: Final = 32

_ALNUM: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_VISIBLE: Final = frozenset(range(0x21, 0x7F))
_ANY: Final = frozenset(range(256))
# What each field may hold, by the grammars of `core/http.py` and of the readers here. Times and hashes have one length.
_ALPHABETS: Final = {
    "method": _ALNUM | frozenset(b"!#$%&'*+.^_`|~-"),
    "path": _ALNUM | frozenset(b"-._~!$&'()*+,;=:@/%"),
    "target": _ALNUM | frozenset(b"-._~!$&'()*+,;=:@/%?[]"),
    "host": _ALNUM | frozenset(b"._:[]-"),
    "header": (_ANY - frozenset(range(0x20)) - frozenset((0x7F,))) | frozenset(b"\t"),
    "id": _VISIBLE,
    "body": _ANY,
    "timestamp": frozenset(b"0123456789"),
    "body_sha256": frozenset(b"0123456789abcdef"),
}
_ONE_LENGTH: Final = frozenset({"text", "timestamp", "body_sha256"})
_BEGINS_WITH_SLASH: Final = frozenset({"path", "target"})
_SAYS_SOMETHING: Final = frozenset({"body", "body_sha256", "path", "target"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a template: `text` as it stands, or a field. `value` is the text, or the name of a header field."""

    kind: str
    value: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template that was found to be unambiguous. `after_id` is the byte that ends the id, which no id may hold."""

    parts: tuple[Part, ...]
    after_id: bytes

    def holds(self, kind: str) -> bool:
        """Say whether a field is part of it."""
        return any(part.kind == kind for part in self.parts)


def read_template(text: str) -> Template:
    """Read a template and check that it is unambiguous.

    Fields: `{method}`, `{path}` (without query), `{target}` (with it), `{host}`, `{timestamp}`, `{id}`, `{header:<name>}`,
    `{body}`, `{body_sha256}` (lower-case hex). Everything else stands for itself; there is no way to write a brace.

    Raises:
        ValueError: the template is too long, names an unknown field, or could give one string for two requests.
    """
    if not 1 <= len(text) <= MAX_TEMPLATE:
        raise ValueError(f"template: must be 1 to {MAX_TEMPLATE} characters")
    parts, place = [], 0
    while place < len(text):
        match = _PART.match(text, place)
        if match is None:
            raise ValueError("template: a brace that is not part of a {field}")
        parts.append(_part(match))
        place = match.end()
    return _checked(tuple(parts))


def _part(match: re.Match[str]) -> Part:
    name, header = match["name"], match["header"]
    if name is None:
        return Part(kind="text", value=match["text"].encode())
    if name not in _ALPHABETS or (name == "header") != (header is not None):
        raise ValueError(
            f"template: {{{name}}} is no field; there are {', '.join(sorted(_ALPHABETS))}, and header as header:name"
        )
    return Part(kind=name, value=(header or "").encode())


def _checked(parts: tuple[Part, ...]) -> Template:
    if len(parts) > MAX_PARTS:
        raise ValueError(f"template: more than {MAX_PARTS} parts")
    fields = [part for part in parts if part.kind != "text"]
    if len(set(fields)) != len(fields):
        raise ValueError("template: a field is given more than once")
    if not any(part.kind in _SAYS_SOMETHING for part in parts):
        raise ValueError("template: signs neither the body nor the path, so nothing of what is asked for")
    template = Template(parts=parts, after_id=_after_id(parts))
    unclear = _unclear(template)
    if unclear:
        raise ValueError(
            f"template: ambiguous; nothing tells where {{{unclear}}} ends, so two requests give one string to sign"
        )
    return template


def _after_id(parts: tuple[Part, ...]) -> bytes:
    # Standard Webhooks: id and time must not "be allowed to include any `.`", the separator that comes after them.
    for part, following in itertools.pairwise(parts):
        if part.kind == "id" and following.kind == "text":
            return following.value[:1]
    return b""


def _unclear(template: Template) -> str:
    """Return the field whose end cannot be told; empty when each part can be found again.

    Parts of one length are found from either side; any other from the left, where what follows it holds, at a known place, a
    byte that it cannot hold. One part may be left over in the middle: it is what remains.
    """
    parts = list(template.parts)
    while parts and (parts[0].kind in _ONE_LENGTH or _ends(_alphabet(parts[0], template), parts[1:])):
        del parts[0]
    while parts and parts[-1].kind in _ONE_LENGTH:
        del parts[-1]
    return parts[0].kind if len(parts) > 1 else ""


def _alphabet(part: Part, template: Template) -> frozenset[int]:
    return _ALPHABETS[part.kind] - frozenset(template.after_id if part.kind == "id" else b"")


def _ends(alphabet: frozenset[int], following: list[Part]) -> bool:
    for part in following:
        if part.kind == "text":
            if not alphabet.issuperset(part.value):
                return True
        elif part.kind in _BEGINS_WITH_SLASH:
            return ord("/") not in alphabet
        elif part.kind not in _ONE_LENGTH:
            return False  # It may be empty, or begin with what is in every alphabet: a digit or a letter.
    return False


def needs_body(template: Template) -> bool:
    """Say whether the body, or its hash, is signed."""
    return template.holds("body") or template.holds("body_sha256")


def coverage(template: Template, stated_in: dict[str, bytes]) -> Coverage:
    """Say what of a request the template covers. `stated_in` are the header fields that give `timestamp` and `id`."""
    names = []
    for part in template.parts:
        if part.kind == "header":
            names.append(part.value)
        elif part.kind == "host":
            names.append(b"host")
        elif part.kind in stated_in:
            names.append(stated_in[part.kind])
    return Coverage(
        headers=tuple(names),
        method=template.holds("method"),
        path=template.holds("path") or template.holds("target"),
        query=template.holds("target"),
    )


def concatenate(template: Template, request: ReadRequest, stated: dict[str, bytes]) -> tuple[bytes, ...] | None:
    """Return what is signed, in pieces; None when the body is needed and was not sent along.

    Raises:
        Refusal: MALFORMED, when a field that is signed is absent, repeated or outside its alphabet.
    """
    pieces = []
    for part in template.parts:
        piece = part.value if part.kind == "text" else _piece(part, request, stated)
        if piece is None:
            return None
        pieces.append(piece)
    return tuple(pieces)


def _piece(part: Part, request: ReadRequest, stated: dict[str, bytes]) -> bytes | None:
    sent = request.request
    if part.kind in stated:
        return stated[part.kind]
    if part.kind == "method":
        return sent.method
    if part.kind == "path":
        return request.path
    if part.kind == "target":
        return sent.target
    if part.kind == "body":
        return sent.content
    if part.kind == "body_sha256":
        digest = sent.content_sha256 if sent.content is None else hashlib.sha256(sent.content).digest()
        return None if digest is None else digest.hex().encode("ascii")
    name = b"host" if part.kind == "host" else part.value
    value = request.header(name)
    if value is None:
        raise Refusal(Reason.MALFORMED, f"header {name.decode()[:64]}: is to be signed, and is missing")
    if part.kind == "host" and not _HOST.fullmatch(value):
        raise Refusal(Reason.MALFORMED, "header host: must be 1 to 255 characters of [A-Za-z0-9._:[]-]")
    return value
