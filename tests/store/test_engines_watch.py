"""Hearing of changes: at once where the engine can, never later than asked for, and never in silence when it is gone."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.database import Watch
from counterseal.server.store.engine import KeyStore
from tests.store import samples
from tests.store.engines import ENGINES
from tests.support.postgres import shared_postgres
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

LONG = 120.0  # nobody waits so long: whoever returns was woken


@pytest.fixture
def watch(store: KeyStore) -> Iterator[Watch]:
    opened = store.database.watch()
    yield opened
    opened.close()


def woken(watch: Watch, seconds: float = LONG) -> bool:
    """Say whether the watch returned before its time."""
    began = time.monotonic()
    watch.wait(seconds)
    return time.monotonic() - began < seconds


def test_a_watch_returns_when_its_time_is_up(watch: Watch) -> None:
    assert not woken(watch, 0.05)


def test_a_watch_is_closed_by_another_thread(store: KeyStore) -> None:
    opened = store.database.watch()
    waiting = threading.Thread(target=opened.wait, args=(LONG,))
    waiting.start()
    time.sleep(0.05)
    opened.close()
    waiting.join(LONG / 2)
    assert not waiting.is_alive()
    opened.close()


@pytest.mark.parametrize("engine", ["postgres", "sqlite"])
def test_a_change_elsewhere_wakes(engine: str, tmp_path: Path) -> None:
    url = ENGINES[engine](tmp_path)
    store, other = samples.open_store(url, timeout=60), samples.open_store(url, timeout=10)
    store.upgrade()
    watch = store.database.watch()
    for number in range(3):
        other.insert(samples.stored(f"k{number}"), samples.entry(f"k{number}"))
        assert woken(watch)  # what came before is kept
        changed = threading.Timer(0.05, other.change, (f"k{number}", samples.moved))
        changed.start()
        assert woken(watch)
        changed.join()
    assert store.change_sequence() == 6
    for closing in (watch, store, other):
        closing.close()


def test_what_is_rolled_back_wakes_nobody_on_postgres() -> None:
    url = shared_postgres().new_database()
    store = samples.open_store(url, timeout=60)
    store.upgrade()
    store.insert(samples.stored(), samples.entry())
    watch = store.database.watch()

    def undone(connection: Connection) -> None:
        store.database.announce(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transactions.writing(undone)
    assert not woken(watch, 0.3)
    watch.close()
    store.close()


@pytest.fixture
def cuttable() -> Iterator[tuple[KeyStore, TcpProxy]]:
    server = shared_postgres()
    with tcp_proxy("127.0.0.1", server.port) as proxy:
        store = samples.open_store(proxy.through(server.new_database()), timeout=5)
        store.upgrade()
        yield store, proxy
        store.close()


@pytest.mark.parametrize("how", ["cut", "refuse", "drop", "hold"])
def test_a_listener_that_is_cut_off_says_so(cuttable: tuple[KeyStore, TcpProxy], how: str) -> None:
    store, proxy = cuttable
    watch = store.database.watch()
    getattr(proxy, how)()
    with pytest.raises(StoreUnavailable):
        watch.wait(LONG)
    watch.close()
    proxy.let_pass()
    again = store.database.watch()
    store.insert(samples.stored(), samples.entry())
    assert woken(again)
    again.close()


def test_a_quiet_listener_stays(cuttable: tuple[KeyStore, TcpProxy]) -> None:
    """It asks whether its connection lives after each quiet second, and the answer wakes nobody."""
    store, proxy = cuttable
    watch = store.database.watch()
    accepted = proxy.accepted
    assert not woken(watch, 2.5)
    store.insert(samples.stored(), samples.entry())
    assert woken(watch)
    assert proxy.accepted <= accepted + 1  # the writer's
    watch.close()


def test_no_watch_opens_on_a_database_that_is_gone(cuttable: tuple[KeyStore, TcpProxy], tmp_path: Path) -> None:
    store, proxy = cuttable
    proxy.refuse()
    with pytest.raises(StoreUnavailable):
        store.database.watch()
    with pytest.raises(StoreUnavailable):
        samples.open_store(f"sqlite:///{tmp_path}/absent.db", timeout=1).database.watch()


def test_a_file_removed_under_a_watch_is_an_outage(tmp_path: Path) -> None:
    store = samples.open_store(f"sqlite:///{tmp_path}/keys.db", timeout=1)
    store.upgrade()
    watch = store.database.watch()
    (tmp_path / "keys.db").rename(tmp_path / "away.db")
    with pytest.raises(StoreUnavailable):
        watch.wait(LONG)
    watch.close()
    store.close()


def test_without_listening_nothing_is_announced() -> None:
    url = shared_postgres().new_database()
    silent, listening = samples.open_store(url, timeout=60, listen=False), samples.open_store(url, timeout=10)
    silent.upgrade()
    watch, deaf = listening.database.watch(), silent.database.watch()
    silent.insert(samples.stored(), samples.entry())
    assert not woken(watch, 0.3)
    listening.change("key-1", samples.moved)
    assert not woken(deaf, 0.3)
    assert woken(watch)
    for closing in (watch, deaf, silent, listening):
        closing.close()
