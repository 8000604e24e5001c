"""Structured fields (RFC 9651): a strict parser and writer with exact bounds, for headers that are signed or say what is.

Why not a library: `docs/decisions/0021-structured-fields.md`.
"""

from counterseal.core.structured_fields.model import (
    MAX_BYTES,
    MAX_ITEMS,
    MAX_MEMBERS,
    MAX_PARAMETERS,
    BareItem,
    Date,
    DisplayString,
    InnerList,
    Item,
    Member,
    Parameters,
    StructuredFieldError,
    Token,
)
from counterseal.core.structured_fields.parse import join, parse_dictionary, parse_item, parse_list
from counterseal.core.structured_fields.serialise import (
    serialise_dictionary,
    serialise_inner_list,
    serialise_item,
    serialise_list,
    serialise_member,
    serialise_parameters,
)

__all__ = [
    "MAX_BYTES",
    "MAX_ITEMS",
    "MAX_MEMBERS",
    "MAX_PARAMETERS",
    "BareItem",
    "Date",
    "DisplayString",
    "InnerList",
    "Item",
    "Member",
    "Parameters",
    "StructuredFieldError",
    "Token",
    "join",
    "parse_dictionary",
    "parse_item",
    "parse_list",
    "serialise_dictionary",
    "serialise_inner_list",
    "serialise_item",
    "serialise_list",
    "serialise_member",
    "serialise_parameters",
]
