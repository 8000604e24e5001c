"""A database that does not work means "nobody knows": StoreUnavailable, with a text that may be shown."""

import contextlib
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import exc

from counterseal.server.errors import ServiceError, StoreUnavailable
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import KeyQuery, SealSwap
from tests.store import samples

OPERATIONS: dict[str, Callable[[KeyStore], object]] = {
    "ping": lambda store: store.ping(),
    "read_key": lambda store: store.read_key("key-1"),
    "find_issued": lambda store: store.find_issued("a", "r"),
    "list_keys": lambda store: store.list_keys(KeyQuery()),
    "insert": lambda store: store.insert(samples.stored("new"), samples.entry("new")),
    "change": lambda store: store.change("key-1", samples.moved),
    "read_keys_after": lambda store: store.read_keys_after("", 1),
    "swap_sealed": lambda store: store.swap_sealed([SealSwap(key_id="key-1", old=b"sealed", new=b"x")]),
    "change_sequence": lambda store: store.change_sequence(),
    "read_meta": lambda store: store.read_meta("a"),
    "add_meta": lambda store: store.add_meta("a", b""),
    "drop_meta": lambda store: store.drop_meta("a"),
    "read_audit": lambda store: store.read_audit("key-1"),
    "upgrade": lambda store: store.upgrade(),
}
WRITES = ("insert", "change", "swap_sealed", "add_meta", "drop_meta", "upgrade")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


@pytest.fixture
def opened(path: Path) -> Iterator[KeyStore]:
    store = samples.open_store(f"sqlite:///{path}", timeout=0.2)
    store.upgrade()
    store.insert(samples.stored(), samples.entry())
    yield store
    store.close()


def unavailable(operation: Callable[[KeyStore], object], store: KeyStore) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        operation(store)
    assert isinstance(caught.value, ServiceError)
    assert "keys.db" not in str(caught.value)
    assert "SELECT" not in str(caught.value)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_folder_that_does_not_exist(name: str, tmp_path: Path) -> None:
    store = samples.open_store(f"sqlite:///{tmp_path}/absent/keys.db", timeout=0.2)
    unavailable(OPERATIONS[name], store)
    store.close()


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "upgrade"])
def test_a_file_that_does_not_exist_is_not_made_anew(name: str, path: Path) -> None:
    store = samples.open_store(f"sqlite:///{path}", timeout=0.2)
    unavailable(OPERATIONS[name], store)
    assert not path.exists()
    store.close()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_file_that_is_no_database(name: str, path: Path) -> None:
    path.write_bytes(b"not a database, whatever its name says " * 1000)
    path.chmod(0o600)
    store = samples.open_store(f"sqlite:///{path}", timeout=0.2)
    unavailable(OPERATIONS[name], store)
    store.close()


@pytest.mark.parametrize("name", [name for name in WRITES if name != "upgrade"])  # what is up to date is only read
def test_another_process_that_holds_the_lock(name: str, opened: KeyStore, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        unavailable(OPERATIONS[name], opened)
        assert opened.read_key("key-1") is not None  # readers are not kept waiting
        other.execute("ROLLBACK")
    OPERATIONS[name](opened)


@pytest.mark.parametrize("name", [*(name for name in WRITES if name != "upgrade"), "ping"])
def test_a_file_removed_under_open_connections_acknowledges_nothing(name: str, opened: KeyStore, path: Path) -> None:
    opened.read_key("key-1")
    away = path.with_name("away.db")
    path.rename(away)
    unavailable(OPERATIONS[name], opened)
    away.rename(path)
    OPERATIONS[name](opened)
    opened.ping()


def test_a_full_disk_acknowledges_nothing(opened: KeyStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # This process also writes down its secrets, in a file that may be past the limit by now.
    if "sitecustomize" in sys.modules:
        monkeypatch.setattr(sys.modules["sitecustomize"], "_FOLDER", None, raising=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(file.stat().st_size for file in path.parent.iterdir())
    done = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, hard))  # what a full disk is to a process
    try:
        with contextlib.suppress(StoreUnavailable):
            for number in range(1000):
                opened.insert(samples.stored(f"k{number}", description="x" * 1000), samples.entry(f"k{number}"))
                done.append(f"k{number}")
        assert len(done) < 1000
        assert opened.read_key("key-1") is not None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [found.record.key_id for found in opened.read_keys_after("k", 2000) if found.record.key_id[1] != "e"] == sorted(done)
    opened.insert(samples.stored("after"), samples.entry("after"))


@pytest.mark.parametrize("name", [name for name in WRITES if name != "upgrade"])
def test_a_file_that_may_only_be_read(name: str) -> None:
    folder = Path(tempfile.mkdtemp())  # outside of pytest's folder, which only its owner may enter
    path = folder / "keys.db"
    store = samples.open_store(f"sqlite:///{path}", timeout=0.2)
    store.upgrade()
    store.insert(samples.stored(), samples.entry())
    store.close()
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    try:
        with _unprivileged():
            unavailable(OPERATIONS[name], store)
            store.close()
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


@contextlib.contextmanager
def _unprivileged() -> Iterator[None]:
    """root may write everywhere; let this process be somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_all_connections_taken(opened: KeyStore) -> None:
    with contextlib.ExitStack() as taken:
        for _ in range(16):
            taken.enter_context(opened.database.reads.connect())
        unavailable(OPERATIONS["read_key"], opened)
    assert opened.read_key("key-1") is not None


def test_bugs_stay_bugs(opened: KeyStore) -> None:
    with opened.database.writes.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE keys RENAME TO elsewhere")
    with pytest.raises(exc.OperationalError):
        opened.read_key("key-1")
    with opened.database.writes.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE change_sequence RENAME TO nowhere")
    unavailable(OPERATIONS["ping"], opened)


def test_errors_of_the_driver_show_no_parameters(opened: KeyStore) -> None:
    with opened.database.writes.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE keys RENAME TO elsewhere")
    with pytest.raises(exc.OperationalError) as caught:
        opened.insert(samples.stored(sealed=b"very-secret-bytes"), samples.entry())
    assert "very-secret" not in str(caught.value)
