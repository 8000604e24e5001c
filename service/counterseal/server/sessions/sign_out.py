"""Ending a session with all that it gave out, by whoever holds a token of it, or by those who may name it."""

import hmac
from typing import Final

from counterseal.server.keys.session_seal import open_session
from counterseal.server.sessions.drafts import Asker, SessionRefused, SignedOut, WhichSession
from counterseal.server.sessions.ending import end_session, is_broken
from counterseal.server.sessions.finding import Check, check_tenant, find_by_access_token, find_by_id
from counterseal.server.sessions.ground import Ground
from counterseal.server.sessions.refresh import REUSED
from counterseal.server.sessions.refresh_tokens import read_refresh_token
from counterseal.server.sessions.refusing import Refuse, unknown
from counterseal.server.store.session_records import SessionChange, SessionView

SIGNED_OUT: Final = "signed out"


class SigningOut:
    """Ends sessions. Thread-safe. Raises StoreUnavailable."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def sign_out(self, which: WhichSession, *, asker: Asker) -> SignedOut | SessionRefused:
        """End a session for good; durable, and in force in this process, when this returns. The first reason is kept.

        Raises:
            SealBroken: the token that was shown cannot be compared: what is stored is not what was sealed. By its id, such a
                session is ended.
        """
        ground = self._ground
        reason, broken = [SIGNED_OUT], [False]

        def edit(view: SessionView) -> SessionChange | None:
            check_tenant(view, asker)
            check(view)
            change = end_session(view, reason[0], actor=asker.name, now=ground.now(), cipher=ground.cipher)
            broken[:] = [change is not None and is_broken(view, ground.cipher)]
            return change

        try:
            session_id, check = self._find(which, reason)
            record = ground.change(session_id, edit, ending=True)
            if record is None:
                unknown()
        except Refuse as refused:
            return refused.refused
        if broken[0]:
            ground.alarm(session_id)
        return SignedOut(session=record, effective=ground.now() + ground.revoke_bound)

    def _find(self, which: WhichSession, reason: list[str]) -> tuple[str, Check]:
        if which.access_token:
            return find_by_access_token(which.access_token, self._ground, now=None)
        if not which.refresh_token:
            return find_by_id(which.session_id)
        token = read_refresh_token(which.refresh_token)
        if token is None:
            unknown()

        def check(view: SessionView) -> None:
            hashes = open_session(view.session, self._ground.cipher)
            if not hmac.compare_digest(hashes.family, token.family_sha256):
                unknown()
            # One that was used before ends the session here as well, and the trail says that somebody had a copy.
            reason[:] = [SIGNED_OUT if hmac.compare_digest(hashes.current, token.sha256) else REUSED]

        return token.session_id, check
