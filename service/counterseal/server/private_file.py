"""Files that hold a secret, made at the first start."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def make_once(path: Path, content: Callable[[], bytes]) -> None:
    """Make the file for its owner alone, with its whole content or not at all, unless it is there already.

    Holds also under `kill -9`, and beside other processes that start at once: of several, one makes it. In every case the
    file's name is on the disk when this returns: what is about to depend on it must not outlive it.

    Raises:
        OSError: the file cannot be made, or its folder not be read.
    """
    if not path.exists():
        _make(path, content())
    _sync_folder(path.parent)


def _make(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # unlike rename, this never replaces what somebody else made and already relies on
    finally:
        draft.unlink()


def replace(path: Path, data: bytes) -> None:
    """Put a new file with this content in the place of one that is there, with its owner, for its owner alone.

    Under `kill -9` the name leads to the old file or to the new one, whole; the new one is on the disk when this returns.
    One process at a time: the draft has a fixed name, so that what a killed one leaves behind is gone after the next.

    Raises:
        OSError: the file cannot be written; the old one is in place.
    """
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    owner = path.stat()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # An administrator who is root must not take the file away from the service's own user.
            if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
