"""Passwords come from standard input, a prompt or the generator; never from an argument, which every process here may read."""

import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import click

# No characters that look alike. 24 out of 56: 139 bits. The prefix is for secret scanners.
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_PREFIX: Final = "cspw_"
_LENGTH: Final = 24
_OPTIONS: Final = (
    click.option("--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input."),
    click.option("--generate-password", "generate", is_flag=True, help="Make a password, and print it this once."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPassword:
    """A password. `generated`: nobody knows it yet."""

    text: str = field(repr=False)
    generated: bool

    @property
    def to_show(self) -> str:
        """The password where it was generated, else nothing."""
        return self.text if self.generated else ""


def password_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where a password comes from; without one of them it is asked for."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_password(*, from_stdin: bool, generate: bool, instead: str = "") -> GivenPassword:
    """Return the password. One line end after it on standard input is not part of it. A prompt asks twice.

    `instead` names what else the command takes, for the message where nothing says which.

    Raises:
        click.UsageError: both options are given; or neither, and there is no terminal to ask at.
        InvalidField: this can be no password.
    """
    from counterseal.server.sessions.principal_limits import check_new_password

    if from_stdin and generate:
        raise click.UsageError("--password-stdin and --generate-password exclude each other")
    if generate:
        made = _PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        return GivenPassword(text=made, generated=True)
    if not from_stdin and not sys.stdin.isatty():
        raise click.UsageError(f"no password: give --password-stdin or --generate-password{instead}")
    text = _from_stdin() if from_stdin else click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    check_new_password("password", text)
    return GivenPassword(text=text, generated=False)


def _from_stdin() -> str:
    raw = sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise click.UsageError("the password on standard input is not UTF-8") from None
