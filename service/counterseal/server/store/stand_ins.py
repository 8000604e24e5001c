"""What stands for a row that cannot be read, where something ends: whose it is, and nothing that would open.

Such a row opens for nobody. But servers may remember it as it was, and who broke it may put it back: so it is ended like any
other, which tells them all, and makes what is put back older than the trail. Of the row itself nothing is written but that it
is over: the rest is left for whoever looks into it.
"""

import datetime as dt
from typing import Any, Final

from sqlalchemy import Row

from counterseal.core.model import KeyState
from counterseal.server.errors import SealBroken
from counterseal.server.store.principal_rows import read_principal
from counterseal.server.store.readable import SIGNS
from counterseal.server.store.records import KeyRecord, StoredKey
from counterseal.server.store.rows import maybe_micros, maybe_time, read_stored, to_micros, to_time
from counterseal.server.store.session_records import (
    PrincipalRecord,
    PrincipalState,
    SessionRecord,
    SessionState,
    StoredPrincipal,
    StoredSession,
)
from counterseal.server.store.session_rows import read_session

_LONG_AGO: Final = to_time(0)
_NOTHING: Final = b""


def is_plain(value: object) -> bool:
    """Say whether an id is of a kind that is ever written, and so can be asked for."""
    return isinstance(value, str) and value.isascii()


def session_despite(row: Row[Any]) -> StoredSession:
    """Return the session in a row, or what stands for it."""
    try:
        return read_session(row)
    except SealBroken:
        ended = row.state == SessionState.ENDED.value
    record = SessionRecord(
        session_id=row.session_id,
        tenant=_text(row.tenant),
        principal=_text(row.principal),
        state=SessionState.ENDED if ended else SessionState.ACTIVE,
        method="",
        client={},
        created=_LONG_AGO,
        updated=_LONG_AGO,
        refreshed=_LONG_AGO,
        expires=_LONG_AGO,
        idle_until=_LONG_AGO,
    )
    return StoredSession(record=record, seal=_NOTHING, newest=_time(row.newest), readable=False)


def key_despite(row: Row[Any], session: SessionRecord) -> StoredKey:
    """Return the key of a session in a row, or what stands for it."""
    try:
        return read_stored(row)
    except SealBroken:
        revoked = row.state == KeyState.REVOKED.value
    record = KeyRecord(
        key_id=row.key_id,
        tenant=session.tenant,
        principal=session.principal,
        description="",
        labels={},
        allowed_schemes=frozenset(),
        state=KeyState.REVOKED if revoked else KeyState.ACTIVE,
        not_before=None,
        expires=None,
        created=_LONG_AGO,
        updated=_LONG_AGO,
        revoked=None,
        revoke_reason="",
        etag="",
        has_security_token=False,
        session_id=session.session_id,
    )
    return StoredKey(record=record, secret_version=1, sealed_secret=_NOTHING, security_token_sha256=None, readable=False)


def principal_despite(row: Row[Any]) -> StoredPrincipal:
    """Return the principal in a row, or what stands for it: one that is good for being removed."""
    try:
        return read_principal(row)
    except SealBroken:
        record = PrincipalRecord(
            tenant=row.tenant,
            name=row.name,
            state=PrincipalState.DISABLED,
            description="",
            labels={},
            created=_LONG_AGO,
            updated=_LONG_AGO,
        )
        return StoredPrincipal(record=record, seal=_NOTHING, newest=_time(row.newest))


def end_values(record: SessionRecord) -> dict[str, Any]:
    """Return the columns that say that a session is over."""
    return {
        "state": record.state.value,
        "updated": to_micros(record.updated),
        "ended": maybe_micros(record.ended),
        "end_reason": record.end_reason,
    }


def revocation_values(record: KeyRecord) -> dict[str, Any]:
    """Return the columns that say that a key is revoked."""
    return {
        "state": record.state.value,
        "updated": to_micros(record.updated),
        "revoked": maybe_micros(record.revoked),
        "revoke_reason": record.revoke_reason,
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isascii() else ""


def _time(micros: object) -> dt.datetime | None:
    try:
        return maybe_time(micros)  # type: ignore[arg-type]  # whatever the trail holds
    except SIGNS:
        return None
