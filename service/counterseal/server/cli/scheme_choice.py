"""Choosing the scheme to sign with, and its options, by name. Schemes are imported when one is chosen, not before."""

import re
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from counterseal.core.schemes import Scheme

DEFAULT: Final = "aws-sigv4"
PLUG_INS: Final = "counterseal.schemes"  # the entry-point group
_OPTION: Final = re.compile(r"([a-z][a-z0-9_-]{0,62})=(.*)", re.DOTALL)


def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the built-in schemes to a shell."""
    from counterseal.core.schemes import BUILT_IN

    return [name for name in sorted(BUILT_IN) if name.startswith(incomplete)]


def find_scheme(name: str) -> "Scheme":
    """Return a built-in scheme, or that of an installed plug-in.

    Raises:
        click.UsageError: there is none of that name.
    """
    from counterseal.core.schemes import BUILT_IN

    found = BUILT_IN.get(name) or _plug_in(name)
    if found is None:
        raise click.UsageError(f"--scheme {name!r}: not one of {', '.join(sorted(BUILT_IN))}, nor of an installed plug-in")
    return found


def _plug_in(name: str) -> "Scheme | None":
    from importlib.metadata import entry_points

    for entry in entry_points(group=PLUG_INS, name=name):
        loaded = entry.load()
        scheme: Scheme = loaded() if isinstance(loaded, type) else loaded
        if scheme.name == name:
            return scheme
    return None


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
