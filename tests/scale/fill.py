"""A key store with very many keys: made by the real issuer and journal, whose statements are run a thousand at a time."""

from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, insert, select, update

from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.aws_sigv4 import Credentials
from counterseal.server.assembly.at_rest import open_at_rest
from counterseal.server.config import Config
from counterseal.server.issuer import Issuer
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import AuditEntry, KeyDraft, KeyRecord, StoredKey
from counterseal.server.store.rows import stored_values
from counterseal.server.store.tables import AUDIT, CHANGE_SEQUENCE, KEYS

_BATCH = 1000


class Rows:
    """Stands for a connection: keeps the rows that the journal writes, and the head of its chain."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.connect() as connection:
            found = connection.execute(select(CHANGE_SEQUENCE.c.value, CHANGE_SEQUENCE.c.hash)).one()
        self._head = SimpleNamespace(value=found.value, hash=found.hash)
        self._audit: list[dict[str, Any]] = []
        self._keys: list[dict[str, Any]] = []

    def execute(self, statement: Any, values: dict[str, Any] | None = None) -> Any:
        if values is None:
            return SimpleNamespace(one=lambda: self._head)
        if "number" in values:
            self._head = SimpleNamespace(value=values["number"], hash=values["digest"])
        else:
            assert statement.table is AUDIT
            self._audit.append(values)
        return None

    def add(self, key: dict[str, Any]) -> None:
        self._keys.append(key)
        if len(self._keys) == _BATCH:
            self.write()

    def write(self) -> None:
        if not self._keys:
            return
        with self._engine.begin() as connection:
            connection.execute(insert(AUDIT), self._audit)
            connection.execute(insert(KEYS), self._keys)
            connection.execute(update(CHANGE_SEQUENCE).values(value=self._head.value, hash=self._head.hash))
        self._audit, self._keys = [], []


class NoRing:
    """Nobody verifies meanwhile."""

    def find(self, key_id: str) -> None:
        raise NotImplementedError

    def evict(self, key_id: str) -> None:
        pass

    def evict_all(self) -> None:
        pass

    def holds(self, opened: object) -> bool:
        raise NotImplementedError


def fill(config: Config, number: int, *, wanted: int, say: Callable[[str], None] = print) -> list[Credentials]:
    """Make `number` keys in the store of `config`; return the credentials of `wanted` of them, spread evenly."""
    with ExitStack() as parts:
        store, cipher, *_ = open_at_rest(config, parts)
        rows = _catch(store)
        issuer = Issuer(
            store=store,
            cipher=cipher,
            ring=NoRing(),
            schemes={"aws-sigv4": BUILT_IN["aws-sigv4"]},
            clock=lambda: 1_790_000_000.0,
            revoke_bound=1,
        )
        found: list[Credentials] = []
        every = max(1, number // wanted)
        for index in range(number):
            issued = issuer.issue(KeyDraft(principal=f"principal-{index}"), actor="fill")
            if index % every == 0 and len(found) < wanted:
                found.append(Credentials(key_id=issued.record.key_id, secret=issued.secret.encode()))
            if index and index % 100_000 == 0:
                say(f"{index} keys made")
        rows.write()
    return found


def _catch(store: KeyStore) -> Rows:
    """Have the store hand its rows over instead of writing each by itself."""
    rows = Rows(store.database.writes)

    def add(stored: StoredKey, entry: AuditEntry) -> KeyRecord:
        connection: Any = rows
        rows.add(stored_values(stored) | {"changed": store.journal.record(connection, entry)})
        return stored.record

    store.insert = add  # type: ignore[method-assign]
    return rows
