"""Migrations that are cut off, that meet, and that run while a server of the release before goes on serving."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from counterseal.core.model import KeyKind
from counterseal.server.errors import ConfigError
from counterseal.server.keys.audit_check import AuditCheck
from counterseal.server.keys.seal import ENVELOPES
from counterseal.server.store import schema
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import KeyQuery
from counterseal.server.store.tables import METADATA
from tests.store import samples
from tests.store.engines import ENGINES
from tests.store.session_samples import CIPHER, add_principal, begin, principal, principal_store, session_store
from tests.support.mariadb import shared_mariadb
from tests.support.postgres import shared_postgres
from tests.support.require import require, require_program

ROOT = Path(__file__).parents[2]
# The last ones whose servers know these schemas, and the engines that they were released for.
RELEASES_BEFORE = {"0002": "b528721", "0003": "1e4c800"}
SCHEMAS_BEFORE = [("0002", "sqlite"), *(("0003", engine) for engine in sorted(ENGINES))]

# Upgrades, and kills itself before its nth statement that changes anything.
CUT_OFF = """
import os, signal, sys
from sqlalchemy import event
from counterseal.server.store.engine import open_store
store, left = open_store(sys.argv[1], timeout=60), int(sys.argv[2])
def count(connection, cursor, statement, *rest):
    global left
    if statement.split()[0] in {"CREATE", "ALTER", "INSERT", "UPDATE", "DELETE", "COMMIT"}:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
event.listen(store.database.writes, "before_cursor_execute", count)
store.upgrade()
"""


@pytest.mark.timeout(900)
def test_an_upgrade_killed_again_and_again_goes_on(store_url: str) -> None:
    kills = 0
    for allowed in range(2, 200, int(os.environ.get("COUNTERSEAL_TEST_MIGRATION_STEP", "9"))):
        run = subprocess.run(
            [sys.executable, "-c", CUT_OFF, store_url, str(allowed)], capture_output=True, timeout=300, check=False
        )
        if run.returncode == 0:
            break
        assert (run.returncode, run.stderr) == (-9, b"")
        kills += 1
    assert kills >= 2
    store = samples.open_store(store_url, timeout=60)
    store.upgrade()
    with store.database.writes.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA) == []
    assert store.read_meta(schema.COMPATIBLE_NAME) == {schema.COMPATIBLE_NAME: schema.COMPATIBLE_FROM.encode()}
    store.insert(samples.stored(), samples.entry())
    assert store.change_sequence() == 1
    store.close()


def test_mariadb_keeps_everything_in_innodb() -> None:
    server = shared_mariadb()
    server.execute("SET GLOBAL default_storage_engine = 'Aria'")
    try:
        url = server.new_database()
        store = samples.open_store(url, timeout=60)
        store.upgrade()
        name = url.rpartition("/")[2]
        found = server.execute(f"SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = '{name}'")
        assert found == [("InnoDB",)]
        store.close()
    finally:
        server.execute("SET GLOBAL default_storage_engine = 'InnoDB'")


def test_a_mariadb_connection_is_as_it_was_after_an_upgrade() -> None:
    """The limits that a migration takes off are put back, and its lock is free."""
    store = samples.open_store(shared_mariadb().new_database(), timeout=5)
    limits = "SELECT @@max_statement_time, @@innodb_lock_wait_timeout, @@sql_mode, IS_FREE_LOCK(%(lock)s)"
    lock = None
    with store.database.writes.connect() as connection:
        from counterseal.server.store.mysql import _lock_name

        lock = {"lock": _lock_name(connection)}
        before = connection.exec_driver_sql(limits, lock).one()
    store.upgrade()
    with store.database.writes.connect() as connection:
        assert connection.exec_driver_sql(limits, lock).one() == before
        assert before[3] == 1
        assert float(before[0]) == 4
        driver: Any = connection.connection.driver_connection
        assert driver._read_timeout == 5
    store.close()


def test_a_postgres_connection_is_as_it_was_after_an_upgrade() -> None:
    store = samples.open_store(shared_postgres().new_database(), timeout=5)
    store.upgrade()
    with store.database.writes.connect() as connection:
        shown = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in ("statement_timeout", "lock_timeout")]
        driver: Any = connection.connection.driver_connection
        assert (shown, driver.limit) == (["4s", "4s"], 5)
    store.close()


def test_a_postgres_database_of_another_encoding_is_refused() -> None:
    server = shared_postgres()
    url = server.new_database()
    name = url.rpartition("/")[2]
    server.execute(f"DROP DATABASE {name}")
    server.execute(f"CREATE DATABASE {name} OWNER counterseal TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    store = samples.open_store(url, timeout=5)
    with pytest.raises(ConfigError, match="UTF8"):
        store.upgrade()
    store.close()


# What a server of the release before does, a line of JSON for each: it was started on its own schema, and is not restarted.
BEFORE = """
import dataclasses, datetime as dt, json, sys
from counterseal.core.model import KeyState
from counterseal.server.store.engine import open_store
from counterseal.server.store.records import AuditEntry, KeyQuery, KeyRecord, StoredKey
NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
store = open_store(sys.argv[1], timeout=60)
if hasattr(store, "journal"):
    from counterseal.server.store.audit_chain import AuditKey
    store.journal.arm(AuditKey(key=b"tests alone have this audit key."))
