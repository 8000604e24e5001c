"""The limits of what is written about callers, as protos/counterseal/v1/callers.proto states them.

Every function raises InvalidField, naming the field as the caller wrote it and the limit; values are never quoted.
"""

import re
from collections.abc import Collection
from typing import Final

from counterseal.server.errors import InvalidField
from counterseal.server.keys.limits import MAX_PAGE_SIZE, check_tenant, check_text
from counterseal.server.settings import MAX_PACE
from counterseal.server.store.caller_records import CallerLimits, CallerRecord, Role

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SAN: Final = re.compile(r"[!-~]{0,255}", re.ASCII)
_MOST_TENANTS: Final = 256
_MOST: Final = 64
_PACES: Final = ("calls_per_second", "burst", "concurrent_calls")


def check_name(field: str, name: str) -> None:
    """Refuse what is no name of a caller."""
    if not _NAME.fullmatch(name):
        raise InvalidField(field, "must be 1 to 64 characters of [A-Za-z0-9._-], a letter or a digit first")


def check_description(field: str, text: str) -> None:
    """Refuse a description that is too long, or holds control characters."""
    check_text(field, text, 1024)


def check_san(field: str, san: str) -> None:
    """Refuse what is no subject alternative name; empty is none and allowed."""
    if not _SAN.fullmatch(san):
        raise InvalidField(field, "must be 1 to 255 visible ASCII characters, or empty")


def check_page_size(field: str, size: int) -> None:
    """Refuse a page of other size; 0 is allowed."""
    if not 0 <= size <= MAX_PAGE_SIZE:
        raise InvalidField(field, f"must be 1 to {MAX_PAGE_SIZE}, or 0 for the default")


def check_limits(field: str, limits: CallerLimits, schemes: frozenset[str]) -> None:
    """Refuse lists that are too long, names that cannot be, and numbers out of bounds. `schemes` are the names known."""
    _check_count(f"{field}.tenants", limits.tenants, _MOST_TENANTS)
    for tenant in limits.tenants:
        check_tenant(f"{field}.tenants", tenant)
    _check_count(f"{field}.schemes", limits.schemes, _MOST)
    if not limits.schemes <= schemes:
        raise InvalidField(f"{field}.schemes", f"must be among the schemes that there are: {', '.join(sorted(schemes))}")
    for name, values in (("regions", limits.regions), ("services", limits.services)):
        _check_count(f"{field}.{name}", values, _MOST)
        for value in values:
            check_text(f"{field}.{name}", value, 128, shortest=1)
    for name in _PACES:
        if not 0 <= getattr(limits, name) <= MAX_PACE:
            raise InvalidField(f"{field}.{name}", f"must be 0 to {MAX_PACE}")
    if limits.burst and not limits.calls_per_second:
        raise InvalidField(f"{field}.burst", "needs calls_per_second")


def check_role(field: str, record: CallerRecord) -> None:
    """Refuse permissions that the caller's role has no use for."""
    if record.role is Role.AUDITOR and record.limits.string_to_sign:
        raise InvalidField(f"{field}.string_to_sign", "is not for an auditor, which verifies nothing")


def _check_count(field: str, values: Collection[str], most: int) -> None:
    if len(values) > most:
        raise InvalidField(field, f"at most {most}")
