"""The key store: every statement that is run on keys. A change, its audit row and its number are one transaction."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, exc, func, insert, select, update

from counterseal.server.errors import KeyExists, SealBroken, StoreUnavailable
from counterseal.server.store import schema
from counterseal.server.store.database import Database
from counterseal.server.store.journal import Journal
from counterseal.server.store.records import (
    AuditEntry,
    ChainHead,
    KeyPage,
    KeyQuery,
    KeyRecord,
    SealSwap,
    StoredKey,
)
from counterseal.server.store.reports import read_report
from counterseal.server.store.rows import (
    read_audit,
    read_record,
    read_stored,
    stored_values,
    to_micros,
    to_time,
)
from counterseal.server.store.tables import AUDIT, CHANGE_SEQUENCE, KEYS, META
from counterseal.server.store.transactions import Transactions
from counterseal.server.store.uses import Uses, read_uses, write_uses

# Given the key as it is, returns it as it shall be, sealed anew, together with the audit entry; or None to leave it. Runs
# inside the transaction: what it raises rolls back.
Edit = Callable[[StoredKey], tuple[StoredKey, AuditEntry] | None]

_READ_KEY: Final = select(KEYS).where(KEYS.c.key_id == bindparam("id"))
# The time of the key's newest change, as the audit trail knows it. A row that is older was put back as it was earlier.
_NEWEST: Final = select(func.max(AUDIT.c.revision).label("newest")).where(AUDIT.c.key_id == bindparam("id"))
# One row, always: the columns of the key are NULL when there is none.
_TRAIL: Final = _NEWEST.subquery("trail")
_FIND: Final = select(_TRAIL.c.newest, KEYS).select_from(_TRAIL.join(KEYS, KEYS.c.key_id == bindparam("id"), isouter=True))
_LOCK_KEY: Final = (
    select(KEYS, _NEWEST.scalar_subquery().label("newest")).where(KEYS.c.key_id == bindparam("id")).with_for_update()
)
_IS_TAKEN: Final = select(KEYS.c.key_id).where(KEYS.c.key_id == bindparam("id"))
_ADD_KEY: Final = insert(KEYS)
_CHANGE_KEY: Final = update(KEYS).where(KEYS.c.key_id == bindparam("id"))
_SWAP: Final = (
    update(KEYS)
    .where(KEYS.c.key_id == bindparam("id"), KEYS.c.sealed_secret == bindparam("old"))
    .values(sealed_secret=bindparam("new"))
)


class KeyStore:
    """Keys in a database. Thread-safe. Every method raises StoreUnavailable when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.transactions = Transactions(database)
        self.journal = Journal(database)

    def upgrade(self) -> None:
        """Bring the schema up to date; safe when several processes start at once.

        Raises:
            ConfigError: the schema is newer than this release knows.
        """
        schema.upgrade(self.database)

    def ping(self) -> None:
        """Return when the store answers and holds our tables; raise StoreUnavailable otherwise."""
        try:
            self.change_sequence()
            self.database.check()
        except exc.SQLAlchemyError as error:
            raise StoreUnavailable("the key store holds no keys table; has it been upgraded?") from error

    def close(self) -> None:
        """Close all connections."""
        self.database.reads.dispose()
        self.database.writes.dispose()

    def read_key(self, key_id: str) -> StoredKey | None:
        """Return the key with its sealed secret, or None. The one statement of a cold Verify.

        Raises:
            SealBroken: the audit trail knows of the key, and its row is gone.
        """
        with self.transactions.reading() as connection:
            row = connection.execute(_FIND, {"id": key_id}).one()
        if row.key_id is not None:
            return _read_checked(row)
        if row.newest is not None:
            raise SealBroken("a key's row is missing from the key store: it was removed behind our back")
        return None

    def find_issued(self, actor: str, request_id: str) -> StoredKey | None:
        """Return the key that `actor` issued under this request id, or None. As `read_key`, it looks at the trail too."""
        query = select(KEYS.c.key_id).where(KEYS.c.issue_actor == actor, KEYS.c.issue_request_id == request_id)
        with self.transactions.reading() as connection:
            key_id = connection.execute(query).scalar()
        return None if key_id is None else self.read_key(key_id)

    def list_keys(self, query: KeyQuery) -> KeyPage:
        """Return a page of records in bytewise order of their ids."""
        if query.is_report:
            with self.transactions.reading() as connection:
                return read_report(connection, query)
        wanted = select(KEYS).where(KEYS.c.key_id > query.after).order_by(KEYS.c.key_id).limit(query.page_size + 1)
        if query.tenants is not None:
            wanted = wanted.where(KEYS.c.tenant.in_(sorted(query.tenants)))
        if query.principal:
            wanted = wanted.where(KEYS.c.principal == query.principal)
        if query.state is not None:
            wanted = wanted.where(KEYS.c.state == query.state.value)
        with self.transactions.reading() as connection:
            rows = connection.execute(wanted).all()
        records = tuple(read_record(row) for row in rows[: query.page_size])
        return KeyPage(records=records, next_after=records[-1].key_id if len(rows) > query.page_size else "")

    def write_uses(self, uses: Uses) -> None:
        """Note when secrets were used: no change of their keys."""
        write_uses(self.transactions, uses)

    def read_uses(self, key_ids: Sequence[str]) -> dict[str, dict[int, dt.datetime]]:
        """Return when the secrets of these keys were last used, by key id and version, as far as is known."""
        return read_uses(self.transactions, key_ids)

    def insert(self, stored: StoredKey, entry: AuditEntry) -> KeyRecord:
        """Add a key; durable when this returns. The record's etag is set here.

        Raises:
            KeyExists: the id is taken, or its mark is: `find_issued` tells which.
        """
        values, mark = stored_values(stored), stored.mark
        _check_time(stored, entry)

        def work(connection: Connection) -> KeyRecord:
            # Asked without a lock. Whoever changes a key has its row and waits for the next number; to have the number and then
            # wait for the row (InnoDB does, to tell that the id is taken) would undo that change, again and again.
            if connection.execute(_IS_TAKEN, {"id": stored.record.key_id}).first() is not None:
                raise KeyExists("the key id is taken")
            number = self.journal.record(connection, entry)
            connection.execute(_ADD_KEY, values | {"changed": number})
            return _read_back(connection, stored.record.key_id)

        try:
            return self.transactions.writing(work)
        except exc.IntegrityError as error:
            if self.read_key(stored.record.key_id) is None and (
                mark is None or not self.find_issued(mark.actor, mark.request_id)
            ):
                raise  # another constraint: a bug of ours
            raise KeyExists("the key id is taken") from error

    def change(self, key_id: str, edit: Edit) -> KeyRecord | None:
        """Change a key; durable when this returns. Returns the record as it is now, or None when there is no such key."""

        def work(connection: Connection) -> KeyRecord | None:
            row = connection.execute(_LOCK_KEY, {"id": key_id}).first()
            if row is None:
                return None
            before = _read_checked(row)
            edited = edit(before)
            if edited is None:
                return before.record
            after, entry = edited
            if after.record.updated < before.next_update(after.record.updated):
                raise ValueError("a change has to move `updated` forward, or a row put back later would look like the newest")
            _check_time(after, entry)
            values = stored_values(after) | {"changed": self.journal.record(connection, entry)}
            connection.execute(_CHANGE_KEY, values | {"id": key_id})
            return _read_back(connection, key_id)

        return self.transactions.writing(work)

    def read_keys_after(self, after: str, limit: int) -> tuple[StoredKey, ...]:
        """Return keys with their sealed secrets in bytewise order of their ids, from behind `after` on."""
        query = select(KEYS).where(KEYS.c.key_id > after).order_by(KEYS.c.key_id).limit(limit)
        with self.transactions.reading() as connection:
            return tuple(read_stored(row) for row in connection.execute(query))

    def swap_sealed(self, swaps: Sequence[SealSwap]) -> frozenset[str]:
        """Replace sealed secrets where they still are what was read; returns the ids that were replaced.

        Secret and record stay the same, so this is no change of the key: no audit row, no new etag.
        """

        def work(connection: Connection) -> frozenset[str]:
            swapped = set()
            for swap in swaps:
                done = connection.execute(_SWAP, {"id": swap.key_id, "old": swap.old, "new": swap.new})
                if done.rowcount == 1:
                    swapped.add(swap.key_id)
            return frozenset(swapped)

        return self.transactions.writing(work)

    def change_sequence(self) -> int:
        """Return the number of the last change of any key."""
        with self.transactions.reading() as connection:
            return int(connection.execute(select(CHANGE_SEQUENCE.c.value).where(CHANGE_SEQUENCE.c.id == 1)).scalar_one())

    def read_meta(self, prefix: str) -> dict[str, bytes]:
        """Return the single values whose names begin with `prefix`."""
        query = select(META).where(META.c.name >= prefix, META.c.name < prefix + "\x7f").order_by(META.c.name)
        with self.transactions.reading() as connection:
            return {row.name: row.value for row in connection.execute(query)}

    def add_meta(self, name: str, value: bytes) -> bool:
        """Add a single value unless there is one; says whether it was added."""
        try:
            self.transactions.writing(lambda connection: connection.execute(insert(META).values(name=name, value=value)))
        except exc.IntegrityError:
            return False
        return True

    def swap_meta(self, name: str, old: bytes, new: bytes) -> bool:
        """Replace a single value if it still is `old`; says whether it was replaced."""
        swap = update(META).where(META.c.name == name, META.c.value == old).values(value=new)
        return self.transactions.writing(lambda connection: connection.execute(swap).rowcount == 1)

    def drop_meta(self, name: str) -> None:
        """Remove a single value."""
        self.transactions.writing(lambda connection: connection.execute(META.delete().where(META.c.name == name)))

    def note(self, entry: AuditEntry) -> int:
        """Write down what changes no row of ours, e.g. a lease; durable when this returns. Returns the entry's number."""
        return self.transactions.writing(lambda connection: self.journal.record(connection, entry))

    def chain_head(self) -> ChainHead:
        """Return the number of the last change of all, and the newest hash of the audit chain."""
        query = select(CHANGE_SEQUENCE.c.value, CHANGE_SEQUENCE.c.hash).where(CHANGE_SEQUENCE.c.id == 1)
        with self.transactions.reading() as connection:
            row = connection.execute(query).one()
        return ChainHead(sequence=row.value, hash=row.hash)

    def read_audit(self, key_id: str, after: int = 0, limit: int = 1000) -> tuple[tuple[int, AuditEntry], ...]:
        """Return the audit trail of a key with its row numbers, oldest first, from behind row `after` on."""
        query = select(AUDIT).where(AUDIT.c.key_id == key_id, AUDIT.c.id > after).order_by(AUDIT.c.id).limit(limit)
        with self.transactions.reading() as connection:
            return tuple((row.id, read_audit(row)) for row in connection.execute(query))


def _read_back(connection: Connection, key_id: str) -> KeyRecord:
    return read_record(connection.execute(_READ_KEY, {"id": key_id}).one())


def _read_checked(row: Row[Any]) -> StoredKey:
    """Read a key with what the audit trail knows of it."""
    stored = read_stored(row)
    return stored if row.newest is None else dataclasses.replace(stored, newest=to_time(row.newest))


def _check_time(stored: StoredKey, entry: AuditEntry) -> None:
    if to_micros(stored.record.updated) != to_micros(entry.time):
        raise ValueError("a key and the audit entry of its change must bear the same time")
