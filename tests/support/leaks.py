"""Searching everything that the service let out for everything that it must keep.

Written down while the tests run: secret values (by `site/sitecustomize.py` in server processes and in this one), and what was
let out: server logs, metrics, RPC errors, captured output and log records of in-process tests. At the end of the whole run the
one is searched for in the other, in the spellings in which bytes usually leak.
"""

import base64
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

SECRETS = "COUNTERSEAL_TEST_SECRETS"
LOGS = "COUNTERSEAL_TEST_LOGS"

# Test security tokens begin with this, so that they are found without having been written down.
CANARY = "canary-security-token-"
_PREFIXES = re.compile(rb"cssk_[A-Za-z0-9_-]{8,}|" + CANARY.encode() + rb"[A-Za-z0-9]+")
_WORDS = re.compile(rb"[A-Za-z0-9+/_=-]{8,}")


def let_out(kind: str, text: str) -> None:
    """Keep a text that the service let out, for the search at the end."""
    folder = os.environ.get(LOGS)
    if folder is not None and text:
        (Path(folder) / f"{kind}-{os.getpid()}-{time.monotonic_ns()}.txt").write_text(text, errors="replace")


def find_leaks(secrets: Path, logs: Path) -> list[str]:
    """Return one line for each place where something secret was let out. Never quotes the secret."""
    forbidden = set(_forbidden(secrets))
    found = []
    for path in sorted(logs.iterdir()):
        content = path.read_bytes()
        hits = {word for word in _WORDS.findall(content) if word in forbidden} | set(_PREFIXES.findall(content))
        hits |= {part for word in _WORDS.findall(content) for part in re.split(rb"[=/]", word) if part in forbidden}
        found += [f"{path.name}: a secret of {len(hit)} bytes that begins with {hit[:6]!r}" for hit in sorted(hits)]
    return found


def count_secrets(secrets: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in secrets.glob("*.hex"))


def _forbidden(secrets: Path) -> Iterator[bytes]:
    for path in secrets.glob("*.hex"):
        for line in path.read_text().splitlines():
            value = bytes.fromhex(line)
            yield from (value, line.encode(), line.upper().encode())
            yield from (base64.b64encode(value), base64.b64encode(value).rstrip(b"="))
            yield from (base64.urlsafe_b64encode(value), base64.urlsafe_b64encode(value).rstrip(b"="))
