"""Bare items, read (RFC 9651 section 4.2.3.1) and written (section 4.1.3.1): one grammar and one spelling for each kind."""

import binascii
import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from counterseal.core.structured_fields.model import (
    MAX_INTEGER,
    BareItem,
    Date,
    DisplayString,
    StructuredFieldError,
    Token,
)

# Possessive, so that no input is slow. The kinds differ in their first character; only a decimal begins as an integer does.
_BARE_ITEM: Final = re.compile(
    rb'"(?P<string>(?:[ !#-\[\]-~]++|\\["\\])*+)"'
    rb"|(?P<decimal>-?[0-9]{1,12}\.[0-9]{1,3}+)(?![0-9])"
    rb"|(?P<integer>-?[0-9]{1,15}+)(?![0-9.])"
    rb"|(?P<token>[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*+)"
    # Padded in full, and no bit of the last character left over.
    rb"|:(?P<bytes>(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?):"
    rb"|\?(?P<boolean>[01])"
    rb"|@(?P<date>-?[0-9]{1,15}+)(?![0-9.])"
    rb'|%"(?P<display>(?:[ !#$&-~]++|%[0-9a-f]{2})*+)"'
)
_ESCAPED: Final = re.compile(rb"%([0-9a-f]{2})")
_STRING: Final = re.compile(r"[ -~]*")
_TOKEN: Final = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*")
# Section 4.1.5: three digits after the point, rounded to the even neighbour; never the caller's own decimal context.
_ROUNDING: Final = Context(prec=40, rounding=ROUND_HALF_EVEN)
_THOUSANDTH: Final = Decimal("0.001")
_PLAIN: Final = frozenset(range(0x20, 0x7F)) - frozenset(b'%"')


def read_bare_item(field: bytes, position: int) -> tuple[BareItem, int]:
    """Read the bare item that begins at `position`; return it and where it ends.

    Raises:
        StructuredFieldError: none begins there.
    """
    match = _BARE_ITEM.match(field, position)
    if match is None:
        raise StructuredFieldError(f"no item at byte {position}, or one that is not of its grammar")
    kind = match.lastindex or 0
    return _READERS[kind](match[kind]), match.end()


def _read_string(text: bytes) -> BareItem:
    # Escapes are the backslash's and the quote's only; the grammar saw to that.
    plain = re.sub(rb"\\(.)", rb"\1", text) if b"\\" in text else text
    return plain.decode("ascii")


def _read_display_string(text: bytes) -> BareItem:
    plain = _ESCAPED.sub(lambda match: bytes((int(match[1], 16),)), text)
    try:
        return DisplayString(plain.decode("utf-8"))
    except UnicodeDecodeError:
        raise StructuredFieldError("a display string that is not UTF-8") from None


# By the number of the group that matched, which is quicker than its name.
_READERS: Final[dict[int, Callable[[bytes], BareItem]]] = {
    _BARE_ITEM.groupindex[kind]: reader
    for kind, reader in (
        ("string", _read_string),
        ("decimal", lambda text: Decimal(text.decode("ascii"))),
        ("integer", int),
        ("token", lambda text: Token(text.decode("ascii"))),
        ("bytes", binascii.a2b_base64),
        ("boolean", lambda text: text == b"1"),
        ("date", lambda text: Date(int(text))),
        ("display", _read_display_string),
    )
}


def write_bare_item(value: BareItem) -> bytes:
    """Write a bare item.

    Raises:
        StructuredFieldError: it is of no such type, or out of its type's range.
    """
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise StructuredFieldError("a value of a type that structured fields do not have")
    return writer(value)


def _write_integer(value: int) -> bytes:
    if abs(value) > MAX_INTEGER:
        raise StructuredFieldError("an integer of more than fifteen digits")
    return b"%d" % value


def _write_decimal(value: Decimal) -> bytes:
    if not value.is_finite() or value.adjusted() >= 12:
        raise StructuredFieldError("a decimal of more than twelve digits before the point")
    rounded = value.quantize(_THOUSANDTH, context=_ROUNDING)
    if not rounded:
        return b"0.0"  # "-0.0" would be a second spelling.
    whole, _, fraction = f"{rounded:f}".partition(".")
    if len(whole.removeprefix("-")) > 12:
        raise StructuredFieldError("a decimal that rounds to more than twelve digits before the point")
    return f"{whole}.{fraction.rstrip('0') or '0'}".encode("ascii")


def _write_string(value: str) -> bytes:
    if not _STRING.fullmatch(value):
        raise StructuredFieldError("a string with characters other than printable ASCII")
    return b'"%s"' % value.replace("\\", "\\\\").replace('"', '\\"').encode("ascii")


def _write_token(value: Token) -> bytes:
    if not _TOKEN.fullmatch(value.text):
        raise StructuredFieldError("a token with characters that tokens do not have")
    return value.text.encode("ascii")


def _write_display_string(value: DisplayString) -> bytes:
    try:
        raw = value.text.encode("utf-8")
    except UnicodeEncodeError:
        raise StructuredFieldError("a display string with half a surrogate pair") from None
    return b'%%"%s"' % b"".join(bytes((byte,)) if byte in _PLAIN else b"%%%02x" % byte for byte in raw)


_WRITERS: Final[dict[type, Callable[..., bytes]]] = {
    str: _write_string,
    Decimal: _write_decimal,
    int: _write_integer,
    Token: _write_token,
    bytes: lambda value: b":%s:" % binascii.b2a_base64(value, newline=False),
    bool: lambda value: b"?1" if value else b"?0",
    Date: lambda value: b"@" + _write_integer(value.seconds),
    DisplayString: _write_display_string,
}
