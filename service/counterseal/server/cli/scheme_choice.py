"""Choosing the scheme to sign with, and its options, by name. Schemes are imported when one is chosen, not before."""

import os
import re
from typing import TYPE_CHECKING, Final

import click

from counterseal.server.cli.settings import read_settings

if TYPE_CHECKING:
    from counterseal.core.schemes import Scheme

DEFAULT: Final = "aws-sigv4"
_OPTION: Final = re.compile(r"([a-z][a-z0-9_-]{0,62})=(.*)", re.DOTALL)


def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the built-in schemes to a shell."""
    from counterseal.core.schemes import BUILT_IN

    return [name for name in sorted(BUILT_IN) if name.startswith(incomplete)]


def find_scheme(name: str) -> "Scheme":
    """Return a built-in scheme, one that COUNTERSEAL_CONFIG configures, or that of an installed plug-in.

    Raises:
        click.UsageError: there is none of that name.
    """
    from counterseal.core.schemes import BUILT_IN

    # A settings file may also tell a built-in scheme more, such as the hosts that name buckets.
    configured = read_settings().configured_schemes if os.environ.get("COUNTERSEAL_CONFIG") else ()
    if name in BUILT_IN and not configured:
        return BUILT_IN[name]
    from counterseal.server.errors import ConfigError
    from counterseal.server.schemes import find_schemes

    try:
        return find_schemes((name,), configured).known[name]
    except ConfigError as error:
        raise click.UsageError(f"--scheme: {str(error).removeprefix('COUNTERSEAL_SCHEMES: ')}") from None


def read_options(texts: tuple[str, ...]) -> dict[str, str]:
    """Return the `--option NAME=VALUE` options.

    Raises:
        click.UsageError: one is not of that form, or given twice.
    """
    options: dict[str, str] = {}
    for text in texts:
        match = _OPTION.fullmatch(text)
        if match is None:
            raise click.UsageError("--option: must be NAME=VALUE, the name in small letters")
        name, value = match.groups()
        if name in options:
            raise click.UsageError(f"--option {name}: given twice")
        options[name] = value
    return options
