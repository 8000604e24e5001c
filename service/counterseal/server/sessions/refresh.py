"""Prolonging a session: a new refresh token for the one before, which is good for nothing then.

RFC 9700 section 4.14.2: a refresh token that is used twice was copied, and whether by the one who shows it first or second
nobody can tell; so the session ends. The one exception is a client that lost its answer, and proves so with its request id.
"""

import dataclasses
import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from counterseal.core.schemes.base import Scheme
from counterseal.server.keys import limits
from counterseal.server.keys.session_seal import open_session, seal_session
from counterseal.server.sessions import audit
from counterseal.server.sessions.drafts import AccessToken, Asker, RefreshOrder, SessionKey, SessionRefused, SignedIn, Why
from counterseal.server.sessions.ending import end_session
from counterseal.server.sessions.finding import check_tenant
from counterseal.server.sessions.ground import Ground, labels_of
from counterseal.server.sessions.pace import one_more
from counterseal.server.sessions.refresh_tokens import RefreshToken, new_refresh_token, read_refresh_token
from counterseal.server.sessions.refusing import Refuse, over, unknown
from counterseal.server.sessions.session_keys import check_wish, registered
from counterseal.server.store.records import AuditEntry, StoredKey
from counterseal.server.store.session_records import RefreshHashes, SessionChange, SessionRecord, SessionState, SessionView

REUSED: Final = "refresh token reused"
# How long a client may ask again for an answer that got lost.
_REPEAT: Final = dt.timedelta(seconds=60)
Changes = list[tuple[StoredKey, AuditEntry]]


class Refreshing:
    """Prolongs sessions. Thread-safe. Raises StoreUnavailable."""

    def __init__(self, ground: Ground, schemes: Mapping[str, Scheme]) -> None:
        self._ground = ground
        self._schemes = schemes

    def refresh(self, order: RefreshOrder, *, asker: Asker) -> SignedIn | SessionRefused:
        """Prolong a session, or end it where its token was used before; durable, and in force here, when this returns.

        Raises:
            InvalidField: a limit is broken.
            SealBroken: what is stored is not what was sealed.
        """
        limits.check_request_id("request_id", order.request_id)
        check_wish(order.wish, self._schemes)
        token = read_refresh_token(order.refresh_token)
        if token is None:
            return SessionRefused(reason=Why.UNKNOWN, detail="the refresh token is of no session")
        attempt = _Attempt(self._ground, order, token, asker)
        try:
            record = self._ground.change(token.session_id, attempt.edit)
            if record is None:
                unknown()
        except Refuse as refused:
            return refused.refused
        if attempt.answer is None:
            return SessionRefused(reason=Why.REUSED, detail="the refresh token was used before: the session was ended")
        return dataclasses.replace(attempt.answer, session=record)


class _Attempt:
    """One order. `answer` is of the last time that `edit` ran; None: the session was ended, for its token was used before."""

    def __init__(self, ground: Ground, order: RefreshOrder, token: RefreshToken, asker: Asker) -> None:
        self.answer: SignedIn | None = None
        self._ground = ground
        self._order = order
        self._token = token
        self._asker = asker

    def edit(self, view: SessionView) -> SessionChange | None:
        """Return what becomes of the session. Raises Refuse, SealBroken."""
        self.answer = None
        check_tenant(view, self._asker)
        now, ground = self._ground.now(), self._ground
        hashes = open_session(view.session, ground.cipher)
        # Before anything else is said or done: whoever knows a session's id alone learns nothing, and ends nothing.
        if not hmac.compare_digest(hashes.family, self._token.family_sha256):
            unknown()
        if view.session.record.state is not SessionState.ACTIVE:
            over()
        newest = hmac.compare_digest(hashes.current, self._token.sha256)
        if not newest and not self._is_repeat(hashes, view.session.record, now):
            return end_session(view, REUSED, actor=self._asker.name, now=now, cipher=ground.cipher)
        ground.check_going_on(view, now)
        return self._prolong(view, hashes, now, again=not newest)

    def _is_repeat(self, hashes: RefreshHashes, record: SessionRecord, now: dt.datetime) -> bool:
        """Say whether this asks again for the answer that the newest token was in, soon enough."""
        if not self._order.request_id or hashes.previous is None or hashes.request_id is None:
            return False
        same = hmac.compare_digest(hashes.previous, self._token.sha256)
        return same and hmac.compare_digest(hashes.request_id, self._request_id()) and now - record.refreshed < _REPEAT

    def _prolong(self, view: SessionView, hashes: RefreshHashes, now: dt.datetime, *, again: bool) -> SessionChange:
        ground, stored, actor = self._ground, view.session, self._asker.name
        before, updated = stored.record, stored.next_update(now)
        after = dataclasses.replace(before, updated=updated)
        if not again:
            # The time of the first answer stays: asking again and again does not make the minute any longer.
            idle_until = min(before.expires, now + ground.lifetimes.idle)
            after = dataclasses.replace(after, refreshed=now, idle_until=idle_until)
        token = new_refresh_token(before.session_id, self._token.family)
        kept = RefreshHashes(
            family=hashes.family,
            current=token.sha256,
            previous=hashes.previous if again else hashes.current,
            request_id=self._request_id() if self._order.request_id else None,
            # Asking again leaves rows as well.
            refreshes=one_more(hashes.refreshes, now),
        )
        access, added, changed = self._access_token(view, after, now)
        key, keys = self._key(view, after, now)
        self.answer = SignedIn(session=after, refresh_token=token.text, access_token=access, key=key)
        entry = audit.refreshed(before, after, actor=actor, request_id=self._order.request_id, again=again)
        return SessionChange(
            session=(seal_session(dataclasses.replace(stored, record=after), kept, ground.cipher), entry),
            added=(*added, *keys.added),
            changed=(*changed, *keys.changed),
        )

    def _access_token(
        self, view: SessionView, after: SessionRecord, now: dt.datetime
    ) -> tuple[AccessToken | None, Changes, Changes]:
        """Return a bearer token if one is wished for, and which keys that adds and changes. The one before ends in any case."""
        maker, actor = self._ground.maker, self._asker.name
        key = next((key for key in view.keys if key.record.bearer), None)
        if not self._order.wish.access_token:
            ended = None if key is None else maker.no_access_token(key, now, actor=actor)
            return None, [], [] if ended is None else [ended]
        if key is None:
            token, change = maker.access_token(after, labels_of(view), now, actor=actor)
            return token, [change], []
        token, change = maker.next_access_token(key, after, now, actor=actor)
        return token, [], [change]

    def _key(self, view: SessionView, after: SessionRecord, now: dt.datetime) -> tuple[SessionKey | None, SessionChange]:
        public_key = self._order.wish.public_key
        if public_key is None:
            return None, SessionChange()
        return registered(public_key, view, after, now, self._ground, actor=self._asker.name)

    def _request_id(self) -> bytes:
        return hashlib.sha256(self._order.request_id.encode("ascii")).digest()
