"""Creating, changing and removing principals: what PrincipalService does, without its transport.

What ends sessions ends them in the transaction of the change itself: none begins or is prolonged in between. It is committed
first, then the keys of those sessions are evicted from the key ring, and only then is it acknowledged. They are evicted even
when the store failed: an outage may have come after the commit.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Final

from counterseal.server.errors import EtagMismatch, PrincipalNotFound, SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.limits import check_labels
from counterseal.server.keys.principal_seal import open_principal, seal_principal
from counterseal.server.keys.ring import KeyRing
from counterseal.server.sessions import principal_audit as audit
from counterseal.server.sessions import principal_limits as limits
from counterseal.server.sessions.ends import Ends
from counterseal.server.sessions.ground import Alarm
from counterseal.server.sessions.passwords import Passwords
from counterseal.server.sessions.principal_drafts import (
    PasswordOrder,
    PrincipalDraft,
    PrincipalList,
    PrincipalQuery,
    PrincipalUpdate,
    drafted,
)
from counterseal.server.store.principals import PrincipalStore
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.session_records import (
    PrincipalChange,
    PrincipalRecord,
    PrincipalState,
    PrincipalView,
    StoredPrincipal,
)
from counterseal.server.store.times import later

_DEFAULT_PAGE: Final = 100
_NO_PRINCIPAL: Final = "there is no such principal"
# As protos/counterseal/v1/sessions.proto names them.
_DISABLED: Final = "principal disabled"
_REMOVED: Final = "principal removed"
_PASSWORD_SET: Final = "password set"  # noqa: S105  (a reason)
_Edit = Callable[[PrincipalView, Ends], PrincipalChange | None]


class PrincipalAdmin:
    """Creates, reads, changes and removes principals. Thread-safe. Any method may raise StoreUnavailable.

    Tenants limit what a caller may see: a principal of another tenant reads as absent. None: no limit.
    """

    def __init__(
        self,
        *,
        store: PrincipalStore,
        ring: KeyRing,
        cipher: SecretCipher,
        passwords: Passwords,
        clock: Callable[[], float],
        alarm: Alarm,
    ) -> None:
        """`clock` returns Unix seconds."""
        self._store = store
        self._ring = ring
        self._cipher = cipher
        self._passwords = passwords
        self._clock = clock
        self._alarm = alarm

    def create(self, draft: PrincipalDraft, *, actor: str) -> PrincipalRecord:
        """Create a principal; durable when this returns. Whether the caller may act for its tenant is checked before.

        One that is created disabled may have sessions, of an identity provider: they end, in a transaction after the first.

        Raises:
            InvalidField: a limit is broken.
            PrincipalExists: its name is taken in its tenant.
            SignInUnavailable: too many passwords are being hashed.
        """
        limits.check_which("principal.", draft.tenant, draft.name)
        limits.check_description("principal.description", draft.description)
        check_labels("principal.labels", draft.labels)
        if draft.password:
            limits.check_new_password("password", draft.password)
        hashed = self._passwords.hash(draft.password) if draft.password else ""

        def making(newest: dt.datetime | None) -> tuple[StoredPrincipal, AuditEntry]:
            record = drafted(draft, later(self._now(), newest))
            sealed = seal_principal(StoredPrincipal(record=record), hashed, self._cipher)
            return sealed, audit.created(record, actor=actor)

        record = self._store.insert(draft.tenant, draft.name, making)
        if record.state is not PrincipalState.ACTIVE:  # so none begins from here on
            state = PrincipalUpdate(tenant=draft.tenant, name=draft.name, etag="", mask=frozenset({"state"}), state=draft.state)
            record = self.update(state, actor=actor)
        return record

    def get(self, tenant: str, name: str, *, tenants: frozenset[str] | None = None) -> PrincipalRecord:
        """Return a principal.

        Raises:
            InvalidField: this is no name, or no tenant.
            PrincipalNotFound: there is none, or not one of these tenants.
            SealBroken: what is stored is not what was sealed. Such a principal signs in nowhere, and is not shown as if it did.
        """
        limits.check_which("", tenant, name)
        _check_seen(tenant, tenants)
        stored = self._store.read(tenant, name)
        if stored is None:
            raise PrincipalNotFound(_NO_PRINCIPAL)
        open_principal(stored, self._cipher)
        return stored.record

    def list_principals(self, query: PrincipalQuery) -> PrincipalList:
        """Return a page. Rows that are not what was sealed are left out: they sign in nowhere.

        Raises:
            InvalidField: the page size or the place to go on from is out of bounds.
        """
        limits.check_page_size("page_size", query.page_size)
        page = self._store.read_page(query.tenants, query.after, query.page_size or _DEFAULT_PAGE)
        records = tuple(stored.record for stored in page.principals if self._opens(stored))
        return PrincipalList(records=records, next_after=page.next_after)

    def update(self, change: PrincipalUpdate, *, actor: str, tenants: frozenset[str] | None = None) -> PrincipalRecord:
        """Change the fields in the mask; durable when this returns. Disabling ends all sessions, in this process at once.

        Also those that are not what was sealed, or cannot even be read.

        Raises:
            InvalidField: a limit is broken.
            PrincipalNotFound: there is no such principal, or not one of these tenants.
            EtagMismatch: the principal was changed since.
            SealBroken: what is stored is not what was sealed; sealing it anew would make it good.
        """
        limits.check_update(change)
        _check_seen(change.tenant, tenants)

        def edit(view: PrincipalView, ends: Ends) -> PrincipalChange | None:
            stored = view.principal
            before, hashed = stored.record, open_principal(stored, self._cipher)
            _check_etag(change.etag, before.etag)
            after = dataclasses.replace(before, **{name: getattr(change, name) for name in change.mask})
            ended = ends.all_of(view, _DISABLED) if after.state is not PrincipalState.ACTIVE else {}
            if after == before and not ended:
                return None
            after = dataclasses.replace(after, updated=stored.next_update(self._now()))
            return PrincipalChange(
                entry=audit.updated(before, after, ended=len(ended), actor=actor),
                principal=seal_principal(dataclasses.replace(stored, record=after), hashed, self._cipher),
                sessions=ended,
            )

        return self._change(change.tenant, change.name, edit, actor)

    def set_password(self, order: PasswordOrder, *, actor: str, tenants: frozenset[str] | None = None) -> PrincipalRecord:
        """Give a principal a new password, or its first; durable when this returns. Ends all sessions unless told otherwise.

        Raises:
            InvalidField: a limit is broken.
            SignInUnavailable: too many passwords are being hashed.
            PrincipalNotFound, EtagMismatch, SealBroken: as `update` does.
        """
        limits.check_which("", order.tenant, order.name)
        limits.check_new_password("password", order.password)
        _check_seen(order.tenant, tenants)
        hashed = self._passwords.hash(order.password)  # before the transaction: it takes its time

        def edit(view: PrincipalView, ends: Ends) -> PrincipalChange | None:
            stored = view.principal
            open_principal(stored, self._cipher)
            _check_etag(order.etag, stored.record.etag)
            now = stored.next_update(self._now())
            after = dataclasses.replace(stored.record, updated=now, password_set=now)
            ended = {} if order.keep_sessions else ends.all_of(view, _PASSWORD_SET)
            return PrincipalChange(
                entry=audit.password_set(stored.record, after, ended=len(ended), actor=actor),
                principal=seal_principal(dataclasses.replace(stored, record=after), hashed, self._cipher),
                sessions=ended,
            )

        return self._change(order.tenant, order.name, edit, actor)

    def delete(self, tenant: str, name: str, etag: str, *, actor: str, tenants: frozenset[str] | None = None) -> None:
        """Remove a principal and end all of its sessions, also of one whose row is not what was sealed.

        Raises:
            InvalidField: this is no name, or no tenant.
            PrincipalNotFound: there is no such principal, or not one of these tenants.
            EtagMismatch: the principal was changed since.
        """
        limits.check_which("", tenant, name)
        _check_seen(tenant, tenants)
        ends = Ends(actor=actor, now=self._now, cipher=self._cipher)

        def leaving(view: PrincipalView) -> PrincipalChange:
            _check_etag(etag, view.principal.record.etag)
            ended = ends.all_of(view, _REMOVED)
            time = view.principal.next_update(self._now())
            entry = audit.deleted(tenant, name, ended=len(ended), actor=actor, time=time)
            return PrincipalChange(entry=entry, sessions=ended)

        try:
            found = self._store.delete(tenant, name, leaving, now=self._now())
        finally:
            self._follow(ends)
        if not found:
            raise PrincipalNotFound(_NO_PRINCIPAL)

    def _change(self, tenant: str, name: str, edit: _Edit, actor: str) -> PrincipalRecord:
        ends = Ends(actor=actor, now=self._now, cipher=self._cipher)
        try:
            record = self._store.change(tenant, name, lambda view: edit(view, ends), now=self._now())
        finally:
            self._follow(ends)
        if record is None:
            raise PrincipalNotFound(_NO_PRINCIPAL)
        return record

    def _follow(self, ends: Ends) -> None:
        for key_id in ends.key_ids:
            self._ring.evict(key_id)
        for session_id in sorted(ends.broken):
            self._alarm(session_id)

    def _opens(self, stored: StoredPrincipal) -> bool:
        try:
            open_principal(stored, self._cipher)
        except SealBroken:
            return False
        return True

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC)


def _check_seen(tenant: str, tenants: frozenset[str] | None) -> None:
    if tenants is not None and tenant not in tenants:
        raise PrincipalNotFound(_NO_PRINCIPAL)  # in the words for a principal that does not exist


def _check_etag(given: str, stored: str) -> None:
    if given and given != stored:
        raise EtagMismatch("the principal was changed since it was read")
