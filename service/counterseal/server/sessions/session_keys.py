"""Public keys that a session's client made: registered, prolonged."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from counterseal.core.asymmetric.kinds import ECDSA_P256, ED25519
from counterseal.core.model import PublicKey
from counterseal.core.schemes.base import Scheme
from counterseal.server.errors import InvalidField
from counterseal.server.sessions.drafts import Asker, SessionKey, SessionRefused, WhichSession, Why, Wish
from counterseal.server.sessions.finding import check_tenant, find_live
from counterseal.server.sessions.ground import Ground, is_live, labels_of
from counterseal.server.sessions.refusing import Refuse, refuse, unknown
from counterseal.server.store.session_records import SessionChange, SessionRecord, SessionView

MOST_PUBLIC_KEYS: Final = 10
# Every browser makes ECDSA P-256; RSA is slow to make and long to send.
_ALGORITHMS: Final = frozenset({ECDSA_P256, ED25519})


def check_wish(wish: Wish, schemes: Mapping[str, Scheme]) -> None:
    """Check that a session can give out what is wished for. `schemes` are the enabled ones.

    Raises:
        InvalidField: it cannot.
    """
    if wish.access_token and "bearer" not in schemes:
        raise InvalidField("access_token", "needs the scheme bearer, which is not enabled")
    if wish.public_key is None:
        return
    if "rfc9421" not in schemes:
        raise InvalidField("public_key", "needs the scheme rfc9421, which is not enabled")
    if wish.public_key.algorithm not in _ALGORITHMS:
        raise InvalidField("public_key", "must be ECDSA on P-256 or Ed25519")


def registered(
    public_key: PublicKey, view: SessionView, session: SessionRecord, now: dt.datetime, ground: Ground, *, actor: str
) -> tuple[SessionKey, SessionChange]:
    """Return a public key of a session, and what registers or prolongs it. `session` is what the session is to be.

    Raises:
        Refuse: TOO_MANY_KEYS; OVER, where an administrator revoked this very key.
        SealBroken: a key is not what was sealed.
    """
    same = [key for key in view.keys if key.record.public_key is not None and key.record.public_key.spki == public_key.spki]
    others = [key for key in view.keys if key.record.public_key is not None and key not in same and is_live(key, now)]
    if len(others) >= MOST_PUBLIC_KEYS:
        refuse(Why.TOO_MANY_KEYS, f"the session has {MOST_PUBLIC_KEYS} registered keys already")
    if not same:
        shown, made = ground.maker.public_key(public_key, session, labels_of(view), now, actor=actor)
        return shown, SessionChange(added=(made,))
    shown, change = ground.maker.prolonged(same[0], session, now, actor=actor)
    return shown, SessionChange(changed=() if change is None else (change,))


class SessionKeys:
    """Registers keys with sessions. Thread-safe. Raises StoreUnavailable."""

    def __init__(self, ground: Ground, schemes: Mapping[str, Scheme]) -> None:
        self._ground = ground
        self._schemes = schemes

    def register(self, which: WhichSession, public_key: PublicKey, *, asker: Asker) -> SessionKey | SessionRefused:
        """Register a public key, or prolong it; durable, and in force in this process, when this returns.

        Raises:
            InvalidField: the key is of a kind that sessions do not take.
            SealBroken: what is stored is not what was sealed.
        """
        check_wish(Wish(public_key=public_key), self._schemes)
        ground, found = self._ground, list[SessionKey]()

        def edit(view: SessionView) -> SessionChange:
            check_tenant(view, asker)
            check(view)
            now = ground.now()
            ground.check_going_on(view, now)
            shown, change = registered(public_key, view, view.session.record, now, ground, actor=asker.name)
            found[:] = [shown]
            return change

        try:
            session_id, check = find_live(which, ground, ground.now())
            if ground.change(session_id, edit) is None:
                unknown()
        except Refuse as refused:
            return refused.refused
        return found[0]
