"""A session's row is sealed: whoever can write the database, and has no master key, begins no session and changes none.

The seal holds the hashes of the session's refresh tokens, so nobody puts a hash there whose token they know. The row is its
associated data. No seal of another kind passes for it: what lies beside begins otherwise. A whole row put back as it was
earlier, before the session ended or a refresh token was used, has a seal that opens: that one is told by the time of its
change. What is *not* noticed here: a row that was removed (`audit verify` does), and a row put back together with the trail.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.put_back import check_newest
from counterseal.server.keys.resealable import Sealed, Swap, Unreadable
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.rows import to_micros, to_time
from counterseal.server.store.session_records import RefreshHashes, SessionPage, SessionQuery, StoredSession, Tally
from counterseal.server.store.session_rows import session_values
from counterseal.server.store.sessions import SessionStore

_PREFIX: Final = "session/"
_VERSION: Final = 1
# Of these rows, in this version. A column that comes later is sealed in under a new version.
_BESIDE: Final = b"counterseal session 1\0"
_NO_TENANT: Final = ""


def seal_session(stored: StoredSession, hashes: RefreshHashes, cipher: SecretCipher) -> StoredSession:
    """Return the session with a seal under the active master key, for the row as it is in `stored`."""
    seal = cipher.seal(
        _hashes_text(hashes),
        tenant=_NO_TENANT,
        key_id=_PREFIX + stored.record.session_id,
        version=_VERSION,
        beside=_beside(stored),
    )
    return dataclasses.replace(stored, seal=seal)


def open_session(stored: StoredSession, cipher: SecretCipher) -> RefreshHashes:
    """Return the hashes of the session's refresh tokens, when the row is as it was sealed by its newest change.

    Raises:
        SealBroken: it is not, or the master key is missing.
    """
    opened = cipher.unseal(
        stored.seal,
        tenant=_NO_TENANT,
        key_id=_PREFIX + stored.record.session_id,
        version=_VERSION,
        beside=_beside(stored),
    )
    check_newest("a session", stored.record.updated, stored.newest)
    return _read_hashes(opened)


@dataclass(frozen=True, slots=True)
class SealedSession:
    """A session's row, which its seal vouches for."""

    stored: StoredSession

    @property
    def name(self) -> str:
        """The session's id."""
        return self.stored.record.session_id

    @property
    def sealed(self) -> bytes:
        """See Sealed."""
        return self.stored.seal

    def check(self, cipher: SecretCipher) -> None:
        """See Sealed."""
        open_session(self.stored, cipher)

    def renew(self, cipher: SecretCipher) -> bytes:
        """See Sealed."""
        return seal_session(self.stored, open_session(self.stored, cipher), cipher).seal


class SealedSessions:
    """The sessions, for a reseal."""

    kind: Final = "session"

    def __init__(self, store: KeyStore) -> None:
        self._sessions = SessionStore(store.transactions, store.journal)

    def pages(self, size: int) -> Iterator[Sequence[Sealed]]:
        """See Resealable."""
        page = self._sessions.list_sessions(SessionQuery(page_size=size))
        yield _sealed(page)
        while page.next_after:
            page = self._sessions.list_sessions(SessionQuery(page_size=size, after=page.next_after))
            yield _sealed(page)

    def again(self, names: Sequence[str]) -> Sequence[Sealed]:
        """See Resealable."""
        found: list[Sealed] = []
        for name in names:
            try:
                stored = self._sessions.read(name)
            except SealBroken:
                found.append(Unreadable(name=name))
            else:
                found += [] if stored is None else [SealedSession(stored)]
        return found

    def swap(self, swaps: Sequence[Swap]) -> frozenset[str]:
        """See Resealable."""
        return self._sessions.swap_seals([(swap.name, swap.old, swap.new) for swap in swaps])


def _sealed(page: SessionPage) -> Sequence[Sealed]:
    return [*(SealedSession(stored) for stored in page.sessions), *(Unreadable(name=name) for name in page.unreadable)]


def _hashes_text(hashes: RefreshHashes) -> bytes:
    parts = {
        "family": hashes.family.hex(),
        "current": hashes.current.hex(),
        "previous": None if hashes.previous is None else hashes.previous.hex(),
        "request_id": None if hashes.request_id is None else hashes.request_id.hex(),
        "refreshes": None if hashes.refreshes is None else [to_micros(hashes.refreshes.since), hashes.refreshes.count],
    }
    return json.dumps(parts, separators=(",", ":")).encode("ascii")


def _read_hashes(text: bytes) -> RefreshHashes:
    """Read what `_hashes_text` wrote. It was sealed: whatever else it is, is a bug, and an exception of its own kind."""
    parts: dict[str, Any] = json.loads(text)
    previous, request_id = parts["previous"], parts["request_id"]
    # The release before wrote no tally.
    tally = parts.get("refreshes")
    return RefreshHashes(
        family=bytes.fromhex(parts["family"]),
        current=bytes.fromhex(parts["current"]),
        previous=None if previous is None else bytes.fromhex(previous),
        request_id=None if request_id is None else bytes.fromhex(request_id),
        refreshes=None if tally is None else Tally(since=to_time(tally[0]), count=tally[1]),
    )


def _beside(stored: StoredSession) -> bytes:
    """Return the row as JSON, of which no two rows have the same."""
    values: dict[str, Any] = session_values(stored)
    del values["seal"]
    return _BESIDE + json.dumps(values, sort_keys=True).encode("ascii")
