"""When secrets were last used, in a table of its own: writing a use changes no key, leaves no audit row and moves no etag."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from counterseal.server.store.rows import to_micros, to_time
from counterseal.server.store.tables import KEY_USES
from counterseal.server.store.transactions import Transactions

# By key id and version of the secret.
Uses = Mapping[tuple[str, int], dt.datetime]
_BATCH: Final = 200
_ASKED: Final = 500
_ROW: Final[Mapping[str, Any]] = {name: bindparam(name) for name in ("key_id", "version", "last_used")}


def write_uses(transactions: Transactions, uses: Uses) -> None:
    """Write uses down, in batches; each moves a time forward, and never back.

    In the order of the key ids, so that workers that write the same rows wait for one another and lock nobody out.

    Raises:
        StoreUnavailable: the store does not answer; batches written so far stay written.
    """
    rows = (
        {"key_id": key_id, "version": version, "last_used": to_micros(uses[key_id, version])}
        for key_id, version in sorted(uses)
    )
    while batch := list(islice(rows, _BATCH)):
        transactions.writing(_writer(batch))


def read_uses(transactions: Transactions, key_ids: Sequence[str]) -> dict[str, dict[int, dt.datetime]]:
    """Return when the secrets of these keys were last used, by key id and version. Raises StoreUnavailable."""
    found: dict[str, dict[int, dt.datetime]] = {}
    with transactions.reading() as connection:
        for start in range(0, len(key_ids), _ASKED):
            query = select(KEY_USES).where(KEY_USES.c.key_id.in_(key_ids[start : start + _ASKED]))
            for row in connection.execute(query):
                found.setdefault(row.key_id, {})[row.version] = to_time(row.last_used)
    return found


def _writer(batch: Iterable[dict[str, Any]]) -> Callable[[Connection], None]:
    rows = list(batch)

    def work(connection: Connection) -> None:
        connection.execute(_UPSERTS[connection.dialect.name], rows)

    return work


def _standard(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=[KEY_USES.c.key_id, KEY_USES.c.version],
        set_={"last_used": insert.excluded.last_used},
        where=KEY_USES.c.last_used < insert.excluded.last_used,
    )


def _mysql(insert: Any) -> Any:
    later = insert.inserted.last_used
    return insert.on_duplicate_key_update(last_used=case((KEY_USES.c.last_used < later, later), else_=KEY_USES.c.last_used))


# SQL has no common word for it. `mariadb` is SQLAlchemy's name of the same dialect.
_UPSERTS: Final = {
    "sqlite": _standard(sqlite.insert(KEY_USES).values(_ROW)),
    "postgresql": _standard(postgresql.insert(KEY_USES).values(_ROW)),
    "mysql": _mysql(mysql.insert(KEY_USES).values(_ROW)),
    "mariadb": _mysql(mysql.insert(KEY_USES).values(_ROW)),
}
