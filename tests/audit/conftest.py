"""A store with a trail of every kind of entry, and the service's own keys beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from counterseal.server.keys.audit_check import AuditCheck
from counterseal.server.keys.audit_key import arm_journal
from counterseal.server.store.audit_chain import AuditKey, ChainedEntry
from counterseal.server.store.audit_trail import AuditTrail
from counterseal.server.store.engine import KeyStore, open_store
from counterseal.server.store.records import AuditEntry, KeyChange, KeyDraft
from counterseal.server.store.tables import KEYS
from tests.store import samples, session_samples
from tests.store.caller_samples import add, caller_store, sealed
from tests.store.engines import ENGINES
from tests.store.rig import Rig

CIPHER = session_samples.CIPHER


@dataclass
class Ledger:
    """A store that something was done in. `problems` are those of the last `check`."""

    rig: Rig
    key: AuditKey = field(repr=False)
    problems: list[str] = field(default_factory=list)

    @property
    def store(self) -> KeyStore:
        return self.rig.store

    @property
    def trail(self) -> AuditTrail:
        return AuditTrail(self.store)

    def check(self) -> list[str]:
        self.problems = []
        report = AuditCheck(self.store, self.key, self.problems.append).run(CIPHER)
        assert report.problems == len(self.problems)
        return self.problems

    def entries(self) -> list[ChainedEntry]:
        return list(self.trail.entries())

    def key_sql(self, statement: str, key_id: str) -> int:
        """Run a statement on the table of keys, which `{keys}` stands for, for the key whose id is `:id`."""
        mysql = self.store.database.reads.dialect.name == "mysql"
        table = "`keys`" if mysql else "keys"
        return self.sql(statement.format(keys=table), id=key_id.encode() if mysql else key_id)

    def key_row(self, key_id: str) -> Mapping[str, Any]:
        with self.store.database.reads.connect() as connection:
            return dict(connection.execute(select(KEYS).where(KEYS.c.key_id == key_id)).mappings().one())

    def put_key(self, row: Mapping[str, Any]) -> None:
        """Put a key's row back as it was, or a removed one."""
        with self.store.database.writes.begin() as connection:
            connection.execute(KEYS.delete().where(KEYS.c.key_id == row["key_id"]))
            connection.execute(KEYS.insert().values(dict(row)))

    def sql(self, statement: str, **values: Any) -> int:
        """What somebody does who can write the database."""
        with self.store.database.writes.begin() as connection:
            return connection.execute(text(statement), values).rowcount

    def row(self, table: str, where: str, **values: Any) -> dict[str, Any]:
        with self.store.database.reads.connect() as connection:
            return dict(connection.execute(text(f"SELECT * FROM {table} WHERE {where}"), values).mappings().one())

    def put(self, table: str, row: dict[str, Any], where: str) -> None:
        """Put a row back as it was."""
        columns = ", ".join(f"{name} = :{name}" for name in row)
        assert self.sql(f"UPDATE {table} SET {columns} WHERE {where}", **row) == 1


def lease(key_id: str, tenant: str) -> AuditEntry:
    return AuditEntry(time=samples.NOON, actor="gate", action="lease", key_id=key_id, tenant=tenant, detail={"scope": "a/b"})


@pytest.fixture(params=sorted(ENGINES))
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    store = open_store(ENGINES[request.param](tmp_path), timeout=60)
    store.upgrade()
    rig = Rig(store, cipher=CIPHER)
    yield Ledger(rig, arm_journal(store, CIPHER))
    rig.flight.close()
    store.close()


@pytest.fixture
def ledger(empty: Ledger) -> Ledger:
    """Three keys; one was updated, one revoked; signing keys were leased, and a caller was made."""
    rig = empty.rig
    ids = []
    for tenant in ("default", "other", "other"):
        rig.clock.now += 1
        ids.append(rig.issuer.issue(KeyDraft(tenant=tenant, description="ä \U0001f511 x"), actor="me").record.key_id)
    rig.clock.now += 1
    rig.issuer.update(KeyChange(key_id=ids[0], etag="", mask=frozenset({"principal"}), principal="p"), actor="me")
    rig.store.note(lease(ids[1], "other"))
    add(caller_store(rig.store), sealed(CIPHER, "c"))
    rig.clock.now += 1
    rig.issuer.revoke(ids[1], "leaked", actor="me")
    rig.store.note(lease(ids[0], "default"))
    assert empty.check() == []
    return empty
