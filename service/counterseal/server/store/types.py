"""Column types that mean the same on every engine.

Released migrations are written in these terms: what an engine is given here is never changed, only new types are added.
"""

from typing import Any, Final

from sqlalchemy import VARBINARY, Dialect, LargeBinary, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

# Both names: SQLAlchemy has a dialect for MySQL that also speaks to MariaDB, and one for MariaDB alone.
_MYSQL: Final = ("mysql", "mariadb")
# Of a character in UTF-8.
_MOST_BYTES: Final = 4


class _Utf8(TypeDecorator[str]):
    """Text kept as its UTF-8 bytes.

    MySQL's own texts fold case by default, and its bytewise collations for utf8mb4 (and TiDB's) still ignore trailing spaces.
    """

    impl = VARBINARY
    cache_ok = True

    def process_bind_param(self, value: str | None, _: Dialect) -> bytes | None:
        return None if value is None else value.encode()

    def process_result_value(self, value: Any, _: Dialect) -> str | None:
        return None if value is None else bytes(value).decode()


def bytewise(length: int) -> TypeEngine[str]:
    """Return a text type of so many characters that is compared and sorted bytewise, trailing spaces included."""
    return (
        String(length)
        .with_variant(String(length, collation="BINARY"), "sqlite")
        .with_variant(String(length, collation="C"), "postgresql")
        .with_variant(_Utf8(length * _MOST_BYTES), *_MYSQL)
    )


def long_text() -> TypeEngine[str]:
    """Return a text type for JSON and descriptions; never compared."""
    # MySQL's TEXT ends at 64 KiB.
    return Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), *_MYSQL)


def binary() -> TypeEngine[bytes]:
    """Return a type for sealed secrets and other bytes of no fixed length; never compared for order."""
    return LargeBinary().with_variant(mysql.MEDIUMBLOB(), *_MYSQL)


def digest() -> TypeEngine[bytes]:
    """Return a type for 32 bytes that may be a primary key."""
    # MySQL has no keys over a whole BLOB, and cuts zeros off the end of a BINARY when it compares.
    return LargeBinary(32).with_variant(VARBINARY(32), *_MYSQL)


def widened(before: int, length: int) -> TypeEngine[str]:
    """Return what `bytewise(before)` becomes where it is given room for so many characters.

    SQLite holds no text to its length, and makes a column's type another only by copying the whole table: there it stays.
    """
    return (
        String(length)
        .with_variant(String(before, collation="BINARY"), "sqlite")
        .with_variant(String(length, collation="C"), "postgresql")
        .with_variant(_Utf8(length * _MOST_BYTES), *_MYSQL)
    )
