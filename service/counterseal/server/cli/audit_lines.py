"""Entries of the audit trail as JSON lines. What is hashed stands in them as it is hashed: docs/audit.md."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterseal.server.rpc.client_errors import UnreadableFile

if TYPE_CHECKING:
    from counterseal.server.store.audit_chain import ChainedEntry

# Longer than any entry.
_TAIL_BYTES: Final = 4 * 1024 * 1024

# How a line begins, until the first thing that differs.
_BEGINNING: Final = b'{"sequence": '


def entry_line(entry: "ChainedEntry") -> str:
    """Return an entry as one line without its end. ASCII only."""
    return json.dumps(
        {
            "sequence": entry.sequence,
            "time": entry.time,
            "actor": entry.actor,
            "action": entry.action,
            "key_id": entry.key_id,
            "tenant": entry.tenant,
            "request_id": entry.request_id,
            "detail_json": entry.detail_json,
            "previous_hash": entry.previous_hash.hex(),
            "hash": entry.hash.hex(),
        }
    )


def read_line(line: str) -> "ChainedEntry":
    """Return the entry in a line.

    Raises:
        ValueError: it holds none; the text says what is wrong.
    """
    from counterseal.server.store.audit_chain import ChainedEntry

    try:
        values: Any = json.loads(line)
    except RecursionError:
        raise ValueError("not an entry") from None
    names = ("time", "actor", "action", "key_id", "tenant", "request_id", "detail_json", "previous_hash", "hash")
    if not isinstance(values, dict) or type(values.get("sequence")) is not int:
        raise ValueError("not an entry: no sequence")
    for name in names:
        if not isinstance(values.get(name), str):
            raise ValueError(f"not an entry: no {name}")
    texts: dict[str, Any] = {name: values[name] for name in names}
    texts |= {name: bytes.fromhex(values[name]) for name in ("previous_hash", "hash")}
    return ChainedEntry(sequence=values["sequence"], **texts)


def read_files(paths: tuple[Path, ...]) -> Iterator[tuple[str, "ChainedEntry"]]:
    """Go through exported files, one after the other; each entry with where it stands.

    Raises:
        UnreadableFile: a file cannot be read, or a line of it is no entry.
    """
    for path in paths:
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                for number, line in enumerate(file, 1):
                    try:
                        yield f"{path}:{number}", read_line(line)
                    except ValueError as error:
                        raise UnreadableFile(f"{path}:{number}: {error}") from None
        except OSError as error:
            raise UnreadableFile(f"{path}: {error.strerror}") from None


def last_sequence(path: Path) -> int:
    """Return the number of the last entry in a file, 0 of an empty one; what a killed export left of a line is cut off.

    Raises:
        UnreadableFile: the file cannot be read, or its last line is no entry.
    """
    try:
        with path.open("r+b") as file:
            start = max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES)
            file.seek(start)
            text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            lines, rest = whole.splitlines(), text[len(whole) :]
            last = read_line(lines[-1].decode()).sequence if lines else 0
            # Looked at before anything is cut off: perhaps it is quite another file.
            if not (rest.startswith(_BEGINNING) or _BEGINNING.startswith(rest)):
                raise ValueError("not an entry, nor the beginning of one")
            file.truncate(start + len(whole))
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UnreadableFile(f"{path}: the last line is {error}") from None
    return last
