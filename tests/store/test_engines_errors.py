"""Which errors mean "nobody knows", which that a transaction met another one, and which that the code is wrong."""

import threading
from collections.abc import Callable
from typing import Any, cast

import psycopg
import pymysql
import pytest
from sqlalchemy import Connection, exc, select, text

from counterseal.server.store import mysql, postgres, postgres_driver
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.tables import KEYS
from tests.store import samples
from tests.store.engines import SERVERS
from tests.support.mariadb import shared_mariadb
from tests.support.postgres import shared_postgres


def raised(error: Exception, base: type[Exception]) -> exc.DBAPIError:
    made = exc.DBAPIError.instance("SELECT 1", {}, error, base)
    assert isinstance(made, exc.DBAPIError)
    return made


def of_postgres(state: str) -> exc.DBAPIError:
    return raised(psycopg.errors.lookup(state)("text"), psycopg.Error)


@pytest.mark.parametrize(
    "state",
    ["08006", "28P01", "3D000", "40001", "40P01", "53100", "53300", "57014", "57P01", "57P03", "58030", "XX001", "25006",
     "55P03", "42501", "25P03", "26000"],
)  # fmt: skip
def test_postgres_is_out_of_order(state: str) -> None:
    assert postgres.is_outage(of_postgres(state))


@pytest.mark.parametrize("state", ["42601", "42P01", "42703", "23505", "23502", "22001", "22P02", "22021", "0A000", "42883"])
def test_the_code_is_wrong_on_postgres(state: str) -> None:
    assert not postgres.is_outage(of_postgres(state))


@pytest.mark.parametrize(("kind", "outage"), [(psycopg.OperationalError, True), (psycopg.InterfaceError, True),
                                              (psycopg.ProgrammingError, False), (psycopg.DataError, False)])  # fmt: skip
def test_of_errors_without_a_state_psycopg_speaks(kind: type[psycopg.Error], outage: bool) -> None:
    assert postgres.is_outage(raised(kind("text"), psycopg.Error)) is outage


def of_mysql(number: int) -> exc.DBAPIError:
    kind = pymysql.err.error_map.get(number, pymysql.err.InternalError if number < 1000 else pymysql.err.OperationalError)
    return raised(kind(number, "text"), pymysql.err.Error)


@pytest.mark.parametrize(
    "number",
    [3, 28, 1021, 1030, 1037, 1040, 1041, 1044, 1045, 1047, 1049, 1053, 1114, 1129, 1130, 1142, 1152, 1158, 1159, 1160, 1161,
     1203, 1205, 1213, 1226, 1290, 1317, 1792, 1836, 1927, 1969, 2003, 2006, 2013, 2055, 3024, 4031, 8022, 9001,
     9002, 9005, 9007],
)  # fmt: skip
def test_mysql_is_out_of_order(number: int) -> None:
    assert mysql.is_outage(of_mysql(number))


@pytest.mark.parametrize("number", [1048, 1050, 1054, 1060, 1061, 1062, 1064, 1146, 1264, 1292, 1364, 1366, 1406, 1452])
def test_the_code_is_wrong_on_mysql(number: int) -> None:
    assert not mysql.is_outage(of_mysql(number))


def test_of_errors_without_a_number_pymysql_speaks() -> None:
    for kind, outage in ((pymysql.err.InterfaceError, True), (pymysql.err.ProgrammingError, False)):
        assert mysql.is_outage(raised(kind("text"), pymysql.err.Error)) is outage


def test_a_statement_that_is_wrong_stays_a_bug(store: KeyStore) -> None:
    for statement in ("SELECT nothing FROM nowhere", "SELEKT 1"):
        with pytest.raises(exc.DBAPIError), store.transactions.reading() as connection:
            connection.execute(text(statement))
    assert store.change_sequence() == 0


def test_two_transactions_that_deadlock_are_both_done_in_the_end() -> None:
    """One is undone by the server, and begun anew by us."""
    for shared in (shared_postgres, shared_mariadb):
        store = samples.open_store(shared().new_database(), timeout=120)
        store.upgrade()
        for key_id in ("one", "two"):
            store.insert(samples.stored(key_id), samples.entry(key_id))
        deadlock(store)
        store.close()


