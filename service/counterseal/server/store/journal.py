"""The journal: every change takes the next number and leaves an audit row, in the transaction of the change itself."""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from counterseal.server.store.database import Database
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.rows import audit_values
from counterseal.server.store.tables import AUDIT, CHANGE_SEQUENCE


class Journal:
    """Numbers changes and writes them down. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._announce = database.announce

    def record(self, connection: Connection, entry: AuditEntry) -> int:
        """Write `entry` down and return its number: the `changed` of what was changed.

        The row of the sequence stays locked until the transaction ends, so numbers become visible in ascending order.
        """
        row: Any = CHANGE_SEQUENCE.c
        connection.execute(update(CHANGE_SEQUENCE).where(row.id == 1).values(value=row.value + 1))
        number = int(connection.execute(select(row.value).where(row.id == 1)).scalar_one())
        connection.execute(insert(AUDIT).values(audit_values(entry) | {"seq": number}))
        self._announce(connection)
        return number
