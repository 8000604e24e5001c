"""The file of a ring: read exactly, and changed by one process at a time, as a whole or not at all."""

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from counterseal.server.errors import ConfigError
from counterseal.server.keys.ring_text import RingEntry, entries_text, read_entries
from counterseal.server.private_file import make_once, replace

SETTING: Final = "COUNTERSEAL_MASTER_KEYS"
_MOST_BYTES: Final = 256 * 1024


def read_ring(path: Path) -> tuple[RingEntry, ...]:
    """Read a file of entries; the first is active.

    Raises:
        ConfigError: there is no such file, it is readable by others than its owner, or its text cannot be read.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode  # of what was opened, not of what the name leads to later
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{SETTING}: cannot read {path}: {error.strerror}") from None
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise ConfigError(f"{SETTING}: {path} must be a file that only its owner can read (chmod 600)")
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{SETTING}: {path} has more than {_MOST_BYTES} bytes")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise ConfigError(f"{SETTING}: {path} is not ASCII text") from None
    return read_entries(text, f"{SETTING}: {path}")


@contextmanager
def changing(path: Path, *, absent: bool = False) -> Iterator[tuple[RingEntry, ...]]:
    """Give the ring as it is, while nobody else changes it. Waits for whoever does. With `absent`, it may be empty.

    Raises:
        ConfigError: as `read_ring`; or the file is a link, which would be replaced and not followed.
    """
    try:
        # The folder is what is locked: the file is replaced, and a lock on it would go with the old one.
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError(f"{SETTING}: cannot open {path.parent}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.is_symlink():
            raise ConfigError(f"{SETTING}: {path} is a link; change the ring where it leads to")
        yield () if absent and not path.exists() else read_ring(path)
    finally:
        os.close(descriptor)


def write_ring(path: Path, entries: Sequence[RingEntry]) -> None:
    """Put the entries in the file's place; on the disk when this returns. Only inside `changing`.

    Raises:
        ConfigError: the file cannot be written; the old one is in place.
    """
    data = entries_text(entries).encode("ascii")
    try:
        if path.exists():
            replace(path, data)
            return
        make_once(path, lambda: data)  # a server that starts for the first time makes one too: it is not replaced
    except OSError as error:
        raise ConfigError(f"{SETTING}: cannot write {path}: {error.strerror}") from None
    if read_ring(path) != tuple(entries):
        raise ConfigError(f"{SETTING}: {path} was made by another process at the same moment; try again")
