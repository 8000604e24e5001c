"""Rows as somebody else may have left them: what we never write is an alarm, and no bug.

A database gives back what is in it. SQLite puts text into a column of numbers and NULL wherever a schema was edited, and any
engine holds JSON that is none. The seal notices what can be read and was changed; this, what cannot be read.
"""

import functools
import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Row, Table

from counterseal.server.errors import RowUnreadable
from counterseal.server.store.tables import KEYS

T = TypeVar("T")
# Of each column: name, Python type, whether it may be NULL, and how long it may be.
Columns = tuple[tuple[str, type[Any], bool, int], ...]
# Far above what the limits of a key let anybody write. Longer ones are not parsed.
_MOST: Final = 1_000_000
# What the readers of a row raise on values of another kind, out of range, or nested deeper than we ever do.
SIGNS: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


def alarming(read: Callable[[Row[Any]], T]) -> Callable[[Row[Any]], T]:
    """Return a reader of rows of `keys` that raises RowUnreadable where `read` trips over what is in one."""

    @functools.wraps(read)
    def guarded(row: Row[Any]) -> T:
        try:
            check_columns(row, _COLUMNS)
            return read(row)
        except SIGNS as error:
            raise RowUnreadable(row.key_id if isinstance(row.key_id, str) else "") from error

    return guarded


def read_text_map(text: str) -> dict[str, str]:
    """Read a JSON object of texts. Raises ValueError."""
    value = json.loads(text)
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("not an object of texts")
    return value


def read_text_set(text: str) -> frozenset[str]:
    """Read a JSON list of texts. Raises ValueError."""
    value = json.loads(text)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("not a list of texts")
    return frozenset(value)


def _expected(column: Column[Any]) -> tuple[str, type[Any], bool, int]:
    """Return name, Python type, whether it may be NULL, and how long it may be."""
    kind = column.type.python_type
    most = 0 if kind is int else getattr(column.type, "length", None) or _MOST
    return column.name, kind, bool(column.nullable), most


def columns_of(table: Table) -> Columns:
    """Return what `check_columns` holds the rows of a table against."""
    return tuple(_expected(column) for column in table.columns)


_COLUMNS: Final = columns_of(KEYS)


def check_columns(row: Row[Any], columns: Columns) -> None:
    """Return when every value in a row is of its column's kind and length. Raises what is among `SIGNS`."""
    for name, kind, nullable, most in columns:
        value = getattr(row, name, None)
        if value is None:
            if not nullable:
                raise ValueError(f"{name} is NULL")
        elif type(value) is not kind:
            raise TypeError(f"{name} is of another kind")
        elif most and len(value) > most:
            raise ValueError(f"{name} is too long")
        elif kind is str and not value.isascii():
            value.encode()  # raises for what was no UTF-8 in the database
