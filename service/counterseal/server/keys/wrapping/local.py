"""A wrapping key that lies on this machine: in a file apart from the data folder, or in an environment variable.

AES-256-GCM. The wrapped key: one byte of version, a nonce of 12 bytes, ciphertext with its tag of 16 bytes.
"""

import base64
import binascii
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterseal.server.errors import ConfigError
from counterseal.server.keys.wrapping.base import SETTING

WRAPPING_KEY_BYTES: Final = 32
_PURPOSE: Final = b"counterseal wrapped master key\x00"
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# Of a wrapping key's file, so much is read: a line of base64 is far shorter.
_MOST: Final = 1024


class LocalWrapper:
    """Wraps under a key that it holds. Thread-safe, no state."""

    def __init__(self, wrapping_key: bytes, *, source: str) -> None:
        """`source` says in messages where the wrapping key came from."""
        self._cipher = AESGCM(wrapping_key)
        self._source = source

    def wrap(self, key: bytes, *, master_key_id: str) -> bytes:
        """See KeyWrapper."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, key, _bound_to(master_key_id))

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        """See KeyWrapper."""
        nonce, rest = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
        if wrapped[:1] == _VERSION and len(nonce) == _NONCE_BYTES:
            try:
                return self._cipher.decrypt(nonce, rest, _bound_to(master_key_id))
            except InvalidTag:
                pass
        raise ConfigError(f"{SETTING}: the master key {master_key_id} does not open under {self._source}")


def read_file(path_text: str, data_dir: Path) -> LocalWrapper:
    """Take the wrapping key from a file: base64 of 32 bytes, for its owner alone, outside the data folder.

    Raises:
        ConfigError: it cannot be read, is open to others, lies beside what it protects, or holds no key.
    """
    path = Path(path_text)
    if not path.is_absolute():
        raise ConfigError(f"{SETTING}: file: needs an absolute path")
    # Whoever copies the data folder, a backup for instance, would copy the key to it as well.
    if path.resolve().is_relative_to(data_dir.resolve()):
        raise ConfigError(f"{SETTING}: {path} lies in the data folder, whose master keys it is to protect; keep it elsewhere")
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode  # of what was opened, not of what the name leads to later
            data = file.read(_MOST)
    except OSError as error:
        raise ConfigError(f"{SETTING}: cannot read {path}: {error.strerror}") from None
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise ConfigError(f"{SETTING}: {path} must be a file that only its owner can read (chmod 600)")
    return LocalWrapper(_read_key(data, str(path)), source=str(path))


def read_variable(name: str, environ: Mapping[str, str]) -> LocalWrapper:
    """Take the wrapping key from an environment variable: base64 of 32 bytes.

    Raises:
        ConfigError: the name is none, or the variable is absent or holds no key.
    """
    if not _NAME.fullmatch(name) or name.startswith("COUNTERSEAL_"):
        raise ConfigError(f"{SETTING}: env: needs the name of a variable, which must not begin with COUNTERSEAL_")
    value = environ.get(name)
    if not value:
        raise ConfigError(f"{SETTING}: the variable {name} is not set")
    return LocalWrapper(_read_key(value.encode("utf-8", "surrogateescape"), name), source=f"the variable {name}")


def _read_key(data: bytes, place: str) -> bytes:
    try:
        key = base64.b64decode(data.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != WRAPPING_KEY_BYTES:
        raise ConfigError(f"{SETTING}: {place} must hold {WRAPPING_KEY_BYTES} random bytes in base64, and nothing else")
    return key


def _bound_to(master_key_id: str) -> bytes:
    return _PURPOSE + master_key_id.encode("ascii")
