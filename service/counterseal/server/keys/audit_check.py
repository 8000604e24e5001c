"""Whether the audit trail is whole, and whether what it is about is as it says: everything that is wrong, and where.

What the hashes alone notice: an entry that was changed, removed, added, moved or renumbered. What needs the marks: a chain that
somebody hashed anew from there on. What needs the head beside the chain: newest entries that are gone. What needs the
high-water mark (`server/high_water.py`) or an export: newest entries that are gone together with what the head said of them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row

from counterseal.server.errors import SealBroken
from counterseal.server.keys.caller_check import callers_beside_trail
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.seal import open_secret
from counterseal.server.keys.session_check import principals_beside_trail, sessions_beside_trail
from counterseal.server.store.audit_chain import AuditKey, ChainedEntry, chained, revision_of
from counterseal.server.store.audit_subjects import fits
from counterseal.server.store.audit_trail import AuditTrail, KeyBesideTrail, Unchained
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import ChainHead
from counterseal.server.store.rows import read_stored

_DIGEST_BYTES: Final = 32
Note = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class AuditReport:
    """What was looked at, and how many problems there were."""

    entries: int = 0
    keys: int = 0
    callers: int = 0
    principals: int = 0
    sessions: int = 0
    problems: int = 0
    head: ChainHead | None = None
    unchained: Unchained | None = None


class AuditCheck:
    """One check of a store's trail. `note` is told each problem as it is found."""

    def __init__(self, store: KeyStore, key: AuditKey | None, note: Note) -> None:
        """`key` is None while nothing was ever marked."""
        self._store = store
        self._trail = AuditTrail(store)
        self._key = key
        self._note = note
        self.report = AuditReport()

    def run(self, cipher: SecretCipher) -> AuditReport:
        """Check the chain, then the rows beside it. Raises StoreUnavailable."""
        self._chain()
        for problem in keys_beside_trail(self._store, cipher, self._count_key):
            self._found(problem)
        for problem in callers_beside_trail(self._store, cipher, self._count_caller):
            self._found(problem)
        for problem in principals_beside_trail(self._store, cipher, self._count_principal):
            self._found(problem)
        for problem in sessions_beside_trail(self._store, cipher, self._count_session):
            self._found(problem)
        self.report.unchained = self._trail.unchained()
        return self.report

    def _count_key(self) -> None:
        self.report.keys += 1

    def _count_caller(self) -> None:
        self.report.callers += 1

    def _count_principal(self) -> None:
        self.report.principals += 1

    def _count_session(self) -> None:
        self.report.sessions += 1

    def _found(self, problem: str) -> None:
        self.report.problems += 1
        self._note(problem)

    def _chain(self) -> None:
        # Read first: whatever is added meanwhile lies behind it.
        head = self.report.head = self._store.chain_head()
        previous: bytes | None = None
        last, at_head = 0, None
        for row in self._trail.rows():
            self.report.entries += 1
            for problem in self._row_problems(row, previous, last):
                self._found(f"entry {row.seq}: {problem}")
            previous, last = row.hash, row.seq
            if row.seq <= head.sequence:
                at_head = row.hash
        if head.hash != at_head:
            self._found(
                f"head: entry {head.sequence} is not there as the head names it: the newest entries are gone or changed"
            )
        if last > self._store.chain_head().sequence:
            self._found(f"head: it says {head.sequence}, and there is an entry {last}")

    def _row_problems(self, row: Row[Any], previous: bytes | None, last: int) -> Iterator[str]:
        digest = row.hash or b""
        if len(digest) != _DIGEST_BYTES:
            yield "it has no hash"
        elif chained(row, previous).expected_hash() != digest:
            after = f"entry {last}" if previous is not None else "the beginning of the chain"
            yield f"its hash does not follow from {after}: it was changed, or entries between were removed, added or moved"
        if self._key is None or not self._key.made(digest, row.mac):
            yield "its hash does not bear the service's mark: the hash was made by somebody else"
        if row.revision != revision_of(row.key_id, row.action, row.time):
            yield "its column `revision` does not agree with the entry: it would hide that a key or a caller was put back"
        if not fits(row.key_id, row.action, row.tenant, row.detail):
            yield "its column `key_id` does not agree with the entry: it would hide that something was put back"


def keys_beside_trail(store: KeyStore, cipher: SecretCipher | None, count: Callable[[], None] = lambda: None) -> Iterator[str]:
    """Compare every key with the trail, which is taken as it is; yield what is wrong. Without a cipher no seal is opened.

    `count` is called for each key. Raises StoreUnavailable.
    """
    trail = AuditTrail(store)
    for beside in trail.keys_beside():
        count()
        for problem in _key_problems(beside, cipher):
            yield f"key {beside.key_id}: {problem}"
    for key_id in trail.removed_keys():
        yield f"key {key_id}: the trail knows it, and the key is gone"


def _key_problems(beside: KeyBesideTrail, cipher: SecretCipher | None) -> Iterator[str]:
    row, newest = beside.row, beside.newest
    try:
        if cipher is not None:
            open_secret(read_stored(row), cipher)
    except SealBroken as error:
        yield str(error)
    if newest is None:
        if row.updated != beside.unchained:
            yield "the trail does not know it, or not as it is"
    elif row.updated < newest:
        yield f"it is older than its last change, entry {beside.newest_sequence}: it was put back as it was earlier"
    elif row.updated > newest:
        # A server of the release before changes keys without a link in the chain.
        if row.updated != beside.unchained:
            yield f"it is newer than its last change in the trail, entry {beside.newest_sequence}: entries are gone"
    elif row.changed != beside.newest_sequence:
        yield f"its last change is entry {beside.newest_sequence}, and it says {row.changed}"


def check_links(entries: Iterable[tuple[str, ChainedEntry]], note: Note) -> tuple[int, ChainedEntry | None]:
    """Check an export by its hashes alone. Each entry comes with where it stands, for `note`.

    Returns how many entries there were, and the last.
    """
    last: ChainedEntry | None = None
    number = 0
    for where, entry in entries:
        number += 1
        if entry.expected_hash() != entry.hash:
            note(f"{where}: entry {entry.sequence}: its hash does not belong to what it says: it was changed")
        if last is not None and entry.sequence <= last.sequence:
            note(f"{where}: entry {entry.sequence} comes after entry {last.sequence}")
        elif last is not None and entry.previous_hash != last.hash:
            note(f"{where}: entry {entry.sequence}: the link to entry {last.sequence} is missing: entries between are not here")
        last = entry
    return number, last
