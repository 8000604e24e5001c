"""Secrets come from the environment, a file or a prompt; never from an argument, which every process here may read."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

SECRET_VARIABLE: Final = "COUNTERSEAL_SECRET"  # noqa: S105  (a name, not a secret)
SECURITY_TOKEN_VARIABLE: Final = "COUNTERSEAL_SECURITY_TOKEN"  # noqa: S105  (a name, not a secret)
KEY_ID_VARIABLE: Final = "COUNTERSEAL_KEY_ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """What `sign` signs with: a secret or a private key. The other one is empty."""

    key_id: str
    secret: bytes = field(default=b"", repr=False)
    private_key: bytes = field(default=b"", repr=False)
    security_token: str | None = field(default=None, repr=False)


def read_secret(secret_file: str | None, *, stdin_allowed: bool = True, stdin_implied: bool = False) -> bytes:
    """Return the secret: from the file (`-`: standard input), else COUNTERSEAL_SECRET, else a prompt.

    One line end after the secret is not part of it. `stdin_allowed`: standard input is not needed for something else.
    `stdin_implied`: standard input that is no terminal is read without having been named; a prompt asks twice.

    Raises:
        click.UsageError: there is no secret, or the file cannot be read.
    """
    if secret_file is not None:
        if secret_file == "-" and not stdin_allowed:  # noqa: S105  (the name of standard input)
            raise click.UsageError("standard input already gives the request: take the secret from elsewhere")
        return _not_empty(_read_file(secret_file), secret_file)
    if SECRET_VARIABLE in os.environ:
        return _not_empty(os.environb[SECRET_VARIABLE.encode()], SECRET_VARIABLE)
    if sys.stdin.isatty():
        prompted: str = click.prompt("Secret", hide_input=True, confirmation_prompt=stdin_implied, err=True)
        return prompted.encode()
    if stdin_implied:
        return _not_empty(_read_file("-"), "standard input")
    raise click.UsageError(f"no secret: set {SECRET_VARIABLE} or give --secret-file FILE")


def read_security_token(token_file: str | None) -> str:
    """Return the security token from the file, else COUNTERSEAL_SECURITY_TOKEN, else an empty string."""
    if token_file is not None:
        return _ascii(_read_file(token_file), token_file)
    return _ascii(os.environb.get(SECURITY_TOKEN_VARIABLE.encode(), b""), SECURITY_TOKEN_VARIABLE)


def private_signing_key(key_id: str | None, file: str, *, named: bool = True) -> SigningKey:
    """Return the key pair to sign with. `named`: a request names its key, so that an id is needed.

    Raises:
        click.UsageError: the key id is missing, or the file cannot be read or is empty.
    """
    if named and not key_id:
        raise click.UsageError(f"no key id: give --key-id or set {KEY_ID_VARIABLE}")
    return SigningKey(key_id=key_id or "", private_key=_not_empty(_read_file(file), file))


def signing_key(
    key_id: str | None, secret_file: str | None, token_file: str | None, *, stdin_allowed: bool, named: bool = True,
    aws: bool = True, bearer: bool = False,
) -> SigningKey:  # fmt: skip
    """Return the key to sign with. `named`: a request names its key, so that an id is needed. `aws`: the scheme is one of AWS.
    `bearer`: the secret is a bearer token, which holds the id: none has to be given.

    Without a key id from the option or COUNTERSEAL_KEY_ID, and without a secret of our own kind, the whole of
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN is taken, as `keys issue --format aws-env` sets them; never
    an id from one family and a secret from the other.

    Raises:
        click.UsageError: key id or secret is missing.
    """
    aws_id = os.environ.get("AWS_ACCESS_KEY_ID", "")
    if aws and not key_id and aws_id and secret_file is None and SECRET_VARIABLE not in os.environ:
        secret = os.environb.get(b"AWS_SECRET_ACCESS_KEY", b"")
        token = _ascii(os.environb.get(b"AWS_SESSION_TOKEN", b""), "AWS_SESSION_TOKEN")
        return SigningKey(key_id=aws_id, secret=_not_empty(secret, "AWS_SECRET_ACCESS_KEY"), security_token=token or None)
    if bearer and not key_id:
        bearer_token = read_secret(secret_file, stdin_allowed=stdin_allowed)
        return SigningKey(key_id=_id_in(bearer_token), secret=bearer_token)
    if named and not key_id:
        raise click.UsageError(
            f"no key id: give --key-id or set {KEY_ID_VARIABLE} (AWS_ACCESS_KEY_ID counts with AWS_SECRET_ACCESS_KEY only)"
        )
    secret = read_secret(secret_file, stdin_allowed=stdin_allowed)
    return SigningKey(key_id=key_id or "", secret=secret, security_token=read_security_token(token_file) or None)


def _id_in(token: bytes) -> str:
    from counterseal.core.model import Refusal
    from counterseal.core.schemes.bearer import read_token

    try:
        return read_token(token)
    except Refusal:
        raise click.UsageError("the secret is not a bearer token of this service, or was cut or mistyped") from None


def _read_file(name: str) -> bytes:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read {name}: {error.strerror}") from None
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def _not_empty(secret: bytes, source: str) -> bytes:
    if not secret:
        raise click.UsageError(f"{source} holds no secret")
    return secret


def _ascii(raw: bytes, source: str) -> str:
    if not raw.isascii():
        raise click.UsageError(f"{source} is not ASCII")
    return raw.decode("ascii")
