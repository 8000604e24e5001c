"""The journal: every change takes the next number and leaves a link of the audit chain, in the transaction of the change."""

from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from counterseal.server.store.audit_chain import AuditKey, ChainedEntry, chain_time, revision_of
from counterseal.server.store.audit_subjects import shown_key_id
from counterseal.server.store.database import Database
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.rows import audit_values
from counterseal.server.store.tables import AUDIT, CHANGE_SEQUENCE

# Locked until the transaction ends: numbers become visible in ascending order, and the chain has no forks on any engine.
_HEAD: Final = select(CHANGE_SEQUENCE.c.value, CHANGE_SEQUENCE.c.hash).where(CHANGE_SEQUENCE.c.id == 1).with_for_update()
# Made once: statements with the values in them are put together anew every time, which costs more than running them.
_ADD: Final = insert(AUDIT)
_MOVE: Final = (
    update(CHANGE_SEQUENCE).where(CHANGE_SEQUENCE.c.id == 1).values(value=bindparam("number"), hash=bindparam("digest"))
)


class Journal:
    """Numbers changes and writes them down. Thread-safe once it is armed."""

    def __init__(self, database: Database) -> None:
        self._announce = database.announce
        self._key: AuditKey | None = None

    def arm(self, key: AuditKey) -> None:
        """Give the journal the key of its marks, without which nothing can be changed."""
        self._key = key

    def lock(self, connection: Connection) -> None:
        """Wait for all other changes: what is read from here on is as they left it, until the transaction ends."""
        connection.execute(_HEAD)

    def record(self, connection: Connection, entry: AuditEntry, *, skip: int = 0) -> int:
        """Write `entry` down and return its number: the `changed` of what was changed. `skip` leaves numbers out before it."""
        if self._key is None:
            raise RuntimeError("the journal has no key yet: arm it (keys/audit_key.py) before anything is changed")
        head = connection.execute(_HEAD).one()
        number, values = head.value + 1 + skip, audit_values(entry)
        digest = _link(number, values, head.hash)
        values |= {
            "seq": number,
            "hash": digest,
            "mac": self._key.mac(digest),
            "revision": revision_of(values["key_id"], entry.action, values["time"]),
        }
        connection.execute(_ADD, values)
        connection.execute(_MOVE, {"number": number, "digest": digest})
        self._announce(connection)
        return int(number)


def _link(number: int, values: dict[str, Any], previous: bytes | None) -> bytes:
    entry = ChainedEntry(
        sequence=number,
        time=chain_time(values["time"]),
        actor=values["actor"],
        action=values["action"],
        key_id=shown_key_id(values["key_id"]),
        tenant=values["tenant"],
        request_id=values["request_id"],
        detail_json=values["detail"],
        hash=b"",
        previous_hash=previous or b"",
    )
    return entry.expected_hash()