def deadlock(store: KeyStore) -> None:
    both = threading.Barrier(2, timeout=60)
    runs: list[str] = []
    done: list[object] = []

    def lock(first: str, second: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            runs.append(first)
            lock_row(connection, first)
            if runs.count(first) == 1:
                both.wait()
            lock_row(connection, second)

        return work

    def run(work: Callable[[Connection], None]) -> None:
        store.transactions.writing(work)
        done.append(work)

    threads = [threading.Thread(target=run, args=(lock(*ids),)) for ids in (("one", "two"), ("two", "one"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 2, "an error came out"
    assert len(runs) >= 3, "none of the two was undone"


def lock_row(connection: Connection, key_id: str) -> None:
    connection.execute(select(KEYS.c.key_id).where(KEYS.c.key_id == key_id).with_for_update()).one()


def test_a_read_is_one_round_trip_on_mariadb() -> None:
    store = samples.open_store(shared_mariadb().new_database(), timeout=60, pool=1)
    store.upgrade()

    def asked() -> int:
        with store.database.reads.connect() as connection:
            return int(connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Questions'").one()[1])

    before = asked()
    for _ in range(10):
        store.read_key("key-1")
    assert asked() - before == 11
    store.close()


def test_a_read_is_one_round_trip_on_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    store = samples.open_store(shared_postgres().new_database(), timeout=60, pool=1)
    store.upgrade()
    store.read_key("key-1")
    waited = []
    plain = postgres_driver.LimitedConnection.wait

    def wait(self: postgres_driver.LimitedConnection, *args: Any, **kwargs: Any) -> Any:
        waited.append(1)
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(postgres_driver.LimitedConnection, "wait", wait)
    for _ in range(10):
        store.read_key("key-1")
    assert len(waited) == 10
    store.close()


def test_sessions_are_strict_and_limited() -> None:
    store = samples.open_store(shared_mariadb().new_database(), timeout=5)
    for engine, autocommit in ((store.database.reads, 1), (store.database.writes, 0)):
        with engine.connect() as connection:
            row = connection.exec_driver_sql(
                "SELECT @@sql_mode, @@autocommit, @@tx_isolation, @@innodb_lock_wait_timeout, @@max_statement_time, "
                "@@idle_transaction_timeout, @@character_set_client"
            ).one()
        assert "STRICT_ALL_TABLES" in row[0]
        assert tuple(row[1:4]) == (autocommit, "REPEATABLE-READ" if autocommit else "READ-COMMITTED", 4)
        assert (float(row[4]), int(row[5]), row[6]) == (4.0, 5, "utf8mb4")
    store.close()
    store = samples.open_store(shared_postgres().new_database(), timeout=5)
    names = (
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "synchronous_commit",
        "client_encoding",
    )
    with store.database.writes.connect() as connection:
        shown = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"
    assert shown == ["4s", "4s", "5s", "on", "UTF8"]
    store.close()


def test_commits_are_durable_whatever_the_default_of_the_database() -> None:
    server = shared_postgres()
    url = server.new_database()
    name = url.rpartition("/")[2]
    for default, used in (("off", "on"), ("remote_apply", "remote_apply")):
        server.execute(f"ALTER DATABASE {name} SET synchronous_commit = {default}")
        store = samples.open_store(url, timeout=5)
        with store.database.writes.connect() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == used
        store.close()


@pytest.mark.parametrize("engine", SERVERS)
def test_the_pool_is_as_large_as_it_is_set(engine: str) -> None:
    url = (shared_postgres() if engine == "postgres" else shared_mariadb()).new_database()
    store = samples.open_store(url, timeout=5, pool=8)
    sizes = [made.pool.size() for made in (store.database.reads, store.database.writes)]  # type: ignore[attr-defined]
    assert sizes == [8, 2]
    store.close()


def test_a_server_that_does_not_call_itself_postgresql_is_taken_for_one() -> None:
    class Says:
        def exec_driver_sql(self, statement: str) -> "Says":
            return self

        def scalar(self) -> str:
            return "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu)"

    dialect: Any = cast(Any, postgres_driver.Dialect)()
    compiled = KEYS.c.key_id.type.compile(dialect)
    assert compiled == 'VARCHAR(128) COLLATE "C"'
    assert dialect._get_server_version_info(Says()) == (13, 0)
    # CockroachDB compares byte by byte as it is, and makes no columns with the collation that says so.
    assert KEYS.c.key_id.type.compile(dialect) == "VARCHAR(128)"
