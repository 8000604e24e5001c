"""The end of all sessions of a principal, within the transaction of what ends them."""

import datetime as dt
from collections.abc import Callable, Mapping

from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.sessions.ending import end_session, is_broken
from counterseal.server.store.session_records import PrincipalView, SessionChange


class Ends:
    """Ends sessions, and remembers which keys ended with them, however often the transaction is tried. For one change.

    `broken` are the ids of those that were not what was sealed.
    """

    def __init__(self, *, actor: str, now: Callable[[], dt.datetime], cipher: SecretCipher) -> None:
        self.key_ids: set[str] = set()
        self.broken: set[str] = set()
        self._actor = actor
        self._now = now
        self._cipher = cipher

    def all_of(self, view: PrincipalView, reason: str) -> Mapping[str, SessionChange]:
        """Return what ends the live sessions of a principal, by their ids."""
        found: dict[str, SessionChange] = {}
        for session in view.sessions:
            change = end_session(session, reason, actor=self._actor, now=self._now(), cipher=self._cipher)
            if change is not None:
                session_id = session.session.record.session_id
                found[session_id] = change
                if is_broken(session, self._cipher):
                    self.broken.add(session_id)
                self.key_ids |= {key.record.key_id for key, _ in change.changed}
        return found
