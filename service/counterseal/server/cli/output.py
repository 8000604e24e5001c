"""Tables for people, JSON for programs."""

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import click

# C0 and C1 controls, line and paragraph separators, and the marks that reorder text: what a stored description or a request
# may use to forge lines or to drive a terminal.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return the text with control characters shown as escapes."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def time_text(moment: dt.datetime | None) -> str | None:
    """Return RFC 3339 in UTC, with as many digits of the second as there are; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def to_second(moment: dt.datetime | None, absent: str = "-") -> str:
    """Return the time for people: RFC 3339 in UTC, to the second."""
    return absent if moment is None else moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def echo_json(value: Mapping[str, object]) -> None:
    """Print one JSON object, indented, keys in the order given. ASCII only, so that no terminal or locale can spoil it."""
    click.echo(json.dumps(value, indent=2))


def echo_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print aligned columns; the last is not padded."""
    cells = [list(heading), *([printable(cell) or "-" for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heading))]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(padded).rstrip())


def echo_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print `name  value` lines, aligned. Empty values are shown as `-`."""
    pairs = list(fields)
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{name.ljust(width)}  {printable(value) or '-'}")
