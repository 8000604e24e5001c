"""How single settings are read: exact grammars, errors that name the limit."""

from counterseal.server.settings.address import Address, read_address
from counterseal.server.settings.callers import (
    ADMIN_NAME,
    ANONYMOUS_NAME,
    MAX_PACE,
    RESERVED_NAMES,
    CallerSetting,
    read_callers,
)
from counterseal.server.settings.schemes import SchemeSetting, read_scheme_tables

__all__ = [
    "ADMIN_NAME",
    "ANONYMOUS_NAME",
    "MAX_PACE",
    "RESERVED_NAMES",
    "Address",
    "CallerSetting",
    "SchemeSetting",
    "read_address",
    "read_callers",
    "read_scheme_tables",
]
