"""Finding a session by a token of it, or by its id."""

import datetime as dt
import hmac
from collections.abc import Callable

from counterseal.core.model import KeyState, Refusal
from counterseal.core.schemes import bearer
from counterseal.server.keys.seal import open_secret
from counterseal.server.sessions.drafts import Asker, WhichSession
from counterseal.server.sessions.ground import Ground
from counterseal.server.sessions.refresh_tokens import is_session_id
from counterseal.server.sessions.refusing import over, unknown
from counterseal.server.store.records import StoredKey
from counterseal.server.store.session_records import SessionView

# Checks, inside the transaction, that the token is the session's.
Check = Callable[[SessionView], None]


def find_by_id(session_id: str) -> tuple[str, Check]:
    """Return a session's id, and a check that passes: whoever may name sessions is trusted. Raises Refuse: UNKNOWN."""
    if not is_session_id(session_id):
        unknown()
    return session_id, lambda _: None


def find_by_access_token(token: str, ground: Ground, *, now: dt.datetime | None) -> tuple[str, Check]:
    """Return the id of a bearer token's session, and the check of the token. `now` None: also of one that has ended.

    Raises:
        Refuse: UNKNOWN, OVER.
        SealBroken: the token's key is not what was sealed.
    """
    try:
        key_id = bearer.read_token(token.encode("utf-8", "replace"))
    except Refusal:
        unknown()

    def check_key(key: StoredKey | None) -> str:
        if key is None or not key.record.bearer or not key.record.session_id:
            unknown()
        if not hmac.compare_digest(open_secret(key, ground.cipher).current, bearer.token_sha256(token)):
            unknown()
        if now is not None and not _verifies(key, now):
            over()
        return key.record.session_id

    # Before anything is counted or locked: whoever knows a session's id alone does neither in its name.
    session_id = check_key(ground.read_key(key_id))

    def check(view: SessionView) -> None:
        """Check again, in the transaction, in which nothing more happens to the key."""
        check_key(next((key for key in view.keys if key.record.key_id == key_id), None))

    return session_id, check


def find_live(which: WhichSession, ground: Ground, now: dt.datetime) -> tuple[str, Check]:
    """Return the id of a session by a bearer token that verifies, or by its id. Raises Refuse."""
    if which.access_token:
        return find_by_access_token(which.access_token, ground, now=now)
    return find_by_id(which.session_id)


def check_tenant(view: SessionView, asker: Asker) -> None:
    """Raise Refuse in the words for a session that is not there, where it is another tenant's."""
    if not asker.sees(view.session.record.tenant):
        unknown()


def _verifies(key: StoredKey, now: dt.datetime) -> bool:
    record = key.record
    if record.not_before is not None and now < record.not_before:
        return False
    return record.state is KeyState.ACTIVE and record.expires is not None and now < record.expires
