"""Writing down that a store which went back to an earlier state is accepted as it is."""

from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select

from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import AuditEntry, ChainHead
from counterseal.server.store.tables import CHANGE_SEQUENCE, META


def write_acceptance(
    store: KeyStore, entry: AuditEntry, name: str, seal: Callable[[ChainHead], bytes], *, skip: int
) -> ChainHead:
    """Write `entry` and, in the same transaction, the single value `name` made of where the store then is; return that.

    `skip` leaves numbers out, so that none is given twice that was given in what was lost. Raises StoreUnavailable.
    """

    def work(connection: Connection) -> ChainHead:
        number = store.journal.record(connection, entry, skip=skip)
        digest = connection.execute(select(CHANGE_SEQUENCE.c.hash).where(CHANGE_SEQUENCE.c.id == 1)).scalar_one()
        head = ChainHead(sequence=number, hash=digest)
        connection.execute(delete(META).where(META.c.name == name))
        connection.execute(insert(META).values(name=name, value=seal(head)))
        return head

    return store.transactions.writing(work)
