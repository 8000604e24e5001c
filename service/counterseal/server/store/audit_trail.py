"""Reading the audit trail: for those who list and export it, and for the check that it is whole."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.orm import aliased

from counterseal.server.store.audit_chain import ChainedEntry, chain_time, chained
from counterseal.server.store.audit_subjects import SUBJECTS, SUBJECTS_END
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import ChainHead
from counterseal.server.store.tables import AUDIT, CHANGE_SEQUENCE, KEYS, META

_PAGE: Final = 1000
_BEFORE: Final = aliased(AUDIT, name="before_it")
# The link before, whatever else is left out of a page.
_PREVIOUS: Final = (
    select(_BEFORE.c.hash).where(_BEFORE.c.seq < AUDIT.c.seq).order_by(_BEFORE.c.seq.desc()).limit(1).scalar_subquery()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchained:
    """Entries outside the chain, which servers of the release before wrote: how many, and from when to when."""

    number: int
    first: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBesideTrail:
    """A key's row, and what the trail says of its newest change. None: the trail holds no chained change of it."""

    row: Row[Any]
    newest: int | None
    newest_sequence: int | None
    # The time of the newest change outside the chain.
    unchained: int | None

    @property
    def key_id(self) -> str:
        """The key id."""
        return str(self.row.key_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far the store has come, the newest hash as it was at a number asked for, and a single value, all of one moment."""

    head: ChainHead
    then: bytes | None
    meta: bytes | None = field(repr=False)


class AuditTrail:
    """The trail of a store. Every method raises StoreUnavailable when the database does not answer."""

    def __init__(self, store: KeyStore) -> None:
        self._transactions = store.transactions

    def page(
        self, *, after: int, limit: int, tenants: frozenset[str] | None = None, key_id: str = ""
    ) -> tuple[ChainedEntry, ...]:
        """Return entries with greater numbers than `after`, ascending: of these tenants alone, and of one key, if asked."""
        query = select(AUDIT, _PREVIOUS.label("previous")).where(AUDIT.c.seq > after).order_by(AUDIT.c.seq).limit(limit)
        if tenants is not None:
            query = query.where(AUDIT.c.tenant.in_(sorted(tenants)))
        if key_id:
            query = query.where(AUDIT.c.key_id == key_id)
        with self._transactions.reading() as connection:
            return tuple(chained(row, row.previous) for row in connection.execute(query))

    def entries(self, after: int = 0) -> Iterator[ChainedEntry]:
        """Go through the whole chain from behind `after` on, a page at a time."""
        while page := self.page(after=after, limit=_PAGE):
            yield from page
            after = page[-1].sequence

    def rows(self) -> Iterator[Row[Any]]:
        """Go through the rows of the chain in the order of their numbers, as they lie in the table."""
        after = -(2**63)  # whatever somebody made of the numbers
        while page := self._rows(after):
            yield from page
            after = page[-1].seq

    def _rows(self, after: int) -> list[Row[Any]]:
        query = select(AUDIT).where(AUDIT.c.seq > after).order_by(AUDIT.c.seq).limit(_PAGE)
        with self._transactions.reading() as connection:
            return list(connection.execute(query))

    def hash_at(self, sequence: int) -> bytes | None:
        """Return the newest hash of the chain as it was when the store had come to this number; None before the first."""
        query = select(AUDIT.c.hash).where(AUDIT.c.seq <= sequence).order_by(AUDIT.c.seq.desc()).limit(1)
        with self._transactions.reading() as connection:
            found: bytes | None = connection.execute(query).scalar()
        return found

    def lacks(self, exported: Iterable[tuple[str, ChainedEntry]]) -> Iterator[tuple[str, ChainedEntry]]:
        """Go through exported entries, each with where it stands; yield those that the chain does not hold."""
        entries = iter(exported)
        while page := list(itertools.islice(entries, _PAGE)):
            wanted = [entry.sequence for _, entry in page]
            query = select(AUDIT.c.seq, AUDIT.c.hash).where(AUDIT.c.seq.in_(wanted))
            with self._transactions.reading() as connection:
                there = {(row.seq, row.hash) for row in connection.execute(query)}
            yield from ((where, entry) for where, entry in page if (entry.sequence, entry.hash) not in there)

    def position(self, remembered: int, meta: str) -> Position:
        """Return how far the store has come, what it says of the number `remembered`, and a value of `meta`, of one moment."""
        at = select(AUDIT.c.hash).where(AUDIT.c.seq <= remembered).order_by(AUDIT.c.seq.desc()).limit(1).scalar_subquery()
        value = select(META.c.value).where(META.c.name == meta).scalar_subquery()
        row_of = CHANGE_SEQUENCE.c
        query = select(row_of.value, row_of.hash, at.label("then"), value.label("meta")).where(row_of.id == 1)
        with self._transactions.reading() as connection:
            row = connection.execute(query).one()
        return Position(head=ChainHead(sequence=row.value, hash=row.hash), then=row.then, meta=row.meta)

    def unchained(self) -> Unchained:
        """Count what servers of the release before wrote."""
        query = select(func.count(), func.min(AUDIT.c.time), func.max(AUDIT.c.time)).where(AUDIT.c.seq.is_(None))
        with self._transactions.reading() as connection:
            number, first, last = connection.execute(query).one()
        return Unchained(number=number, first=_time(first), last=_time(last))

    def keys_beside(self) -> Iterator[KeyBesideTrail]:
        """Go through the keys in the order of their ids; each with the trail as it is at the same moment."""
        newest = select(func.max(AUDIT.c.revision)).where(AUDIT.c.key_id == KEYS.c.key_id).correlate(KEYS).scalar_subquery()
        own = aliased(AUDIT, name="own")
        same = select(func.max(own.c.seq)).where(own.c.key_id == KEYS.c.key_id, own.c.revision == newest)
        sequence = same.correlate(KEYS).scalar_subquery()
        unchained = select(func.max(AUDIT.c.time)).where(AUDIT.c.key_id == KEYS.c.key_id, AUDIT.c.seq.is_(None))
        old = unchained.correlate(KEYS).scalar_subquery()
        query = select(KEYS, newest.label("newest"), sequence.label("seq"), old.label("old")).order_by(KEYS.c.key_id)
        after = ""
        while True:
            with self._transactions.reading() as connection:
                rows = list(connection.execute(query.where(KEYS.c.key_id > after).limit(_PAGE)))
            for row in rows:
                yield KeyBesideTrail(row=row, newest=row.newest, newest_sequence=row.seq, unchained=row.old)
            if not rows:
                return
            after = rows[-1].key_id

    def removed_keys(self) -> Iterator[str]:
        """Go through the ids of keys that the trail knows, and that are not there."""
        gone = ~select(KEYS.c.key_id).where(KEYS.c.key_id == AUDIT.c.key_id).exists()
        of_others = AUDIT.c.key_id.between(SUBJECTS, SUBJECTS_END)
        query = select(AUDIT.c.key_id).where(AUDIT.c.revision.is_not(None), ~of_others, gone).group_by(AUDIT.c.key_id)
        after = ""
        while True:
            with self._transactions.reading() as connection:
                found = list(connection.scalars(query.where(AUDIT.c.key_id > after).order_by(AUDIT.c.key_id).limit(_PAGE)))
            yield from found
            if not found:
                return
            after = found[-1]


def _time(micros: int | None) -> str:
    return "" if micros is None else chain_time(micros)
