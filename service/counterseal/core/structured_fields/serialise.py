"""Writing (RFC 9651 section 4.1): values in, the one spelling out."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from counterseal.core.structured_fields.bare_items import write_bare_item
from counterseal.core.structured_fields.model import BareItem, InnerList, Item, Member, StructuredFieldError

_KEY: Final = re.compile(r"[a-z*][a-z0-9_.*-]*")


def serialise_item(item: Item) -> bytes:
    """Write an item with its parameters. Raises StructuredFieldError."""
    return write_bare_item(item.value) + serialise_parameters(item.parameters)


def serialise_inner_list(inner: InnerList) -> bytes:
    """Write items in parentheses, and the parameters of the whole. Raises StructuredFieldError."""
    return b"(%s)%s" % (b" ".join([serialise_item(item) for item in inner.items]), serialise_parameters(inner.parameters))


def serialise_member(member: Member) -> bytes:
    """Write a member of a list, or the value of a dictionary's. Raises StructuredFieldError."""
    return serialise_inner_list(member) if isinstance(member, InnerList) else serialise_item(member)


def serialise_list(members: Sequence[Member]) -> bytes:
    """Write a list. An empty one is no field at all (section 4.1): b"" is returned. Raises StructuredFieldError."""
    return b", ".join([serialise_member(member) for member in members])


def serialise_dictionary(members: Mapping[str, Member]) -> bytes:
    """Write a dictionary; as `serialise_list` where it is empty. Raises StructuredFieldError."""
    return b", ".join([_dictionary_member(key, member) for key, member in members.items()])


def _dictionary_member(key: str, member: Member) -> bytes:
    if isinstance(member, Item) and member.value is True:
        return _key(key) + serialise_parameters(member.parameters)
    return b"%s=%s" % (_key(key), serialise_member(member))


def serialise_parameters(parameters: Mapping[str, BareItem]) -> bytes:
    """Write parameters, each with its semicolon. Raises StructuredFieldError."""
    if not parameters:
        return b""
    return b"".join(
        [
            b";" + _key(key) if value is True else b";%s=%s" % (_key(key), write_bare_item(value))
            for key, value in parameters.items()
        ]
    )


def _key(key: str) -> bytes:
    if not _KEY.fullmatch(key):
        raise StructuredFieldError("a key with characters that keys do not have")
    return key.encode("ascii")
