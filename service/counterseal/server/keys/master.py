"""The ring of master keys: one seals, all of them open."""

import base64
import binascii
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from counterseal.server.errors import ConfigError
from counterseal.server.private_file import make_once

MASTER_KEY_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SETTING: Final = "COUNTERSEAL_MASTER_KEYS"


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKeys:
    """Master keys by id, 32 bytes each. `active` is the id of the one that seals."""

    active: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str, source: str = _SETTING) -> "MasterKeys":
        """Read `id:base64` entries, separated by commas or line ends; the first is active.

        Raises:
            ConfigError: names `source` and the entry by number; never quotes an entry.
        """
        keys: dict[str, bytes] = {}
        entries = [entry.strip() for entry in re.split(r"[,\n]", text)]
        for number, entry in enumerate((entry for entry in entries if entry), 1):
            key_id, key = _read_entry(entry, f"{source}: entry {number}")
            if key_id in keys:
                raise ConfigError(f"{source}: entry {number}: its id is there twice")
            keys[key_id] = key
        if not keys:
            raise ConfigError(f"{source}: holds no master key")
        return cls(active=next(iter(keys)), keys=keys)

    @classmethod
    def generate(cls) -> "MasterKeys":
        """Return a ring of one new key from the system's generator."""
        key_id = f"mk-{secrets.token_hex(4)}"
        return cls(active=key_id, keys={key_id: secrets.token_bytes(MASTER_KEY_BYTES)})

    @classmethod
    def load(cls, path: Path) -> "MasterKeys":
        """Read a file of `id:base64` lines; the first is active.

        Raises:
            ConfigError: there is no such file, it is readable by others than its owner, or its text cannot be read.
        """
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode  # of what was opened, not of what the name leads to later
                data = file.read(64 * 1024)
        except OSError as error:
            raise ConfigError(f"{_SETTING}: cannot read {path}: {error.strerror}") from None
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise ConfigError(f"{_SETTING}: {path} must be a file that only its owner can read (chmod 600)")
        try:
            text = data.decode("ascii")
        except UnicodeDecodeError:
            raise ConfigError(f"{_SETTING}: {path} is not ASCII text") from None
        return cls.parse(text, f"{_SETTING}: {path}")

    @classmethod
    def load_or_create(cls, path: Path) -> "MasterKeys":
        """Read the file, or make it with one new key, mode 0600. Of processes that start at once, all use the same key.

        Raises:
            ConfigError: as `load`; also when the file cannot be made.
        """
        try:
            make_once(path, lambda: cls.generate().text().encode("ascii"))
        except OSError as error:
            raise ConfigError(f"{_SETTING}: cannot make {path}: {error.strerror}") from None
        return cls.load(path)

    def text(self) -> str:
        """Return the ring as a file holds it. This is the secret itself."""
        ids = [self.active, *(key_id for key_id in self.keys if key_id != self.active)]
        return "".join(f"{key_id}:{base64.b64encode(self.keys[key_id]).decode()}\n" for key_id in ids)


def is_master_key_id(text: str) -> bool:
    """Say whether `text` is 1 to 32 characters of `[A-Za-z0-9._-]`, a letter or a digit first."""
    return _ID.fullmatch(text) is not None


def _read_entry(entry: str, place: str) -> tuple[str, bytes]:
    key_id, colon, encoded = entry.partition(":")
    if not colon or not is_master_key_id(key_id):
        raise ConfigError(f"{place}: must be id:base64, the id 1 to 32 characters of [A-Za-z0-9._-]")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"{place}: what follows the colon is not base64") from None
    if len(key) != MASTER_KEY_BYTES:
        raise ConfigError(f"{place}: the key has {len(key)} bytes instead of {MASTER_KEY_BYTES}")
    return key_id, key
