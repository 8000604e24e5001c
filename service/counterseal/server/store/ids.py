"""Reading all key ids, page by page."""

from collections.abc import Sequence

from sqlalchemy import select

from counterseal.server.store.database import Database
from counterseal.server.store.tables import KEYS
from counterseal.server.store.transactions import Transactions


class IdReader:
    """Reads key ids, those of revoked keys too."""

    def __init__(self, database: Database) -> None:
        self._transactions = Transactions(database)

    def read(self, after: str, limit: int) -> Sequence[str]:
        """Return so many ids in bytewise order, from behind `after` on.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        query = select(KEYS.c.key_id).where(KEYS.c.key_id > after).order_by(KEYS.c.key_id).limit(limit)
        with self._transactions.reading() as connection:
            return connection.execute(query).scalars().all()
