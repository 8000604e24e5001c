"""Searching everything that the service let out for everything that it must keep.

Written down while the tests run: secret values (by `site/sitecustomize.py` in server processes and in this one), and what was
let out: logs and metrics of servers, also of those inside a test's process; RPC errors; what the command line printed; captured
output and log records. At the end of the whole run the one is searched for in the other, in the spellings in which bytes
usually leak: hex, base64, Python's `repr`, JSON's escapes, a list of numbers, and the text itself.

Not found: a value cut short or split over lines, one that is compressed or encrypted, text of letters and digits in the midst
of a longer word, and values of fewer than 12 bytes in any spelling but that of a whole word.
"""

import base64
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECRETS = "COUNTERSEAL_TEST_SECRETS"
LOGS = "COUNTERSEAL_TEST_LOGS"

# Test security tokens begin with this, so that they are found without having been written down.
CANARY = "canary-security-token-"
# So are issued secrets, generated passwords, bearer and refresh tokens, by prefixes that secret scanners look for. The id in a
# token is no secret.
_TOKENS = rb"(?:cstk_CSBT[A-Z2-7]{20}|csrt_[A-Z2-7]{24})_[A-Za-z0-9]{8,}|csst_[A-Za-z0-9]{8,}"
_ISSUED = rb"(?:cssk_|cspw_|counterseal_(?:admin|caller)_)[A-Za-z0-9_-]{8,}"
_PREFIXES = re.compile(_TOKENS + b"|" + _ISSUED + b"|" + CANARY.encode() + rb"[A-Za-z0-9]+")
_WORD = rb"[A-Za-z0-9+/_=-]"
_WORDS = re.compile(_WORD + rb"{8,}")
_ONLY_WORD = re.compile(_WORD + rb"+")
_ESCAPES = re.compile(rb"\\x|\\u00")
_ESCAPE = re.compile(rb"""\\(?:(?:x|u00)([0-9a-fA-F]{2})|([tnrbf\\'"]))""")
_SIMPLE = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"b": b"\b", b"f": b"\f"}
_NUMBERS = re.compile(rb"\d{1,3}(?:,\s*\d{1,3}){7,}")
_SHORTEST = 12  # bytes; shorter text is found in the midst of innocent text
_START = 8  # bytes by which values are looked up in decoded bytes


def let_out(kind: str, text: str) -> None:
    """Keep a text that the service let out, for the search at the end."""
    folder = os.environ.get(LOGS)
    if folder is not None and text:
        (Path(folder) / f"{kind}-{os.getpid()}-{time.monotonic_ns()}.txt").write_text(text, errors="replace")


@dataclass(slots=True)
class _Forbidden:
    """`words` are spellings that are whole words, `texts` those with other characters, `starts` values by their first bytes."""

    words: set[bytes] = field(default_factory=set)
    texts: set[bytes] = field(default_factory=set)
    starts: dict[bytes, list[bytes]] = field(default_factory=dict)


def find_leaks(secrets: Path, logs: Path) -> list[str]:
    """Return one line for each secret in each file of `logs`: file, line, spelling, length. Never quotes the secret.

    `secrets` holds `*.hex` files, one value in hex on each line.
    """
    forbidden = _forbidden(secrets)
    found = []
    for path in sorted(logs.iterdir()):
        content = path.read_bytes()
        places = {(offset, kind, len(secret)) for offset, kind, secret in _search(content, forbidden)}
        for offset, kind, length in sorted(places):
            line = content.count(b"\n", 0, offset) + 1
            found.append(f"{path.name}:{line}: a secret of {length} bytes, {kind}")
    return found


def count_secrets(secrets: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in secrets.glob("*.hex"))


def _search(content: bytes, forbidden: _Forbidden) -> Iterator[tuple[int, str, bytes]]:
    """Yield where a secret stands (offset in `content`), its spelling, and its bytes in that spelling."""
    for match in _PREFIXES.finditer(content):
        yield match.start(), "by its prefix", match[0]
    for match in _WORDS.finditer(content):
        for part in {match[0], *re.split(rb"[=/]", match[0])} & forbidden.words:
            yield match.start(), "as a word", part
    for text in forbidden.texts:
        if text in content:
            yield content.index(text), "as text", text
    for offset, kind, decoded in _decoded(content):
        for value in _held(decoded, forbidden):
            yield offset, kind, value


def _decoded(content: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Yield the bytes meant by the escapes of `repr` and JSON, and by lists of numbers: offset, spelling, bytes."""
    offset = 0
    for line in content.split(b"\n") if _ESCAPES.search(content) else ():
        decoded = line if _ESCAPES.search(line) else b""
        for _ in range(3):  # a repr within JSON, or within another repr, has its backslashes doubled
            if b"\\" in decoded:
                decoded = _ESCAPE.sub(_unescaped, decoded)
                yield offset, "as escaped bytes", decoded
        offset += len(line) + 1
    for match in _NUMBERS.finditer(content):
        numbers = [int(number) for number in match[0].split(b",")]
        yield match.start(), "as a list of numbers", bytes(number for number in numbers if number < 256)


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode()) if match[1] else _SIMPLE.get(match[2], match[2])


def _held(data: bytes, forbidden: _Forbidden) -> set[bytes]:
    """Return the secrets that stand anywhere in these bytes. One look-up for each byte, however many secrets there are."""
    found = {match[0] for match in _PREFIXES.finditer(data)}
    for offset in range(len(data) - _SHORTEST + 1):
        for value in forbidden.starts.get(data[offset : offset + _START], ()):
            if data.startswith(value, offset):
                found.add(value)
    return found


def _forbidden(secrets: Path) -> _Forbidden:
    forbidden = _Forbidden()
    # A line without its end is of a process that was killed while it wrote, before it went on with the value.
    whole = {line for path in secrets.glob("*.hex") for line in path.read_text().split("\n")[:-1]}
    for line in whole - {""}:
        value = bytes.fromhex(line)
        forbidden.words.update(_words(value))
        if len(value) >= _SHORTEST:
            forbidden.starts.setdefault(value[:_START], []).append(value)
            forbidden.texts.update(_texts(value))
    return forbidden


def _words(value: bytes) -> Iterable[bytes]:
    yield from (value, value.hex().encode(), value.hex().upper().encode())
    yield from (base64.b64encode(value), base64.b64encode(value).rstrip(b"="))
    yield from (base64.urlsafe_b64encode(value), base64.urlsafe_b64encode(value).rstrip(b"="))


def _texts(value: bytes) -> Iterable[bytes]:
    """Yield spellings of a value that is text but no word: itself, as in JSON, as in `repr`. Derived keys are no text."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    if text.isprintable() and not _ONLY_WORD.fullmatch(value):
        yield from (value, repr(value)[2:-1].encode(), repr(text)[1:-1].encode())
        yield from (json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode())
