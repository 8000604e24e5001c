"""The ring of master keys, open: one seals, all of them open. How it lies in a file, and wrapped: `ring_file`, `ring_text`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from counterseal.server.errors import ConfigError
from counterseal.server.keys.ring_file import SETTING, read_ring
from counterseal.server.keys.ring_text import RingEntry, entries_text, new_entry, open_entry, read_entries
from counterseal.server.keys.wrapping import SETTING as WRAPPING
from counterseal.server.keys.wrapping import KeyWrapper
from counterseal.server.private_file import make_once

FILE_NAME: Final = "master.keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKeys:
    """Master keys by id, 32 bytes each. `active` is the id of the one that seals."""

    active: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def open(cls, entries: Sequence[RingEntry], wrapper: KeyWrapper | None, source: str = SETTING) -> "MasterKeys":
        """Open the entries of a ring, of which there must be one at least; the first is active.

        Raises:
            ConfigError: a wrapped one cannot be opened; or one is not wrapped, and there is a wrapper.
            StoreUnavailable: the wrapper does not answer.
        """
        for entry in entries if wrapper is not None else ():
            # Wrapping vouches for an entry as well. Whoever can write the ring, and not wrap, would add a master key of his
            # own: as the active one, to read what is sealed from then on; behind, to forge rows.
            if not entry.wrapped:
                raise ConfigError(
                    f"{source}: the master key {entry.key_id} lies in plain text, and {WRAPPING} is set; "
                    f"if it is yours, run `counterseal master-keys rewrap`"
                )
        keys = {entry.key_id: open_entry(entry, wrapper, source) for entry in entries}
        return cls(active=entries[0].key_id, keys=keys)

    @classmethod
    def parse(cls, text: str, source: str = SETTING, *, wrapper: KeyWrapper | None = None) -> "MasterKeys":
        """Read and open a ring's text.

        Raises:
            ConfigError: names `source` and the entry by number; never quotes an entry.
            StoreUnavailable: the wrapper does not answer.
        """
        return cls.open(read_entries(text, source), wrapper, source)

    @classmethod
    def generate(cls) -> "MasterKeys":
        """Return a ring of one new key from the system's generator."""
        return cls.open([new_entry(None)], None)

    @classmethod
    def load(cls, path: Path, *, wrapper: KeyWrapper | None = None) -> "MasterKeys":
        """Read and open a ring's file.

        Raises:
            ConfigError: there is no such file, it is readable by others than its owner, or its text cannot be read.
            StoreUnavailable: the wrapper does not answer.
        """
        return cls.open(read_ring(path), wrapper, f"{SETTING}: {path}")

    @classmethod
    def load_or_create(cls, path: Path, *, wrapper: KeyWrapper | None = None) -> "MasterKeys":
        """Read the file, or make it with one new key, mode 0600, wrapped if there is a wrapper.

        Of processes that start at once, all use the same key.

        Raises:
            ConfigError: as `load`; also when the file cannot be made, or the wrapper does not wrap.
            StoreUnavailable: the wrapper does not answer.
        """
        try:
            make_once(path, lambda: entries_text([new_entry(wrapper)]).encode("ascii"))
        except OSError as error:
            raise ConfigError(f"{SETTING}: cannot make {path}: {error.strerror}") from None
        return cls.load(path, wrapper=wrapper)

    def text(self) -> str:
        """Return the ring as a file holds it without wrapping. This is the secret itself."""
        ids = [self.active, *(key_id for key_id in self.keys if key_id != self.active)]
        return entries_text(RingEntry(key_id=key_id, wrapped=False, material=self.keys[key_id]) for key_id in ids)
