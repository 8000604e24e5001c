"""A disk that can be full: a tmpfs of a few megabytes where mounting is permitted, else a limit on the server's files."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

MEGABYTES = 12


class Disk(Protocol):
    """What a test does to it. `pid` is the process that writes."""

    real: bool

    def fill(self, pid: int) -> None: ...

    def free(self, pid: int) -> None: ...


class Tmpfs:
    """A file system of its own, filled to the last byte by a file beside the data."""

    real = True

    def __init__(self, mount: Path) -> None:
        self._ballast = mount / "ballast"

    def fill(self, pid: int) -> None:
        """Take all the room that there is; the server may take the last crumbs itself."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size) == size:
                        pass

    def free(self, pid: int) -> None:
        self._ballast.unlink(missing_ok=True)


class Limited:
    """No file of the process may grow beyond the largest one that there is: what a full disk is to a process."""

    real = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self, pid: int) -> None:
        sizes = [file.stat().st_size for file in self._folder.rglob("*") if file.is_file()]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(sizes), resource.RLIM_INFINITY))

    def free(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Make the folder a small disk, for as long as it is needed."""
    folder.mkdir(mode=0o700)
    size = f"size={MEGABYTES}m,mode=0700,uid={os.getuid()},gid={os.getgid()}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=False, capture_output=True)
    if mounted.returncode != 0:
        yield Limited(folder)
        return
    try:
        yield Tmpfs(folder)
    finally:
        # Lazily: a killed process may hold its files for a moment.
        subprocess.run(["umount", "-l", str(folder)], check=True)
