"""Beginning a session for somebody who was found to be who he says."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from counterseal.server.keys.session_seal import seal_session
from counterseal.server.sessions import audit
from counterseal.server.sessions.drafts import AccessToken, Asker, SessionKey, SessionRefused, SignedIn, Wish
from counterseal.server.sessions.ending import end_session
from counterseal.server.sessions.ground import Ground, touched_keys
from counterseal.server.sessions.key_maker import Change
from counterseal.server.sessions.refresh_tokens import RefreshToken, new_refresh_token, new_session_id
from counterseal.server.sessions.refusing import Refuse
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.session_records import (
    PrincipalView,
    RefreshHashes,
    SessionChange,
    SessionQuery,
    SessionRecord,
    SessionState,
    StoredSession,
)

MOST_SESSIONS: Final = 100
_TOO_MANY: Final = "too many sessions"

# Given the principal as it is now, returns the labels of the session's keys. Raises Refuse.
Admit = Callable[[PrincipalView | None], Mapping[str, str]]
Making = tuple[SessionChange, tuple[tuple[str, SessionChange], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Whose session begins, and how it was found out who that is. `client` is what is kept of the client."""

    tenant: str
    principal: str
    method: str
    client: Mapping[str, str]
    wish: Wish


class Beginnings:
    """Begins sessions. Thread-safe. Raises StoreUnavailable."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def begin(self, newcomer: Newcomer, admit: Admit, *, asker: Asker) -> SignedIn | SessionRefused:
        """Begin a session; durable, and in force in this process, when this returns.

        `admit` is asked inside the transaction, in which the principal is locked: what ends its sessions comes before or after.
        """
        begun: list[SignedIn] = []
        touched: set[str] = set()
        known = False

        def making(view: PrincipalView | None) -> Making:
            nonlocal known
            known = view is not None
            labels, now = admit(view), self._ground.now()
            token = new_refresh_token(new_session_id())
            record = self._record(newcomer, token.session_id, now)
            access, key, added = self._keys(record, newcomer.wish, labels, now, asker.name)
            begun[:] = [SignedIn(session=record, refresh_token=token.text, access_token=access, key=key)]
            change = SessionChange(session=self._made(record, token, asker.name), added=added)
            leaving = self._leaving(view, now, asker.name)
            touched.update(*(touched_keys(found) for found in (change, *(left for _, left in leaving))))
            return change, leaving

        try:
            record = self._ground.store.begin(newcomer.tenant, newcomer.principal, making, now=self._ground.now())
        except Refuse as refused:
            return refused.refused
        finally:
            self._ground.forget(touched)
        if not known:
            self._end_surplus(newcomer, asker.name)
        return dataclasses.replace(begun[0], session=record)

    def _record(self, newcomer: Newcomer, session_id: str, now: dt.datetime) -> SessionRecord:
        lifetimes = self._ground.lifetimes
        expires = now + lifetimes.session
        return SessionRecord(
            session_id=session_id,
            tenant=newcomer.tenant,
            principal=newcomer.principal,
            state=SessionState.ACTIVE,
            method=newcomer.method,
            client=newcomer.client,
            created=now,
            updated=now,
            refreshed=now,
            expires=expires,
            idle_until=min(expires, now + lifetimes.idle),
        )

    def _made(self, record: SessionRecord, token: RefreshToken, actor: str) -> tuple[StoredSession, AuditEntry]:
        hashes = RefreshHashes(family=token.family_sha256, current=token.sha256)
        return seal_session(StoredSession(record=record), hashes, self._ground.cipher), audit.begun(record, actor=actor)

    def _keys(
        self, record: SessionRecord, wish: Wish, labels: Mapping[str, str], now: dt.datetime, actor: str
    ) -> tuple[AccessToken | None, SessionKey | None, tuple[Change, ...]]:
        access, key, added = None, None, []
        if wish.access_token:
            access, change = self._ground.maker.access_token(record, labels, now, actor=actor)
            added.append(change)
        if wish.public_key is not None:
            key, change = self._ground.maker.public_key(wish.public_key, record, labels, now, actor=actor)
            added.append(change)
        return access, key, tuple(added)

    def _end_surplus(self, newcomer: Newcomer, actor: str) -> None:
        """End the sessions that are too many of somebody whom only an issuer knows: there is no row to lock them by.

        Afterwards, and one by one: of several that begin at once, each ends what it sees.
        """
        ground, now = self._ground, self._ground.now()
        query = SessionQuery(
            tenants=frozenset({newcomer.tenant}), principal=newcomer.principal, active_at=now, page_size=10 * MOST_SESSIONS
        )
        going_on = [stored.record for stored in ground.store.list_sessions(query).sessions]
        going_on.sort(key=lambda record: (record.refreshed, record.session_id))
        for record in going_on[: max(0, len(going_on) - MOST_SESSIONS)]:
            ground.change(
                record.session_id, lambda view: end_session(view, _TOO_MANY, actor=actor, now=now, cipher=ground.cipher)
            )

    def _leaving(self, view: PrincipalView | None, now: dt.datetime, actor: str) -> tuple[tuple[str, SessionChange], ...]:
        """Return the ends of those sessions that are too many once there is one more: those longest not refreshed."""
        going_on = [] if view is None else [one for one in view.sessions if not one.session.record.is_over(now)]
        going_on.sort(key=lambda one: (one.session.record.refreshed, one.session.record.session_id))
        found = []
        for one in going_on[: max(0, len(going_on) + 1 - MOST_SESSIONS)]:
            change = end_session(one, _TOO_MANY, actor=actor, now=now, cipher=self._ground.cipher)
            if change is not None:
                found.append((one.session.record.session_id, change))
        return tuple(found)
