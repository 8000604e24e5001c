"""A copy of an SQLite database, of one moment, while others write."""

import contextlib
import os
import secrets
import sqlite3
from pathlib import Path
from urllib.parse import quote

from counterseal.server.errors import StoreUnavailable


def back_up(source: Path, target: Path) -> None:
    """Copy the database into a new file, for its owner alone, whole or not at all; on the disk when this returns.

    Raises:
        FileExistsError: `target` is there already.
        OSError: it cannot be written.
        StoreUnavailable: the database cannot be read, or the disk is full.
    """
    if target.exists():
        raise FileExistsError(target)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        _copy(source, draft)
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.link(draft, target)  # never replaces what somebody made meanwhile
    finally:
        draft.unlink()


def _copy(source: Path, draft: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{quote(str(source.absolute()))}?mode=ro", uri=True)) as here,
            contextlib.closing(sqlite3.connect(draft)) as there,
        ):
            # All pages in one step: one moment of the source, and writers are not held up.
            here.backup(there, pages=-1)
            # One file alone: without this, whoever opens the copy makes further files beside it.
            there.execute("PRAGMA journal_mode=DELETE").fetchall()
            found = there.execute("PRAGMA integrity_check").fetchall()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the key store cannot be copied: {error.args[0] if error.args else ''}") from error
    if found != [("ok",)]:
        raise StoreUnavailable("the copy of the key store is damaged; so is the key store, or the disk")
