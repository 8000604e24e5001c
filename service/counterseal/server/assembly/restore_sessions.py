"""After a restore: ending again the sessions that had ended, and disabling again the principals that were disabled or removed.

A session that is as it was in the backup would let its old refresh tokens live. What is *not* done again: a password that was
changed since. The list of what was lost names it, and the one before is good until another is set.

Whom an identity provider signs in needs no row here: who was kept out since by one that the backup lacks is given one again.
"""

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.principal_seal import open_principal, seal_principal
from counterseal.server.sessions import principal_audit
from counterseal.server.sessions.ending import end_session
from counterseal.server.sessions.ends import Ends
from counterseal.server.store.audit_chain import ChainedEntry
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.principals import PrincipalStore
from counterseal.server.store.records import AuditEntry
from counterseal.server.store.session_records import (
    PrincipalChange,
    PrincipalRecord,
    PrincipalState,
    PrincipalView,
    SessionChange,
    SessionView,
    StoredPrincipal,
)
from counterseal.server.store.sessions import SessionStore
from counterseal.server.store.times import later

_REASON: Final = "ended before a restore, and again after it"
Told = Callable[[str, str], None]


def end_again(store: KeyStore, cipher: SecretCipher, lost: Sequence[ChainedEntry], told: Told, *, actor: str) -> None:
    """End the sessions whose ends were lost, and disable the principals. `told` gets each of them, and what became of it.

    Raises:
        StoreUnavailable: the store does not answer; what was ended again stays so.
    """
    work = _Work(store, cipher, actor)
    for (tenant, name), kept_out in _disabled(lost).items():
        told(f"principal {tenant}/{name}", _said(work.disable, tenant, name, kept_out))
    for entry in lost:
        if entry.action == "session_end":
            session_id = str(_detail(entry).get("session_id"))
            told(f"session {session_id}", _said(work.end, session_id))


class _Work:
    def __init__(self, store: KeyStore, cipher: SecretCipher, actor: str) -> None:
        self._sessions = SessionStore(store.transactions, store.journal)
        self._principals = PrincipalStore(store.transactions, store.journal)
        self._cipher = cipher
        self._actor = actor

    def end(self, session_id: str) -> str:
        def edit(view: SessionView) -> SessionChange | None:
            return end_session(view, _REASON, actor=self._actor, now=_now(), cipher=self._cipher)

        return "has ended again" if self._sessions.change(session_id, edit) else "is not in this store"

    def disable(self, tenant: str, name: str, kept_out: bool) -> str:
        """Disable a principal. `kept_out`: there has to be one that is."""
        ends = Ends(actor=self._actor, now=_now, cipher=self._cipher)

        def edit(view: PrincipalView) -> PrincipalChange | None:
            stored = view.principal
            before, hashed = stored.record, open_principal(stored, self._cipher)
            sessions = ends.all_of(view, _REASON)
            if before.state is PrincipalState.DISABLED and not sessions:
                return None
            after = dataclasses.replace(before, state=PrincipalState.DISABLED, updated=stored.next_update(_now()))
            return PrincipalChange(
                entry=principal_audit.updated(before, after, ended=len(sessions), actor=self._actor),
                principal=seal_principal(dataclasses.replace(stored, record=after), hashed, self._cipher),
                sessions=sessions,
            )

        if self._principals.change(tenant, name, edit):
            return "is disabled"
        return self._keep_out(tenant, name) if kept_out else "is not in this store"

    def _keep_out(self, tenant: str, name: str) -> str:
        def making(newest: dt.datetime | None) -> tuple[StoredPrincipal, AuditEntry]:
            time = later(_now(), newest)
            record = PrincipalRecord(
                tenant=tenant,
                name=name,
                state=PrincipalState.DISABLED,
                description="",
                labels={},
                created=time,
                updated=time,
            )
            sealed = seal_principal(StoredPrincipal(record=record), "", self._cipher)
            return sealed, principal_audit.created(record, actor=self._actor)

        self._principals.insert(tenant, name, making)
        return "is made anew, disabled and without a password"


def _said(work: Callable[..., str], *whom: str | bool) -> str:
    try:
        return work(*whom)
    except SealBroken as error:  # it opens for nobody
        return str(error)


def _disabled(lost: Sequence[ChainedEntry]) -> dict[tuple[str, str], bool]:
    """Return the principals that were disabled at the end (true), or were removed: one made anew since had another password."""
    found: dict[tuple[str, str], bool] = {}
    removed: set[tuple[str, str]] = set()
    for entry in lost:
        detail = _detail(entry)
        who, state = (entry.tenant, str(detail.get("principal"))), detail.get("state")
        if entry.action == "principal_delete":
            removed.add(who)
            found.pop(who, None)
        elif entry.action == "principal_create":
            found[who] = state == PrincipalState.DISABLED.value
        elif entry.action == "principal_update" and isinstance(state, dict):
            found[who] = state.get("to") != PrincipalState.ACTIVE.value
    disabled = {who for who, out in found.items() if out}
    return {who: who in disabled for who in sorted(removed | disabled)}


def _detail(entry: ChainedEntry) -> dict[str, Any]:
    found = json.loads(entry.detail_json)  # it is part of an export whose hashes hold
    return found if isinstance(found, dict) else {}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
