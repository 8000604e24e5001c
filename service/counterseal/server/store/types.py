"""Column types that mean the same on every engine."""

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.types import TypeEngine


def bytewise(length: int) -> TypeEngine[str]:
    """Return a text type of so many characters that is compared and sorted bytewise, trailing spaces included."""
    return String(length).with_variant(String(length, collation="BINARY"), "sqlite")


def long_text() -> TypeEngine[str]:
    """Return a text type for JSON and descriptions; never compared."""
    return Text()


def binary() -> TypeEngine[bytes]:
    """Return a type for sealed secrets and other bytes of no fixed length; never compared for order."""
    return LargeBinary()


def digest() -> TypeEngine[bytes]:
    """Return a type for 32 bytes that may be a primary key."""
    return LargeBinary(32)
