"""The high-water mark: how far this server has seen its store come, kept outside the store, in the data folder or where
`COUNTERSEAL_HIGH_WATER_FILE` says.

A store that has gone back, because an older backup was restored, or because a server took over that lacks what was
acknowledged, does not know of keys that were revoked since. Nothing inside it can tell. So whoever remembers more stops, until
somebody has looked and said so (`counterseal db accept-restore`).
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from counterseal.server.errors import ConfigError
from counterseal.server.private_file import make_once, replace

FILE_NAME: Final = "high-water"


@dataclass(frozen=True, slots=True, kw_only=True)
class HighWaterMark:
    """The greatest number of a change seen, the hash of the audit chain there (hex; empty before there was one), and in which
    incarnation of the store.
    """

    sequence: int
    hash: str
    incarnation: int = 0


class HighWaterFile:
    """The mark as it lies on the disk. Several processes may share it; it never goes down but by `accept`."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path

    def read(self) -> HighWaterMark | None:
        """Return the mark, None where nothing is remembered yet.

        Raises:
            ConfigError: the file cannot be read, or holds something else.
        """
        try:
            text = self.path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"COUNTERSEAL_HIGH_WATER_FILE: cannot read {self.path}: {error.strerror}") from None
        with contextlib.suppress(ValueError, TypeError, KeyError):
            return _mark(json.loads(text))
        raise ConfigError(
            f"COUNTERSEAL_HIGH_WATER_FILE: {self.path} holds no high-water mark; it tells whether the key store was put back "
            f"as it was earlier; find out what happened to it, then remove it"
        )

    def check_folder(self) -> None:
        """Raise ConfigError where no mark could ever be kept. A full disk may have room again, so nothing is written."""
        with self._locked():
            if not os.access(self.path.parent, os.W_OK | os.X_OK):
                raise ConfigError(f"COUNTERSEAL_HIGH_WATER_FILE: {self.path.parent} is not for this user to write")

    def raise_to(self, mark: HighWaterMark) -> None:
        """Remember `mark`, unless more is remembered already. Raises ConfigError."""
        with self._locked():
            there = self.read()
            if there is None or (there.incarnation, there.sequence) < (mark.incarnation, mark.sequence):
                self._write(mark)

    def accept(self, mark: HighWaterMark) -> None:
        """Remember `mark`, whatever was remembered. Raises ConfigError."""
        with self._locked():
            self._write(mark)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            folder = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise ConfigError(f"COUNTERSEAL_HIGH_WATER_FILE: cannot open {self.path.parent}: {error.strerror}") from None
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
            except OSError as error:  # some network file systems know no locks
                raise ConfigError(f"COUNTERSEAL_HIGH_WATER_FILE: cannot lock {self.path.parent}: {error.strerror}") from None
            yield
        finally:
            os.close(folder)

    def _write(self, mark: HighWaterMark) -> None:
        try:
            data = (json.dumps(asdict(mark)) + "\n").encode("ascii")
            # Both as a whole: under `kill -9` the old mark is there or the new one.
            if self.path.exists():
                replace(self.path, data)
            else:
                make_once(self.path, lambda: data)
        except OSError as error:
            raise ConfigError(f"COUNTERSEAL_HIGH_WATER_FILE: cannot write {self.path}: {error.strerror}") from None


def _mark(values: Any) -> HighWaterMark:
    mark = HighWaterMark(sequence=values["sequence"], hash=values["hash"], incarnation=values["incarnation"])
    if not (type(mark.sequence) is int and type(mark.incarnation) is int and bytes.fromhex(mark.hash) is not None):
        raise ValueError("no high-water mark")
    return mark
