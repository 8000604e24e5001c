"""Parsing (RFC 9651 section 4.2): bytes in, values out, and nothing that is not of the grammar.

Of what the RFC leaves to the parser: base64 without padding or with bits left over is refused, because every writer has to pad
(section 4.1.8), and what is signed should have one spelling. With `unique`, a key given twice is refused as well; without it
the last one counts, as sections 4.2.2 and 4.2.3.2 say.
"""

import re
from collections.abc import Sequence
from typing import Final

from counterseal.core.structured_fields.bare_items import read_bare_item
from counterseal.core.structured_fields.model import (
    MAX_BYTES,
    MAX_ITEMS,
    MAX_MEMBERS,
    MAX_PARAMETERS,
    InnerList,
    Item,
    Member,
    Parameters,
    StructuredFieldError,
)

# Section 4.2.2: a key, and "=" where a value follows.
_KEY: Final = re.compile(rb"([a-z*][a-z0-9_.*-]*+)(=?)")
# Section 4.2.3.2: ";", any spaces, a key.
_PARAMETER: Final = re.compile(rb"; *+([a-z*][a-z0-9_.*-]*+)(=?)")
# Sections 4.2.1 and 4.2.2: members are parted by a comma, with spaces and tabs around it.
_COMMA: Final = re.compile(rb"[ \t]*+,[ \t]*+")


def join(lines: Sequence[bytes]) -> bytes:
    """Return the one field that several lines of the same name make (section 4.2)."""
    return lines[0] if len(lines) == 1 else b", ".join(lines)


def parse_item(field: bytes, *, unique: bool = False) -> Item:
    """Parse a field that is one item.

    Raises:
        StructuredFieldError: it is not, or breaks a limit.
    """
    start = _begin(field)
    item, position = _item(field, start, unique)
    _end(field, position)
    return item


def parse_list(field: bytes, *, unique: bool = False) -> tuple[Member, ...]:
    """Parse a field that is a list; an empty field is an empty list. Raises StructuredFieldError."""
    position = _begin(field)
    members: list[Member] = []
    if position == len(field):
        return ()
    while True:
        if len(members) == MAX_MEMBERS:
            raise StructuredFieldError(f"more than {MAX_MEMBERS} members")
        member, position = _member(field, position, unique)
        members.append(member)
        following = _next(field, position)
        if following is None:
            return tuple(members)
        position = following


def parse_dictionary(field: bytes, *, unique: bool = False) -> dict[str, Member]:
    """Parse a field that is a dictionary; an empty field is an empty one. Raises StructuredFieldError."""
    position = _begin(field)
    members: dict[str, Member] = {}
    if position == len(field):
        return members
    count = 0
    while True:
        count += 1
        if count > MAX_MEMBERS:
            raise StructuredFieldError(f"more than {MAX_MEMBERS} members")
        key, member, position = _keyed(field, position, unique)
        if unique and key in members:
            raise StructuredFieldError(f"a key given twice, before byte {position}")
        members[key] = member
        following = _next(field, position)
        if following is None:
            return members
        position = following


def _begin(field: bytes) -> int:
    if len(field) > MAX_BYTES:
        raise StructuredFieldError(f"longer than {MAX_BYTES} bytes")
    return _after_spaces(field, 0)


def _end(field: bytes, position: int) -> None:
    if field[position:].strip(b" "):
        raise StructuredFieldError(f"something unexpected at byte {position}")


def _next(field: bytes, position: int) -> int | None:
    """Return where the next member begins; None at the end."""
    match = _COMMA.match(field, position)
    if match is None:
        if field[position:].strip(b" \t"):
            raise StructuredFieldError(f"something unexpected at byte {position}")
        return None
    if match.end() == len(field):
        raise StructuredFieldError("a comma at the end")
    return match.end()


def _keyed(field: bytes, position: int, unique: bool) -> tuple[str, Member, int]:
    match = _KEY.match(field, position)
    if match is None:
        raise StructuredFieldError(f"no key at byte {position}")
    key, position = match[1].decode("ascii"), match.end()
    if match[2]:
        member, position = _member(field, position, unique)
        return key, member, position
    parameters, position = _parameters(field, position, unique)
    return key, Item(True, parameters), position


def _member(field: bytes, position: int, unique: bool) -> tuple[Member, int]:
    if field.startswith(b"(", position):
        return _inner_list(field, position + 1, unique)
    return _item(field, position, unique)


def _inner_list(field: bytes, position: int, unique: bool) -> tuple[InnerList, int]:
    items: list[Item] = []
    while True:
        after = _after_spaces(field, position)
        if field.startswith(b")", after):
            parameters, after = _parameters(field, after + 1, unique)
            return InnerList(tuple(items), parameters), after
        # Section 4.2.1.2: between two items stands a space at least.
        if items and after == position:
            raise StructuredFieldError(f"neither a space nor ) at byte {position}")
        if len(items) == MAX_ITEMS:
            raise StructuredFieldError(f"more than {MAX_ITEMS} items in an inner list")
        item, position = _item(field, after, unique)
        items.append(item)


def _after_spaces(field: bytes, position: int) -> int:
    while field.startswith(b" ", position):
        position += 1
    return position


def _item(field: bytes, position: int, unique: bool) -> tuple[Item, int]:
    value, position = read_bare_item(field, position)
    if not field.startswith(b";", position):
        return Item(value), position
    parameters, position = _parameters(field, position, unique)
    return Item(value, parameters), position


def _parameters(field: bytes, position: int, unique: bool) -> tuple[Parameters, int]:
    parameters: Parameters = {}
    count = 0
    while field.startswith(b";", position):
        match = _PARAMETER.match(field, position)
        if match is None:
            raise StructuredFieldError(f"no key at byte {position + 1}")
        count += 1
        if count > MAX_PARAMETERS:
            raise StructuredFieldError(f"more than {MAX_PARAMETERS} parameters")
        key, position = match[1].decode("ascii"), match.end()
        if unique and key in parameters:
            raise StructuredFieldError(f"a parameter given twice, before byte {position}")
        if match[2]:
            parameters[key], position = read_bare_item(field, position)
        else:
            parameters[key] = True
    return parameters, position
