"""What an intruder does who can write the database, on every engine."""

import re

from sqlalchemy import text

from counterseal.server.store.keystore import KeyStore


def forge(store: KeyStore, change: str, key_id: str | None = None) -> None:
    """Run `UPDATE keys SET <change>`, written for SQLite; where `key_id` is, or everywhere."""
    with store.database.writes.begin() as connection:
        name = connection.dialect.name
        if name == "postgresql":
            change = re.sub(r"CAST\(x'(\w+)' \|\| substr\((\w+), 2\) AS BLOB\)", r"'\\x\1'::bytea || substr(\2, 2)", change)
            change = change.replace("::", r"\:\:")
        elif name == "mysql":
            change = re.sub(r"CAST\(x'(\w+)' \|\| substr\((\w+), 2\) AS BLOB\)", r"CONCAT(x'\1', substr(\2, 2))", change)
            # MySQL reads from a table that it updates only behind another name.
            change = change.replace("FROM keys", "FROM (SELECT * FROM `keys`) AS others")
        table = connection.dialect.identifier_preparer.quote("keys")
        where = "" if key_id is None else " WHERE key_id = :id"
        connection.execute(text(f"UPDATE {table} SET {change}{where}"), {} if key_id is None else {"id": key_id})
