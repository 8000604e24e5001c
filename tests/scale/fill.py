"""A key store with very many keys: made by the real issuer, but a thousand to a transaction."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar

from sqlalchemy import Connection

from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.aws_sigv4 import Credentials
from counterseal.server.assembly.at_rest import open_at_rest
from counterseal.server.config import Config
from counterseal.server.issuer import Issuer
from counterseal.server.store.records import KeyDraft
from counterseal.server.store.transactions import Transactions

T = TypeVar("T")
_BATCH = 1000


class Batches(Transactions):
    """Keeps a transaction open for a thousand writes."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self._engine = database.writes
        self._connection: Connection | None = None
        self._writes = 0

    def writing(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.begin()
        done = work(self._connection)
        self._writes += 1
        if self._writes % _BATCH == 0:
            self.finish()
        return done

    def finish(self) -> None:
        if self._connection is not None:
            self._connection.commit()
            self._connection.close()
            self._connection = None


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
        store.transactions = batches = Batches(store.database)
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
        batches.finish()
    return found
