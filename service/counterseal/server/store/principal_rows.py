"""Between rows of `principals` and records. Times are whole microseconds since the Unix epoch in the database."""

from typing import Any, Final

from sqlalchemy import Row

from counterseal.server.errors import SealBroken
from counterseal.server.store.readable import SIGNS, check_columns, columns_of, read_text_map
from counterseal.server.store.rows import compact_json, etag_of, maybe_micros, maybe_time, to_micros, to_time
from counterseal.server.store.session_records import PrincipalRecord, PrincipalState, StoredPrincipal
from counterseal.server.store.tables import PRINCIPALS

_UNREADABLE: Final = "a stored principal makes no sense to this release"
_COLUMNS: Final = columns_of(PRINCIPALS)


def principal_values(stored: StoredPrincipal) -> dict[str, Any]:
    """Return the columns of a principal, all but its place in the change sequence."""
    record = stored.record
    return {
        "tenant": record.tenant,
        "name": record.name,
        "state": record.state.value,
        "description": record.description,
        "labels": compact_json(dict(record.labels)),
        "created": to_micros(record.created),
        "updated": to_micros(record.updated),
        "password_set": maybe_micros(record.password_set),
        "seal": stored.seal,
    }


def read_principal(row: Row[Any]) -> StoredPrincipal:
    """Return the principal in a row of `principals`, beside which `newest` is what the trail knows.

    Raises:
        SealBroken: the row makes no principal.
    """
    try:
        check_columns(row, _COLUMNS)
        record = PrincipalRecord(
            tenant=row.tenant,
            name=row.name,
            state=PrincipalState(row.state),
            description=row.description,
            labels=read_text_map(row.labels),
            created=to_time(row.created),
            updated=to_time(row.updated),
            password_set=maybe_time(row.password_set),
            etag=etag_of(row.changed),
        )
        newest = maybe_time(row.newest)
    except SIGNS:
        raise SealBroken(_UNREADABLE) from None
    return StoredPrincipal(record=record, seal=row.seal, newest=newest)
