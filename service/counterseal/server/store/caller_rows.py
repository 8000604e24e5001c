"""Between rows of `callers` and records. Times are whole microseconds since the Unix epoch in the database."""

import json
from typing import Any, Final

from sqlalchemy import Row

from counterseal.server.errors import SealBroken
from counterseal.server.store.caller_records import CallerLimits, CallerRecord, CallerState, Role, StoredCaller
from counterseal.server.store.rows import etag_of, to_micros, to_time

_SETS: Final = ("tenants", "schemes", "regions", "services")
_NUMBERS: Final = ("calls_per_second", "burst", "concurrent_calls")
_LIMITS: Final = frozenset({*_SETS, *_NUMBERS, "string_to_sign"})
_UNREADABLE: Final = "a stored caller makes no sense to this release"


def caller_values(stored: StoredCaller) -> dict[str, Any]:
    """Return the columns of a caller, all but its place in the change sequence."""
    record, limits = stored.record, stored.record.limits
    kept = {name: sorted(getattr(limits, name)) for name in _SETS} | {name: getattr(limits, name) for name in _NUMBERS}
    return {
        "name": record.name,
        "role": record.role.value,
        "state": record.state.value,
        "description": record.description,
        "token_sha256": stored.token_sha256,
        "san": record.san or None,
        "limits": json.dumps(kept | {"string_to_sign": limits.string_to_sign}, sort_keys=True, separators=(",", ":")),
        "created": to_micros(record.created),
        "updated": to_micros(record.updated),
        "seal": stored.seal,
    }


def read_caller(row: Row[Any]) -> StoredCaller:
    """Return the caller in a row of `callers`, beside which `newest` is what the trail knows.

    Raises:
        SealBroken: the row makes no caller.
    """
    try:
        record = CallerRecord(
            name=row.name,
            role=Role(row.role),
            state=CallerState(row.state),
            description=row.description,
            san=row.san or "",
            has_bearer_token=row.token_sha256 is not None,
            limits=_read_limits(row.limits),
            created=to_time(row.created),
            updated=to_time(row.updated),
            etag=etag_of(row.changed),
        )
        newest = None if row.newest is None else to_time(row.newest)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise SealBroken(_UNREADABLE) from None
    return StoredCaller(record=record, token_sha256=row.token_sha256, seal=row.seal, newest=newest)


def _read_limits(text: str) -> CallerLimits:
    """Read all of it or nothing: a limit of a later release that is passed over would be no limit."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.keys() != _LIMITS:
        raise ValueError("other limits than those known")
    sets = {name: found[name] for name in _SETS}
    if not all(isinstance(items, list) and all(isinstance(item, str) for item in items) for items in sets.values()):
        raise ValueError("a limit is no list of names")
    numbers = {name: found[name] for name in _NUMBERS}
    if not all(type(number) is int and number >= 0 for number in numbers.values()):
        raise ValueError("a limit is no number")
    if type(found["string_to_sign"]) is not bool:
        raise ValueError("a permission is neither given nor not")
    return CallerLimits(
        tenants=frozenset(sets["tenants"]),
        schemes=frozenset(sets["schemes"]),
        regions=frozenset(sets["regions"]),
        services=frozenset(sets["services"]),
        string_to_sign=found["string_to_sign"],
        calls_per_second=numbers["calls_per_second"],
        burst=numbers["burst"],
        concurrent_calls=numbers["concurrent_calls"],
    )
