"""The settings file as it was when it was last found good.

A crashed worker is replaced by one with the same settings, whatever is being edited meanwhile; and all workers of a reload read
the same text. What the file names (certificates, master keys) is read anew by each worker.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from counterseal.server.errors import ConfigError

_VARIABLE: Final = "COUNTERSEAL_CONFIG"


class Snapshot:
    """A copy of the settings file, for this process and those that it hands the copy to. `path` of None: there is no file."""

    def __init__(self, path: Path | None) -> None:
        """Raise ConfigError when the file cannot be read."""
        self.path = path
        self._copy: IO[bytes] | None = None
        if path is None:
            return
        try:
            text = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{_VARIABLE}: cannot read {path}: {error.strerror}") from None
        # It may hold secrets. In memory where there is such a thing; else a file without a name.
        in_memory = hasattr(os, "memfd_create")
        self._copy = os.fdopen(os.memfd_create("counterseal"), "w+b") if in_memory else tempfile.TemporaryFile()  # noqa: SIM115
        self._copy.write(text)
        self._copy.flush()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Snapshot":
        """Take a copy of the file that the environment names, if it names one.

        Raises:
            ConfigError: it cannot be read.
        """
        return cls(Path(environ[_VARIABLE]) if environ.get(_VARIABLE) else None)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a process needs to inherit to read the copy."""
        return () if self._copy is None else (self._copy.fileno(),)

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a process that reads the copy in place of the file."""
        if self._copy is None:
            return dict(environ)
        self._copy.seek(0)
        return {**environ, _VARIABLE: self._name()}

    def named(self, text: str) -> str:
        """Return an error's text with the name of the file instead of that of the copy."""
        return text if self.path is None else text.replace(self._name(), str(self.path))

    def close(self) -> None:
        """Let go of the copy. Processes that inherited it keep theirs."""
        if self._copy is not None:
            self._copy.close()

    def _name(self) -> str:
        return "".join(f"/dev/fd/{descriptor}" for descriptor in self.descriptors)
