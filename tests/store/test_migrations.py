"""The schema: from nothing to now, whoever starts first, and never backwards."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event

from counterseal.server.errors import ConfigError
from counterseal.server.store import schema
from counterseal.server.store import sqlite as sqlite_engine
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.tables import METADATA
from tests.store import samples

UPGRADE = "import sys; from counterseal.server.store.engine import open_store; open_store(sys.argv[1], timeout=120).upgrade()"


def test_migrations_make_the_tables_that_the_code_uses(store: KeyStore) -> None:
    with store.database.writes.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_upgrading_twice_changes_nothing(store: KeyStore) -> None:
    store.insert(samples.stored(), samples.entry())
    store.upgrade()
    assert store.read_key("key-1") is not None


@pytest.mark.timeout(600)
def test_many_processes_may_start_at_once(store_url: str) -> None:
    starting = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, store_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in starting:
        out, err = process.communicate(timeout=250)
        assert (process.returncode, out, err) == (0, b"", b"")
    store = samples.open_store(store_url, timeout=60)
    store.ping()
    assert store.change_sequence() == 0
    store.close()


def test_a_new_file_that_another_process_is_busy_with_is_waited_for(tmp_path: Path) -> None:
    store = samples.open_store(f"sqlite:///{tmp_path}/keys.db", timeout=60)
    store.database.prepare()
    other = sqlite3.connect(tmp_path / "keys.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, other.execute, ("ROLLBACK",))
    done.start()
    store.upgrade()
    done.join()
    store.ping()
    store.close()
    other.close()


def of_a_later_release(store: KeyStore, compatible_from: bytes | None) -> None:
    with store.database.writes.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.drop_meta(schema.COMPATIBLE_NAME)
    if compatible_from is not None:
        store.add_meta(schema.COMPATIBLE_NAME, compatible_from)


@pytest.mark.parametrize("compatible_from", [None, b"", b"9998", b"yes!", b"00000", b"1"])
def test_a_newer_schema_is_refused_and_left_alone(store: KeyStore, store_url: str, compatible_from: bytes | None) -> None:
    of_a_later_release(store, compatible_from)
    later = samples.open_store(store_url, timeout=60)
    with pytest.raises(ConfigError, match=r"COUNTERSEAL_DATABASE_URL.*9999"):
        later.upgrade()
    later.close()
    with store.database.reads.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "9999"


def test_a_newer_schema_that_says_so_is_used(store: KeyStore, store_url: str) -> None:
    assert store.read_meta(schema.COMPATIBLE_NAME) == {schema.COMPATIBLE_NAME: schema.COMPATIBLE_FROM.encode()}
    of_a_later_release(store, schema.COMPATIBLE_FROM.encode())
    later = samples.open_store(store_url, timeout=60)
    later.upgrade()
    later.insert(samples.stored(), samples.entry())
    assert store.read_key("key-1") is not None
    later.close()


def test_an_upgrade_that_fails_halfway_leaves_nothing_behind(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keys.db"
    store = samples.open_store(url, timeout=60)

    def fail(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "CREATE TABLE meta" in statement:
            raise ZeroDivisionError

    event.listen(store.database.writes, "before_cursor_execute", fail)
    with pytest.raises(ZeroDivisionError):
        store.upgrade()
    event.remove(store.database.writes, "before_cursor_execute", fail)
    with sqlite3.connect(tmp_path / "keys.db") as plain:
        assert plain.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    plain.close()
    store.upgrade()
    store.ping()
    store.close()


def test_the_database_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    store = samples.open_store(f"sqlite:///{tmp_path}/odd #%25 name?.db".replace("?", "%3F"), timeout=60)
    store.upgrade()
    store.insert(samples.stored(), samples.entry())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    store.close()


def test_every_connection_is_durable(tmp_path: Path) -> None:
    store = samples.open_store(f"sqlite:///{tmp_path}/keys.db", timeout=7)
    store.upgrade()
    for engine in (store.database.reads, store.database.writes):
        with engine.connect() as connection:
            settings = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 7000}
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "oracle://u:hunter2@h/d",
        "postgresql://u:hunter2@h:port/d",
        "postgresql://u:hunter2@h/d?pasword=hunter2",
        "postgresql+asyncpg://u:hunter2@h/d",
        "postgresql+psycopg2://u:hunter2@h/d",
        "mysql://u:hunter2@h/d?pasword=hunter2",
        "mysql://u:hunter2@h/d?host=hunter2:port",
        "mysql://u:hunter2@h/d?target_session_attrs=hunter2",
        "mysql+mysqldb://u:hunter2@h/d",
        "sqlite+aiosqlite:///x.db",
        "sqlite:///x.db?timeout=3",
    ],
)
def test_urls_that_cannot_be_used_are_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigError, match="COUNTERSEAL_DATABASE_URL") as caught:
        samples.open_store(url, timeout=1)
    assert "hunter2" not in str(caught.value)


def test_misuse_is_no_outage() -> None:
    """The codes that stand for bugs are what the driver calls them."""
    names = ("SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_MISUSE", "SQLITE_RANGE")
    assert {getattr(sqlite3, name) for name in names} == sqlite_engine._OUR_FAULT
