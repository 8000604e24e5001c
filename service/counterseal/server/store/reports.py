"""Reports on keys: what few of them meet, and no index knows.

A page looks at so many keys and no more, in the order of their ids, whatever it finds: a report on a million keys is many small
statements, each of which costs the same, and none holds the others up.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, select

from counterseal.server.store.records import KeyPage, KeyQuery
from counterseal.server.store.rows import read_record, to_micros
from counterseal.server.store.tables import KEY_USES, KEYS

_LOOKED_AT: Final = 5_000
# Engines bound the columns of one statement: PostgreSQL to 1664.
_TENANTS_AT_ONCE: Final = 256


def read_report(connection: Connection, query: KeyQuery, looked_at: int = _LOOKED_AT) -> KeyPage:
    """Return a page of a report. It may be empty and not be the last."""
    if query.tenants is not None and not query.tenants:
        return KeyPage(records=(), next_after="")
    last = _last(connection, query, looked_at)
    wanted = select(KEYS).where(*_range(query), *_filters(query)).order_by(KEYS.c.key_id).limit(query.page_size + 1)
    if last is not None:
        wanted = wanted.where(KEYS.c.key_id <= last)
    rows = connection.execute(wanted).all()
    records = tuple(read_record(row) for row in rows[: query.page_size])
    return KeyPage(records=records, next_after=records[-1].key_id if len(rows) > query.page_size else last or "")


def _last(connection: Connection, query: KeyQuery, looked_at: int) -> str | None:
    """Return the id that a page ends with at the latest; None: it may go to the end.

    It becomes the place to go on from, which the caller reads: so it is an id of the tenants that are asked for. Each of them
    is looked up in the index by itself, and the page ends where the first of them has had its share.
    """
    if query.tenants is None:
        return connection.execute(_place(KEYS.c.key_id > query.after, looked_at)).scalar()
    tenants, share = sorted(query.tenants), max(1, looked_at // len(query.tenants))
    found: list[str] = []
    for start in range(0, len(tenants), _TENANTS_AT_ONCE):
        places = [
            _place(and_(KEYS.c.key_id > query.after, KEYS.c.tenant == tenant), share).scalar_subquery().label(f"place_{number}")
            for number, tenant in enumerate(tenants[start : start + _TENANTS_AT_ONCE])
        ]
        found += [place for place in connection.execute(select(*places)).one() if place is not None]
    return min(found, default=None)  # ids are ASCII: as the store orders them


def _place(among: ColumnElement[bool], number: int) -> Select[Any]:
    """Return what finds the id of the key of this number, counted from 1, in the order of ids."""
    return select(KEYS.c.key_id).where(among).order_by(KEYS.c.key_id).offset(number - 1).limit(1)


def _range(query: KeyQuery) -> list[ColumnElement[bool]]:
    """Return what an index finds: the ids from here on, of a single tenant where there is one."""
    found: list[ColumnElement[bool]] = [KEYS.c.key_id > query.after]
    if query.tenants is not None and len(query.tenants) == 1:
        found.append(KEYS.c.tenant == min(query.tenants))
    return found


def _filters(query: KeyQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.tenants is not None and len(query.tenants) != 1:
        found.append(KEYS.c.tenant.in_(sorted(query.tenants)))
    if query.principal:
        found.append(KEYS.c.principal == query.principal)
    if query.state is not None:
        found.append(KEYS.c.state == query.state.value)
    if query.unused_since is not None:
        since = to_micros(query.unused_since)
        used = select(KEY_USES.c.key_id).where(KEY_USES.c.key_id == KEYS.c.key_id, KEY_USES.c.last_used >= since)
        found += [KEYS.c.created < since, ~exists(used)]
    if query.expire_before is not None:
        found.append(KEYS.c.expires < to_micros(query.expire_before))
        if query.now is not None:
            found.append(KEYS.c.expires > to_micros(query.now))
    if query.secret_created_before is not None:
        found.append(func.coalesce(KEYS.c.secret_created, KEYS.c.created) < to_micros(query.secret_created_before))
    return found
