"""Readers of single values: text in, value out, ValueError with the limit otherwise.

They never quote the value: some values are secrets.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

Reader = Callable[[str], Any]

_INTEGER: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)


def integer(low: int, high: int) -> Reader:
    """Read decimal digits. `int()` alone would take `6_0`, ` 60 ` and other digits."""

    def read(value: str) -> int:
        if not _INTEGER.fullmatch(value) or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return read


def seconds(low: float, high: float) -> Reader:
    """Read a plain decimal number, without sign or exponent."""

    def read(value: str) -> float:
        if not _DECIMAL.fullmatch(value) or not low <= float(value) <= high:
            raise ValueError(f"must be a number from {low} to {high}")
        return float(value)

    return read


def flag(value: str) -> bool:
    """Read `true` or `false`."""
    if value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value == "true"


def one_of(*choices: str) -> Reader:
    """Read one of a few words."""

    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return read


def text(value: str) -> str:
    """Read any text but none: a setting that is there and empty is a deployment that lost its value."""
    if not value:
        raise ValueError("is set, but empty; leave it out for the default")
    return value


def path(value: str) -> Path:
    """Read the path of a file or folder."""
    return Path(text(value))


def optional(inner: Reader) -> Reader:
    """Read an empty value as None."""
    return lambda value: inner(value) if value else None
