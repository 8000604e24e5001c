"""What all that is done to sessions stands on: the store, the seals, and the ring that has to forget what was changed."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from counterseal.core.model import KeyState
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.principal_seal import open_principal
from counterseal.server.keys.ring import KeyRing
from counterseal.server.keys.session_seal import open_session
from counterseal.server.keys.stored import ReadKey
from counterseal.server.sessions.drafts import Lifetimes
from counterseal.server.sessions.key_maker import KeyMaker
from counterseal.server.sessions.refusing import over
from counterseal.server.store.records import StoredKey
from counterseal.server.store.session_records import (
    PrincipalState,
    RefreshHashes,
    SessionChange,
    SessionRecord,
    SessionView,
)
from counterseal.server.store.sessions import SessionStore

# Told the id of a session that ended, and was not what was sealed.
Alarm = Callable[[str], None]
PASSWORD = "password"  # noqa: S105 - how a session began


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Shared by what begins, prolongs and ends sessions. `clock` returns Unix seconds."""

    store: SessionStore
    read_key: ReadKey
    ring: KeyRing
    cipher: SecretCipher
    maker: KeyMaker
    lifetimes: Lifetimes
    clock: Callable[[], float]
    # From when a change is in force everywhere, after it was committed.
    revoke_bound: dt.timedelta
    alarm: Alarm

    def now(self) -> dt.datetime:
        """Return the service's time."""
        return dt.datetime.fromtimestamp(self.clock(), dt.UTC)

    def change(
        self, session_id: str, edit: Callable[[SessionView], SessionChange | None], *, ending: bool = False
    ) -> SessionRecord | None:
        """Change a session and its keys; durable, and in force in this process, when this returns. None: there is none.

        Where it is to be `ending`, something stands for rows that cannot be read. Keys are forgotten even when the store
        failed: an outage may have come after the commit.
        """
        touched: set[str] = set()

        def noting(view: SessionView) -> SessionChange | None:
            found = edit(view)
            touched.update(touched_keys(found))
            return found

        try:
            return self.store.change(session_id, noting, now=self.now(), ending=ending)
        finally:
            self.forget(touched)

    def forget(self, key_ids: set[str]) -> None:
        """Have the ring forget these keys, or that there were none."""
        for key_id in key_ids:
            self.ring.evict(key_id)

    def check_going_on(self, view: SessionView, now: dt.datetime) -> RefreshHashes:
        """Return what the session's seal holds, once it is clear that the session may go on.

        Raises:
            Refuse: OVER.
            SealBroken: the session, or its principal, is not what was sealed.
        """
        hashes = open_session(view.session, self.cipher)
        record, principal = view.session.record, view.principal
        if record.is_over(now):
            over()
        if principal is None:
            # Who signs in with an identity provider need not be known here. Of the others this one was removed.
            if record.method == PASSWORD:
                over()
            return hashes
        open_principal(principal, self.cipher)
        if principal.record.state is not PrincipalState.ACTIVE:
            over()
        return hashes


def touched_keys(change: SessionChange | None) -> set[str]:
    """Return the ids of keys that a change makes or changes."""
    return set() if change is None else {key.record.key_id for key, _ in (*change.added, *change.changed)}


def labels_of(view: SessionView) -> Mapping[str, str]:
    """Return the labels for another key of a session: those it began with, as far as a key of it tells."""
    if view.keys:
        return min(view.keys, key=lambda key: (key.record.created, key.record.key_id)).record.labels
    return {} if view.principal is None else view.principal.record.labels


def is_live(key: StoredKey, now: dt.datetime) -> bool:
    """Say whether a key may still verify, now or once it is enabled again."""
    record = key.record
    return record.state is not KeyState.REVOKED and (record.expires is None or now < record.expires)
