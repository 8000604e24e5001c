"""The `[[callers]]` tables of the TOML file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from counterseal.server.errors import ConfigError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SAN: Final = re.compile(r"[!-~]{1,255}", re.ASCII)
_PERMISSIONS: Final = ("string_to_sign", "lease")
_LIMITS: Final = ("tenants", "schemes", "regions", "services")
# Those whom nobody configures: the holder of the generated token, and whoever calls without credentials. Names tell callers
# apart in logs, and request ids of one from those of another: a second `admin-token` would be given the first one's secrets.
ADMIN_NAME: Final = "admin-token"
ANONYMOUS_NAME: Final = "anonymous"
RESERVED_NAMES: Final = frozenset({ADMIN_NAME, ANONYMOUS_NAME})
_ROLES: Final = ("admin", "auditor", "gateway", "lease", "sessions")
# How often a caller may call each process, and with how many calls at once. Left out: no limit.
_PACES: Final = ("calls_per_second", "burst", "concurrent_calls")
MAX_PACE: Final = 1_000_000
_KNOWN: Final = frozenset({"name", "role", "token_sha256", "san", *_PERMISSIONS, *_LIMITS, *_PACES})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSetting:
    """One configured caller. A limit of None means that there is no such limit; an empty one cannot be configured."""

    name: str
    role: str
    token_sha256: bytes | None = field(default=None, repr=False)
    san: str | None = None
    tenants: frozenset[str] | None = None
    schemes: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    services: frozenset[str] | None = None
    string_to_sign: bool = False
    lease: bool = False
    # 0: no limit; a burst of 0 is as many calls as there may be in a second.
    calls_per_second: int = 0
    burst: int = 0
    concurrent_calls: int = 0


def read_callers(tables: object) -> tuple[CallerSetting, ...]:
    """Read every caller and check that no two share a name or a credential.

    Raises:
        ConfigError: names the entry and what is wrong with it.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError("callers: must be [[callers]] tables")
    callers = tuple(_read_caller(f"callers[{index}]", table) for index, table in enumerate(tables))
    for what in ("name", "token_sha256", "san"):
        values = [value for caller in callers if (value := getattr(caller, what)) is not None]
        if len(set(values)) != len(values):
            raise ConfigError(f"callers: two entries have the same {what}")
    return callers


def _read_caller(where: str, table: Mapping[str, Any]) -> CallerSetting:
    for given in table:
        if given not in _KNOWN:
            raise ConfigError(f"{where}: there is no setting {given!r}")
    token_sha256 = _text(where, table, "token_sha256", _SHA256, "64 lower-case hexadecimal digits")
    san = _text(where, table, "san", _SAN, "1 to 255 visible ASCII characters")
    if token_sha256 is None and san is None:
        raise ConfigError(f"{where}: needs token_sha256 or san")
    name = _text(where, table, "name", _NAME, "1 to 64 characters of [A-Za-z0-9._-]")
    role = table.get("role")
    if name is None:
        raise ConfigError(f"{where}: name is required")
    if name in RESERVED_NAMES:
        raise ConfigError(f"{where}: the name {name} is the service's own; choose another")
    if not isinstance(role, str) or role not in _ROLES:
        raise ConfigError(f"{where}: role must be one of {', '.join(_ROLES)}")
    if role == "auditor" and any(table.get(permission) for permission in _PERMISSIONS):
        raise ConfigError(f"{where}: an auditor verifies nothing, so {' and '.join(_PERMISSIONS)} are not for it")
    if "burst" in table and "calls_per_second" not in table:
        raise ConfigError(f"{where}: burst needs calls_per_second")
    return CallerSetting(
        name=name,
        role=role,
        token_sha256=bytes.fromhex(token_sha256) if token_sha256 else None,
        san=san,
        string_to_sign=_permission(where, table, "string_to_sign"),
        lease=_permission(where, table, "lease"),
        tenants=_limit(where, table, "tenants"),
        schemes=_limit(where, table, "schemes"),
        regions=_limit(where, table, "regions"),
        services=_limit(where, table, "services"),
        calls_per_second=_pace(where, table, "calls_per_second"),
        burst=_pace(where, table, "burst"),
        concurrent_calls=_pace(where, table, "concurrent_calls"),
    )


def _text(where: str, table: Mapping[str, Any], name: str, grammar: re.Pattern[str], words: str) -> str | None:
    value = table.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not grammar.fullmatch(value):
        raise ConfigError(f"{where}: {name} must be {words}")
    return value


def _permission(where: str, table: Mapping[str, Any], name: str) -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{where}: {name} must be true or false")
    return value


def _pace(where: str, table: Mapping[str, Any], name: str) -> int:
    value = table.get(name)
    if value is None:
        return 0
    # 0 could be meant as "none" or as "no limit": refused, as an empty list is.
    if type(value) is not int or not 1 <= value <= MAX_PACE:
        raise ConfigError(f"{where}: {name} must be a whole number from 1 to {MAX_PACE}; leave it out for no limit")
    return value


def _limit(where: str, table: Mapping[str, Any], name: str) -> frozenset[str] | None:
    value = table.get(name)
    if value is None:
        return None
    # An empty list could be meant as "everything" or as "nothing": refused, so that nobody has to guess.
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise ConfigError(f"{where}: {name} must be a list of at least one name; leave it out for no limit")
    return frozenset(value)
