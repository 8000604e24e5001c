"""What structured fields are made of (RFC 9651 section 3), and how much of it one field may hold."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

# A field as a whole; the smallest that section 3 lets a parser give up at lie below (a byte sequence of 16384 octets, say).
MAX_BYTES: Final = 64 * 1024
# Sections 3.1, 3.1.1, 3.1.2 and 3.2 ask for at least as many.
MAX_MEMBERS: Final = 1024
MAX_ITEMS: Final = 256
MAX_PARAMETERS: Final = 256
# Section 3.3.1: at most fifteen digits.
MAX_INTEGER: Final = 999_999_999_999_999


class StructuredFieldError(ValueError):
    """The text is no structured field, or the value has no such text. Says what and where, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token (section 3.3.4): a type of its own, so that it never equals the string with the same characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Date:
    """A date (section 3.3.7), in Unix seconds."""

    seconds: int


@dataclass(frozen=True, slots=True)
class DisplayString:
    """A string of any Unicode characters (section 3.3.8)."""

    text: str


# `bool` is an `int` to Python: compare types with `type(value) is int`, never with isinstance.
BareItem = int | Decimal | str | Token | bytes | bool | Date | DisplayString
Parameters = dict[str, BareItem]


@dataclass(frozen=True, slots=True)
class Item:
    """A bare item and its parameters, in their order."""

    value: BareItem
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InnerList:
    """Items in parentheses, and the parameters of the whole."""

    items: tuple[Item, ...]
    parameters: Parameters = field(default_factory=dict)


Member = Item | InnerList
