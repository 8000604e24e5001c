"""The `[[schemes]]` tables of the TOML file: ways of signing that are configuration, each a kind with options."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from counterseal.server.errors import ConfigError

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
NAME_WORDS: Final = "1 to 63 characters of [a-z0-9._-], a letter or a digit first"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeSetting:
    """One configured scheme: its name, the kind that it is built as, and that kind's options."""

    name: str
    kind: str
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


def read_names(value: str) -> tuple[str, ...]:
    """Read names of schemes, separated by commas, each once. Whether there are such schemes is not checked here.

    Raises:
        ValueError: with the limit.
    """
    names = tuple(value.split(","))
    if not all(NAME.fullmatch(name) for name in names) or len(set(names)) != len(names):
        raise ValueError(f"must be names of schemes, each {NAME_WORDS}, separated by commas, each once")
    return names


def read_scheme_tables(tables: list[dict[str, Any]]) -> tuple[SchemeSetting, ...]:
    """Read every configured scheme. What the options mean is for their kind to say.

    Raises:
        ConfigError: names the entry and what is wrong with it.
    """
    schemes = tuple(_read_scheme(f"schemes[{index}]", table) for index, table in enumerate(tables))
    names = [scheme.name for scheme in schemes]
    if len(set(names)) != len(names):
        raise ConfigError("schemes: two entries have the same name")
    return schemes


def _read_scheme(where: str, table: Mapping[str, Any]) -> SchemeSetting:
    name, kind = table.get("name"), table.get("kind")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(f"{where}: name must be {NAME_WORDS}")
    if not isinstance(kind, str):
        raise ConfigError(f"{where}: kind is required")
    options = {option: value for option, value in table.items() if option not in {"name", "kind"}}
    return SchemeSetting(name=name, kind=kind, options=MappingProxyType(options))
