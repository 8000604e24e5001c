"""All ids are loaded in the background; until then, and whenever changes may have been missed, nothing is sure."""

import threading
import time
from collections.abc import Sequence

import pytest

from counterseal.server.errors import StoreUnavailable
from counterseal.server.keys import id_loader
from counterseal.server.keys.id_loader import IdLoader
from counterseal.server.keys.known import KnownIds


class Store:
    """Holds ids. `gate` stops reading, `down` lets it fail."""

    def __init__(self, *ids: str) -> None:
        self.ids = sorted(ids)
        self.gate = threading.Event()
        self.gate.set()
        self.down = False
        self.reads = 0
        self.reading = threading.Event()

    def read(self, after: str, limit: int) -> Sequence[str]:
        self.reads += 1
        self.reading.set()
        assert self.gate.wait(30)
        if self.down:
            raise StoreUnavailable("down")
        return [key_id for key_id in self.ids if key_id > after][:limit]


def until(condition) -> None:  # type: ignore[no-untyped-def]
    for _ in range(3000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came true")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_loader, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(id_loader, "_PAGE", 2)


def test_all_pages_are_loaded() -> None:
    ids, store = KnownIds(), Store("a", "b", "c", "d", "e")
    loader = IdLoader(ids, read_ids=store.read, is_fresh=lambda: True)
    assert not loader.is_sure()
    loader.start()
    until(loader.is_sure)
    assert all(key_id in ids for key_id in "abcde")
    assert "f" not in ids
    loader.close()


def test_nothing_is_loaded_before_the_feed_runs_nor_sure_when_it_is_late() -> None:
    fresh = [False]
    ids, store = KnownIds(), Store("a")
    loader = IdLoader(ids, read_ids=store.read, is_fresh=lambda: fresh[0])
    loader.start()
    threading.Event().wait(0.1)
    assert store.reads == 0
    fresh[0] = True
    until(loader.is_sure)
    fresh[0] = False
    assert not loader.is_sure()
    loader.close()


def test_an_outage_while_loading_is_tried_again() -> None:
    ids, store = KnownIds(), Store("a")
    store.down = True
    loader = IdLoader(ids, read_ids=store.read, is_fresh=lambda: True)
    loader.start()
    until(lambda: store.reads > 2)
    assert not loader.is_sure()
    store.down = False
    until(loader.is_sure)
    assert "a" in ids
    loader.close()


def test_what_is_forgotten_during_a_load_is_loaded_again() -> None:
    ids, store = KnownIds(), Store("a")
    store.gate.clear()
    loader = IdLoader(ids, read_ids=store.read, is_fresh=lambda: True)
    loader.start()
    assert store.reading.wait(30)
    loader.forget()
    store.ids.insert(0, "A")  # behind the reader's back
    store.gate.set()
    until(loader.is_sure)
    assert "A" in ids
    assert store.reads >= 4
    loader.close()


def test_closing_breaks_a_load_off_and_nothing_is_sure() -> None:
    ids, store = KnownIds(), Store("a", "b", "c")
    store.gate.clear()
    loader = IdLoader(ids, read_ids=store.read, is_fresh=lambda: True)
    loader.start()
    assert store.reading.wait(30)
    loader.close()
    store.gate.set()
    loader._thread.join(30)
    assert not loader.is_sure()


def test_it_goes_on_after_an_error_of_any_kind(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("counterseal.server.keys.id_loader._AGAIN_SECONDS", 0.01)
    errors: list[Exception] = [RuntimeError("a bug"), ValueError("another")]

    def read_ids(after: str, limit: int) -> list[str]:
        if errors:
            raise errors.pop()
        return [] if after else ["a"]

    known = KnownIds()
    loader = IdLoader(known, read_ids=read_ids, is_fresh=lambda: True)
    loader.start()
    end = time.monotonic() + 30
    while not loader.is_sure() and time.monotonic() < end:
        time.sleep(0.01)
    loader.close()
    assert "a" in known
