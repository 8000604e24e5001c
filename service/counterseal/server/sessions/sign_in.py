"""Signing in with a password: counted, compared, and only then a session begun.

Of a principal that there is not, or that may not sign in, every step is taken as for the others: the same counts, the same
reading of the store, a hash of the same cost, the same note, the same answer.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from counterseal.core.schemes.base import Scheme
from counterseal.server.errors import SignInUnavailable
from counterseal.server.keys import limits
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.principal_seal import open_principal, seal_principal
from counterseal.server.sessions.begin import Beginnings, Newcomer
from counterseal.server.sessions.drafts import Asker, SessionRefused, SignedIn, SignInOrder, Why
from counterseal.server.sessions.failures import FailedSignIns
from counterseal.server.sessions.ground import PASSWORD, Ground
from counterseal.server.sessions.pace import too_many_begun
from counterseal.server.sessions.passwords import Passwords
from counterseal.server.sessions.principal_limits import is_name
from counterseal.server.sessions.refusing import refuse
from counterseal.server.sessions.session_keys import check_wish
from counterseal.server.sessions.throttle import Throttle
from counterseal.server.store.principals import PrincipalStore
from counterseal.server.store.session_records import PrincipalRecord, PrincipalState, PrincipalView, StoredPrincipal

_MOST_PASSWORD_BYTES: Final = 1024
_REFUSED: Final = "no such principal, another password, or it may not sign in"
_NO_NAME: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the store has of a name. `password_hash` None: nobody signs in by it."""

    stored: StoredPrincipal | None
    password_hash: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The principal's name; empty: there is none."""
        return "" if self.stored is None else self.stored.record.name


class SigningIn:
    """Signs people in. Thread-safe. Raises StoreUnavailable."""

    def __init__(
        self,
        *,
        ground: Ground,
        principals: PrincipalStore,
        passwords: Passwords,
        throttle: Throttle,
        failures: FailedSignIns,
        beginnings: Beginnings,
        schemes: Mapping[str, Scheme],
    ) -> None:
        """`schemes` are the enabled ones."""
        self._ground = ground
        self._principals = principals
        self._passwords = passwords
        self._throttle = throttle
        self._failures = failures
        self._beginnings = beginnings
        self._schemes = schemes
        self._nobody = _nobody(ground.cipher)

    def sign_in(self, order: SignInOrder, *, asker: Asker) -> SignedIn | SessionRefused:
        """Begin a session, or refuse to. The caller may act for the tenant: that was checked before.

        Raises:
            InvalidField: a limit is broken, but for those of name and password, which are somebody else's mistakes.
            SignInUnavailable: too many passwords are being compared.
            SealBroken: the principal is not what was sealed.
        """
        limits.check_tenant("tenant", order.tenant)
        check_wish(order.wish, self._schemes)
        attempt = self._throttle.admit(order.tenant, order.principal, order.client.get("source_address", ""))
        if isinstance(attempt, dt.timedelta):
            return SessionRefused(reason=Why.THROTTLED, detail="too many failures", retry_after=attempt)
        known = self._look_up(order)
        try:
            with self._passwords.place_of(attempt.principal):
                matches = self._matches(known, order.password)
        except SignInUnavailable:
            self._throttle.withdrawn(attempt)
            raise
        if not matches or known.stored is None:
            self._failures.note(asker.name, order.tenant, known.name)
            return SessionRefused(reason=Why.CREDENTIALS, detail=_REFUSED)
        self._throttle.succeeded(attempt)
        if wait := self._throttle.begin(order.tenant, order.principal):
            return too_many_begun(wait)
        with contextlib.suppress(SignInUnavailable):  # at another time
            self._rehash(known, known.stored, order.password)
        newcomer = Newcomer(
            tenant=order.tenant, principal=order.principal, method=PASSWORD, client=order.client, wish=order.wish
        )
        return self._beginnings.begin(newcomer, self._admission(known.stored), asker=asker)

    def _look_up(self, order: SignInOrder) -> _Known:
        # A name that nobody can have goes to the store as one that nobody has.
        name = order.principal if is_name(order.principal) else _NO_NAME
        stored = self._principals.read(order.tenant, name)
        if stored is None:
            open_principal(self._nobody, self._ground.cipher)  # as for one that is there
            return _Known(stored=None)
        held = open_principal(stored, self._ground.cipher)
        may = stored.record.state is PrincipalState.ACTIVE
        return _Known(stored=stored, password_hash=held if held and may else None)

    def _matches(self, known: _Known, password: str) -> bool:
        fitting = 1 <= len(password.encode()) <= _MOST_PASSWORD_BYTES
        # What is too long is not hashed whole, nor told sooner.
        matches = self._passwords.matches(known.password_hash, password if fitting else "")
        return matches and fitting

    def _rehash(self, known: _Known, stored: StoredPrincipal, password: str) -> None:
        """Hash the password with the parameters of now, if it was hashed with others. No change of the principal."""
        if known.password_hash is None or not self._passwords.needs_rehash(known.password_hash):
            return
        record = stored.record
        sealed = seal_principal(stored, self._passwords.hash(password), self._ground.cipher)
        # Where somebody set another password meanwhile, the seal is another one, and stays.
        self._principals.swap_seals([((record.tenant, record.name), stored.seal, sealed.seal)])

    def _admission(self, compared: StoredPrincipal) -> Callable[[PrincipalView | None], Mapping[str, str]]:
        def admit(view: PrincipalView | None) -> Mapping[str, str]:
            """Refuse where the principal was removed, disabled or given another password since its own was compared."""
            if view is None:
                refuse(Why.CREDENTIALS, _REFUSED)
            open_principal(view.principal, self._ground.cipher)
            record, before = view.principal.record, compared.record
            same = (record.created, record.password_set) == (before.created, before.password_set)
            if record.state is not PrincipalState.ACTIVE or not same:
                refuse(Why.CREDENTIALS, _REFUSED)
            return record.labels

        return admit


def _nobody(cipher: SecretCipher) -> StoredPrincipal:
    """Return what is opened in the place of a principal that there is not."""
    now = dt.datetime.now(dt.UTC)
    record = PrincipalRecord(
        tenant="default", name="nobody", state=PrincipalState.DISABLED, description="", labels={}, created=now, updated=now
    )
    return seal_principal(StoredPrincipal(record=record, newest=now), "", cipher)
