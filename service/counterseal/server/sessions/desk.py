"""Everything that SessionService does, without its transport."""

import dataclasses
from collections.abc import Mapping
from typing import Final

from counterseal.core.model import PublicKey
from counterseal.core.schemes.base import Scheme
from counterseal.server.errors import InvalidField, SealBroken
from counterseal.server.keys.limits import MAX_PAGE_SIZE
from counterseal.server.keys.session_seal import open_session
from counterseal.server.sessions.credentials import CredentialsDesk
from counterseal.server.sessions.drafts import (
    Asker,
    CredentialsOrder,
    ExchangeOrder,
    RefreshOrder,
    SessionKey,
    SessionRefused,
    SignedIn,
    SignedOut,
    SignInOrder,
    TemporaryCredentials,
    WhichSession,
)
from counterseal.server.sessions.exchange import Exchanging
from counterseal.server.sessions.ground import Ground
from counterseal.server.sessions.refresh import Refreshing
from counterseal.server.sessions.refresh_tokens import is_session_id
from counterseal.server.sessions.session_keys import SessionKeys
from counterseal.server.sessions.sign_in import SigningIn
from counterseal.server.sessions.sign_out import SigningOut
from counterseal.server.sessions.throttle import Throttle
from counterseal.server.store.session_records import SessionPage, SessionQuery, StoredSession

_DEFAULT_PAGE: Final = 100


class SessionDesk:
    """Begins, prolongs, lists and ends sessions, and gives out their keys. Thread-safe. All may raise StoreUnavailable."""

    def __init__(
        self,
        *,
        ground: Ground,
        signing_in: SigningIn,
        exchanging: Exchanging,
        throttle: Throttle,
        schemes: Mapping[str, Scheme],
    ) -> None:
        """`schemes` are the enabled ones."""
        self._ground = ground
        self._signing_in = signing_in
        self._exchanging = exchanging
        self._refreshing = Refreshing(ground, schemes)
        self._signing_out = SigningOut(ground)
        self._keys = SessionKeys(ground, schemes)
        self._credentials = CredentialsDesk(ground, throttle, schemes)

    def sign_in(self, order: SignInOrder, *, asker: Asker) -> SignedIn | SessionRefused:
        """See `SigningIn.sign_in`."""
        return self._signing_in.sign_in(order, asker=asker)

    def exchange(self, order: ExchangeOrder, *, asker: Asker) -> SignedIn | SessionRefused:
        """See `Exchanging.exchange`."""
        return self._exchanging.exchange(order, asker=asker)

    def refresh(self, order: RefreshOrder, *, asker: Asker) -> SignedIn | SessionRefused:
        """See `Refreshing.refresh`."""
        return self._refreshing.refresh(order, asker=asker)

    def sign_out(self, which: WhichSession, *, asker: Asker) -> SignedOut | SessionRefused:
        """See `SigningOut.sign_out`."""
        return self._signing_out.sign_out(which, asker=asker)

    def register_key(self, which: WhichSession, public_key: PublicKey, *, asker: Asker) -> SessionKey | SessionRefused:
        """See `SessionKeys.register`."""
        return self._keys.register(which, public_key, asker=asker)

    def temporary_credentials(self, order: CredentialsOrder, *, asker: Asker) -> TemporaryCredentials | SessionRefused:
        """See `CredentialsDesk.issue`."""
        return self._credentials.issue(order, asker=asker)

    def list_sessions(self, query: SessionQuery) -> SessionPage:
        """Return a page. A page size of 0 means 100. Sessions that are not what was sealed are left out: they are nobody's.

        Raises:
            InvalidField: the page size or the place to go on from is out of bounds.
        """
        if not 0 <= query.page_size <= MAX_PAGE_SIZE:
            raise InvalidField("page_size", f"must be 1 to {MAX_PAGE_SIZE}, or 0 for the default")
        if query.after and not is_session_id(query.after):
            raise InvalidField("page_token", "is not one that this service gave out")
        page = self._ground.store.list_sessions(dataclasses.replace(query, page_size=query.page_size or _DEFAULT_PAGE))
        return dataclasses.replace(page, sessions=tuple(stored for stored in page.sessions if self._opens(stored)))

    def _opens(self, stored: StoredSession) -> bool:
        try:
            open_session(stored, self._ground.cipher)
        except SealBroken:
            return False
        return True