def entry(key_id, action, time=NOON):
    return AuditEntry(time=time, actor="before", action=action, key_id=key_id, tenant="default", request_id="r")
def insert(key_id):
    record = KeyRecord(key_id=key_id, tenant="default", principal="before", description="", labels={},
        allowed_schemes=frozenset(), state=KeyState.ACTIVE, not_before=None, expires=None, created=NOON, updated=NOON,
        revoked=None, revoke_reason="", etag="", has_security_token=False)
    stored = StoredKey(record=record, secret_version=1, sealed_secret=b"sealed", security_token_sha256=None)
    store.insert(stored, entry(key_id, "issue"))
def disable(key_id):
    def edit(stored):
        now = stored.next_update(NOON) if hasattr(stored, "next_update") else NOON
        record = dataclasses.replace(stored.record, state=KeyState.DISABLED, updated=now)
        return dataclasses.replace(stored, record=record), entry(key_id, "update", now)
    store.change(key_id, edit)
def read(key_id):
    found = store.read_key(key_id)
    return None if found is None else [found.record.principal, found.record.state.value, found.sealed_secret.hex()]
def listed():
    return [record.key_id for record in store.list_keys(KeyQuery()).records]
def audit(key_id):
    return [found.action for _, found in store.read_audit(key_id)]
def upgrade():
    store.upgrade()
def sequence():
    return store.change_sequence()
print("ready", flush=True)
for line in sys.stdin:
    name, *args = json.loads(line)
    print(json.dumps(globals()[name](*args)), flush=True)
"""


class Before:
    """A process of the release before."""

    def __init__(self, service: Path, url: str) -> None:
        env = os.environ | {"PYTHONPATH": str(service)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", BEFORE, url], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def __call__(self, *words: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(words), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


@dataclass(frozen=True)
class Old:
    """A release before on an empty database, in a process of its own."""

    schema: str
    url: str
    run: Before


@pytest.fixture(params=SCHEMAS_BEFORE, ids="-".join)
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Old]:
    revision, engine = request.param
    git, commit = require_program("git"), RELEASES_BEFORE[revision]
    packed = subprocess.run([git, "-C", str(ROOT), "archive", commit, "service"], capture_output=True, check=False)
    require(packed.returncode == 0, "no history of git that reaches back to the release before")
    subprocess.run([shutil.which("tar") or "tar", "-x", "-C", str(tmp_path)], input=packed.stdout, check=True)
    url = ENGINES[engine](tmp_path)
    started = Before(tmp_path / "service", url)
    yield Old(revision, url, started)
    started.process.kill()
    started.process.communicate()


def test_a_server_of_the_release_before_goes_on_through_the_upgrade(before: Old) -> None:
    before.run("upgrade")
    before.run("insert", "old-1")
    store = samples.open_store(before.url, timeout=60)
    with store.database.reads.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == before.schema
    store.upgrade()
    check_both_ways(before.run, store)
    if before.schema == "0003":
        check_what_it_does_not_know(before.run, store)
    store.close()


def check_what_it_does_not_know(before: Before, store: KeyStore) -> None:
    """A session changes no key that the older server knows of, and its own keys are read there and open for nobody."""
    principals, sessions = principal_store(store), session_store(store)
    add_principal(principals, principal("x" * 128, "t" * 64))
    begin(sessions, "S1", "of-session")
    before("insert", "old-3")
    assert before("sequence") == store.change_sequence() == 9
    assert before("read", "of-session")[1] == "ACTIVE"
    sealed = bytes.fromhex(before("read", "of-session")[2])
    assert sealed[0] == ENVELOPES[KeyKind.SYMMETRIC, 2]  # which that release does not know
    problems: list[str] = []
    AuditCheck(store, samples.AUDIT_KEY, problems.append).run(CIPHER)
    assert {problem.partition(":")[0] for problem in problems} <= {"key new-1", "key old-1", "key old-2", "key old-3"}


def check_both_ways(before: Before, store: KeyStore) -> None:
    """What each writes, the other reads; numbers go on, whoever counts."""
    assert before("read", "old-1") == ["before", "ACTIVE", b"sealed".hex()]
    before("insert", "old-2")
    before("disable", "old-1")
    found = store.read_key("old-1")
    assert found is not None
    assert found.record.state.value == "DISABLED"
    store.insert(samples.stored("new-1", principal="after"), samples.entry("new-1"))
    assert before("read", "new-1") == ["after", "ACTIVE", b"sealed".hex()]
    before("disable", "new-1")
    assert before("listed") == ["new-1", "old-1", "old-2"]
    assert before("audit", "new-1") == ["issue", "update"]
    assert before("sequence") == store.change_sequence() == 5
    assert [record.key_id for record in store.list_keys(KeyQuery()).records] == ["new-1", "old-1", "old-2"]
