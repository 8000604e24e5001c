"""Between rows of `sessions` and records. Times are whole microseconds since the Unix epoch in the database."""

from typing import Any, Final

from sqlalchemy import Row

from counterseal.server.errors import SealBroken
from counterseal.server.store.readable import SIGNS, check_columns, columns_of, read_text_map
from counterseal.server.store.rows import compact_json, etag_of, maybe_micros, maybe_time, to_micros, to_time
from counterseal.server.store.session_records import SessionRecord, SessionState, StoredSession
from counterseal.server.store.tables import SESSIONS

_UNREADABLE: Final = "a stored session makes no sense to this release"
_COLUMNS: Final = columns_of(SESSIONS)


def session_values(stored: StoredSession) -> dict[str, Any]:
    """Return the columns of a session, all but its place in the change sequence."""
    record = stored.record
    return {
        "session_id": record.session_id,
        "tenant": record.tenant,
        "principal": record.principal,
        "state": record.state.value,
        "method": record.method,
        "client": compact_json(dict(record.client)),
        "created": to_micros(record.created),
        "updated": to_micros(record.updated),
        "refreshed": to_micros(record.refreshed),
        "expires": to_micros(record.expires),
        "idle_until": to_micros(record.idle_until),
        "ended": maybe_micros(record.ended),
        "end_reason": record.end_reason,
        "seal": stored.seal,
    }


def read_session(row: Row[Any]) -> StoredSession:
    """Return the session in a row of `sessions`, beside which `newest` is what the trail knows.

    Raises:
        SealBroken: the row makes no session.
    """
    try:
        check_columns(row, _COLUMNS)
        record = SessionRecord(
            session_id=row.session_id,
            tenant=row.tenant,
            principal=row.principal,
            state=SessionState(row.state),
            method=row.method,
            client=read_text_map(row.client),
            created=to_time(row.created),
            updated=to_time(row.updated),
            refreshed=to_time(row.refreshed),
            expires=to_time(row.expires),
            idle_until=to_time(row.idle_until),
            ended=maybe_time(row.ended),
            end_reason=row.end_reason,
            etag=etag_of(row.changed),
        )
        newest = maybe_time(row.newest)
    except SIGNS:
        raise SealBroken(_UNREADABLE) from None
    return StoredSession(record=record, seal=row.seal, newest=newest)
