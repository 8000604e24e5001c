"""What the replay guard lets pass: lists that may be empty."""

import re
from typing import Final

from counterseal.server.settings.schemes import read_names

# RFC 9110 section 9.1: a method is a token, and its case counts.
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}", re.ASCII)


def read_methods(value: str) -> tuple[str, ...]:
    """Read request methods, separated by commas, each once; empty: none.

    Raises:
        ValueError: with the limit.
    """
    if not value:
        return ()
    methods = tuple(value.split(","))
    if not all(_METHOD.fullmatch(method) for method in methods) or len(set(methods)) != len(methods):
        raise ValueError("must be request methods, separated by commas, each once")
    return methods


def read_exempt_schemes(value: str) -> tuple[str, ...]:
    """Read names of schemes, separated by commas, each once; empty: none.

    Raises:
        ValueError: with the limit.
    """
    return read_names(value) if value else ()
