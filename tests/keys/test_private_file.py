"""Files that hold a secret: made once, for their owner, and on the disk before anything relies on them."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from counterseal.server.private_file import make_once


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was brought to the disk, in order, as kinds of file."""
    kinds: list[str] = []
    really: Callable[[int], None] = os.fsync

    def fsync(descriptor: int) -> None:
        kinds.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return kinds


def test_made_for_its_owner_and_brought_to_the_disk(tmp_path: Path, synced: list[str]) -> None:
    path = tmp_path / "secret"
    make_once(path, lambda: b"one")
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o600
    assert synced == ["file", "folder"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_there_stays_and_its_name_is_on_the_disk(tmp_path: Path, synced: list[str]) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"one")
    make_once(path, lambda: pytest.fail("nothing is to be made"))
    assert path.read_bytes() == b"one"
    assert synced == ["folder"]


def test_whoever_comes_second_takes_what_the_first_made(tmp_path: Path, synced: list[str]) -> None:
    path = tmp_path / "secret"

    def overtaken() -> bytes:
        path.write_bytes(b"one")
        return b"two"

    make_once(path, overtaken)
    assert path.read_bytes() == b"one"
    assert synced == ["file", "folder"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        make_once(tmp_path / "secret", lambda: b"one")
    assert list(tmp_path.iterdir()) == []
