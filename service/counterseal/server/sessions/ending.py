"""The end of a session: it and everything that it gave out, in one change."""

import contextlib
import dataclasses
import datetime as dt

from counterseal.core.model import KeyState
from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.keys.session_seal import open_session, seal_session
from counterseal.server.sessions import audit
from counterseal.server.store.records import AuditEntry, StoredKey
from counterseal.server.store.session_records import SessionChange, SessionState, SessionView
from counterseal.server.store.session_views import SKEW


def end_session(view: SessionView, reason: str, *, actor: str, now: dt.datetime, cipher: SecretCipher) -> SessionChange | None:
    """Return what ends a session and revokes all of its keys; None when it was ended before, which is final.

    Keys that expired so long ago that every server's clock says so are left as they are: nothing moves the end of a key of a
    session that is over.

    What does not open is ended all the same: it keeps its broken seal, and goes on to open for nobody. So are the keys of one
    of which a row says that it has ended: who ends sessions leaves none.
    """
    stored = view.session
    live = [key for key in view.keys if key.record.state is not KeyState.REVOKED and not _long_over(key, now)]
    changed = tuple(revoke_key(key, reason, actor=actor, now=now, cipher=cipher) for key in live)
    if stored.record.state is not SessionState.ACTIVE:
        return SessionChange(changed=changed) if changed else None
    record = dataclasses.replace(
        stored.record, state=SessionState.ENDED, updated=stored.next_update(now), ended=now, end_reason=reason
    )
    after, broken = dataclasses.replace(stored, record=record), True
    with contextlib.suppress(SealBroken):
        after, broken = seal_session(after, open_session(stored, cipher), cipher), False
    return SessionChange(session=(after, audit.ended(record, actor=actor, broken=broken)), changed=changed)


def is_broken(view: SessionView, cipher: SecretCipher) -> bool:
    """Say whether a session, or one of its keys, is not what was sealed: somebody wrote to the database behind the service."""
    try:
        open_session(view.session, cipher)
        for key in view.keys:
            open_secret(key, cipher)
    except SealBroken:
        return True
    return False


def _long_over(key: StoredKey, now: dt.datetime) -> bool:
    return key.record.expires is not None and key.record.expires <= now - SKEW


def revoke_key(
    key: StoredKey, reason: str, *, actor: str, now: dt.datetime, cipher: SecretCipher
) -> tuple[StoredKey, AuditEntry]:
    """Return what revokes one key of a session. One that does not open keeps its broken seal."""
    before = key.record
    after = dataclasses.replace(before, state=KeyState.REVOKED, updated=key.next_update(now), revoked=now, revoke_reason=reason)
    changed = dataclasses.replace(key, record=after)
    with contextlib.suppress(SealBroken):
        changed = seal_key(open_secret(key, cipher), changed, cipher)
    return changed, audit.key_revoked(before, after, actor=actor)
