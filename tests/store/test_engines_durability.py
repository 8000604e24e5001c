"""kill -9 of the database, or of the service, in the middle of changes: what was acknowledged is there, and nothing by half."""

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import select

from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.store.tables import CHANGE_SEQUENCE
from tests.store import samples
from tests.store.engines import SERVERS
from tests.store.test_durability import check_acknowledged, check_all, run_and_kill
from tests.support.mariadb import MariaDB, running_mariadb, shared_mariadb
from tests.support.postgres import Postgres, running_postgres, shared_postgres

pytestmark = pytest.mark.timeout(900)
Server = Postgres | MariaDB
ROUNDS = int(os.environ.get("COUNTERSEAL_TEST_DATABASE_KILLS", "3"))
# Acknowledgements, for every kind of change to be among them.
ENOUGH = 60
START: dict[str, Callable[[], contextlib.AbstractContextManager[Server]]] = {
    "mariadb": running_mariadb,
    "postgres": running_postgres,
}
SHARED: dict[str, Callable[[], Server]] = {"mariadb": shared_mariadb, "postgres": shared_postgres}


@pytest.mark.parametrize("engine", SERVERS)
def test_killed_databases_lose_nothing_acknowledged(engine: str) -> None:
    master_keys = MasterKeys.generate()
    acknowledged: list[list[str]] = []
    with START[engine]() as server:
        url = server.new_database()
        for number in range(ROUNDS):
            acknowledged += run_until_killed(server, url, master_keys.text(), random.Random(number))
        print(f"{engine}: {len(acknowledged)} acknowledged over {ROUNDS} kills of the database")
        check(url, acknowledged, master_keys)


def run_until_killed(server: Server, url: str, master_keys: str, dice: random.Random) -> list[list[str]]:
    """Return the acknowledgements of a process that changes keys until its database is killed under it."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.store.durability_child", url, master_keys], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline().startswith(b"ready")
    lines = [child.stdout.readline() for _ in range(dice.randint(ENOUGH // ROUNDS, 60))]
    server.kill()
    rest, errors = child.communicate(timeout=250)
    assert b"StoreUnavailable" in errors.splitlines()[-1], errors
    server.start()
    return [line.decode().split() for line in (*lines, *rest.splitlines(keepends=True)) if line.endswith(b"\n")]


@pytest.mark.parametrize("engine", SERVERS)
def test_killed_services_lose_nothing_acknowledged(engine: str) -> None:
    url, master_keys = SHARED[engine]().new_database(), MasterKeys.generate()
    acknowledged: list[list[str]] = []
    kills = 0
    while kills < ROUNDS or len(acknowledged) < ENOUGH:
        acknowledged += run_and_kill(url, master_keys.text())
        kills += 1
    check(url, acknowledged, master_keys)


def check(url: str, acknowledged: list[list[str]], master_keys: MasterKeys) -> None:
    store = samples.open_store(url, timeout=60)
    store.upgrade()
    with store.database.writes.begin() as connection:  # what was being committed for a killed process is committed now
        connection.execute(select(CHANGE_SEQUENCE.c.value).with_for_update()).one()
    assert len(acknowledged) >= ENOUGH
    check_acknowledged(store, acknowledged, SecretCipher(master_keys))
    check_all(store, SecretCipher(master_keys))
    store.close()
