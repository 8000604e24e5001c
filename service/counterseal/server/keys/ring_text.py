"""A ring of master keys as text: entries `id:base64`, or `id:wrapped:base64`, separated by commas or line ends."""

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from counterseal.server.errors import ConfigError
from counterseal.server.keys.wrapping import SETTING, KeyWrapper

MASTER_KEY_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_WRAPPED: Final = "wrapped:"
# Of a wrapped key. AWS KMS makes about 200 bytes of 32, and says that it never makes more than 6144.
_MOST_WRAPPED_BYTES: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class RingEntry:
    """One master key as it stands in a ring. `material` is the key itself (32 bytes) or, if `wrapped`, the wrapped key."""

    key_id: str
    wrapped: bool
    material: bytes = field(repr=False)

    def text(self) -> str:
        """Return the entry as a ring holds it. Unless it is wrapped, this is the secret itself."""
        return f"{self.key_id}:{_WRAPPED if self.wrapped else ''}{base64.b64encode(self.material).decode()}"


def is_master_key_id(text: str) -> bool:
    """Say whether `text` is 1 to 32 characters of `[A-Za-z0-9._-]`, a letter or a digit first."""
    return _ID.fullmatch(text) is not None


def read_entries(text: str, source: str) -> tuple[RingEntry, ...]:
    """Read the entries in their order; the first is active.

    Raises:
        ConfigError: names `source` and the entry by number; never quotes an entry.
    """
    entries: dict[str, RingEntry] = {}
    parts = [part.strip() for part in re.split(r"[,\n]", text)]
    for number, part in enumerate((part for part in parts if part), 1):
        entry = _read_entry(part, f"{source}: entry {number}")
        if entry.key_id in entries:
            raise ConfigError(f"{source}: entry {number}: its id is there twice")
        entries[entry.key_id] = entry
    if not entries:
        raise ConfigError(f"{source}: holds no master key")
    return tuple(entries.values())


def entries_text(entries: Iterable[RingEntry]) -> str:
    """Return the ring as a file holds it."""
    return "".join(f"{entry.text()}\n" for entry in entries)


def new_entry(wrapper: KeyWrapper | None, key_id: str | None = None) -> RingEntry:
    """Return a new master key from the system's generator, wrapped if there is a wrapper; its id is made up unless given.

    Raises:
        ConfigError, StoreUnavailable: as `make_entry`.
    """
    key_id = f"mk-{secrets.token_hex(4)}" if key_id is None else key_id
    return make_entry(key_id, secrets.token_bytes(MASTER_KEY_BYTES), wrapper)


def make_entry(key_id: str, key: bytes, wrapper: KeyWrapper | None) -> RingEntry:
    """Return the entry of a key, wrapped if there is a wrapper, and opened again: who may encrypt may not be let decrypt.

    Raises:
        ConfigError: the wrapper refuses, or does not give back what it was given.
        StoreUnavailable: the wrapper does not answer.
    """
    if wrapper is None:
        return RingEntry(key_id=key_id, wrapped=False, material=key)
    wrapped = wrapper.wrap(key, master_key_id=key_id)
    if not 0 < len(wrapped) <= _MOST_WRAPPED_BYTES:
        raise ConfigError(f"{SETTING}: a wrapped key has 1 to {_MOST_WRAPPED_BYTES} bytes, and this one has {len(wrapped)}")
    if not hmac.compare_digest(wrapper.unwrap(wrapped, master_key_id=key_id), key):
        raise ConfigError(f"{SETTING}: what was wrapped for the master key {key_id} does not unwrap to the same key")
    return RingEntry(key_id=key_id, wrapped=True, material=wrapped)


def open_entry(entry: RingEntry, wrapper: KeyWrapper | None, source: str) -> bytes:
    """Return the master key in an entry.

    Raises:
        ConfigError: it is wrapped and there is no wrapper, or not one that opens it.
        StoreUnavailable: the wrapper does not answer.
    """
    if not entry.wrapped:
        return entry.material
    if wrapper is None:
        raise ConfigError(f"{source}: the master key {entry.key_id} is wrapped, and {SETTING} is not set")
    key = wrapper.unwrap(entry.material, master_key_id=entry.key_id)
    if len(key) != MASTER_KEY_BYTES:
        raise ConfigError(f"{SETTING}: the master key {entry.key_id} has {len(key)} bytes instead of {MASTER_KEY_BYTES}")
    return key


def _read_entry(text: str, place: str) -> RingEntry:
    key_id, colon, encoded = text.partition(":")
    if not colon or not is_master_key_id(key_id):
        raise ConfigError(f"{place}: must be id:base64 or id:wrapped:base64, the id 1 to 32 characters of [A-Za-z0-9._-]")
    wrapped = encoded.startswith(_WRAPPED)
    try:
        material = base64.b64decode(encoded.removeprefix(_WRAPPED), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"{place}: what follows the colon is not base64") from None
    if wrapped and not 0 < len(material) <= _MOST_WRAPPED_BYTES:
        raise ConfigError(f"{place}: a wrapped key has 1 to {_MOST_WRAPPED_BYTES} bytes, and this one has {len(material)}")
    if not wrapped and len(material) != MASTER_KEY_BYTES:
        raise ConfigError(f"{place}: the key has {len(material)} bytes instead of {MASTER_KEY_BYTES}")
    return RingEntry(key_id=key_id, wrapped=wrapped, material=material)
