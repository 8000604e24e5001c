"""A public key out of a file, for `keys issue --public-key`. What kind of file it is, it says itself; the server reads it."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from counterseal.server.store.records import OfferedPublicKey

_MAX_BYTES: Final = 16 * 1024
_PRIVATE_PEM: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")


def read_public_key_file(name: str, *, algorithm: str, key_id: str) -> "OfferedPublicKey":
    """Return the public key of a PEM file, a JWK, or a file of raw bytes; `-` is standard input.

    Raises:
        click.UsageError: the file cannot be read, is too large, or holds a private key: that one must not leave this machine.
    """
    from counterseal.server.store.records import Encoding, OfferedPublicKey

    try:
        text = sys.stdin.buffer.read(_MAX_BYTES + 1) if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read {name}: {error.strerror}") from None
    if len(text) > _MAX_BYTES:
        raise click.UsageError(f"{name}: longer than {_MAX_BYTES} bytes, so no public key")
    encoding = Encoding.RAW
    if text.lstrip().startswith(b"-----BEGIN "):
        encoding = Encoding.PEM
    elif text.lstrip().startswith(b"{"):
        encoding = Encoding.JWK
    if _PRIVATE_PEM.search(text) or (encoding is Encoding.JWK and _is_private_jwk(text)):
        raise click.UsageError(f"{name} holds a private key: give the public one (`openssl pkey -in FILE -pubout`)")
    return OfferedPublicKey(text=text, encoding=encoding, algorithm=algorithm, key_id=key_id)


def _is_private_jwk(text: bytes) -> bool:
    import json

    from counterseal.core.asymmetric.jwk import PRIVATE_MEMBERS

    try:
        members = json.loads(text)
    except ValueError:
        return False  # The server says what is wrong with it.
    return isinstance(members, dict) and not PRIVATE_MEMBERS.isdisjoint(members)
