"""Pools of connections to a database server: limits, and what is done about connections that died while nobody used them."""

import select
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, exc
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

# Connections are replaced after so many seconds, in time for load balancers and password changes to matter.
_RECYCLE_SECONDS: Final = 1800
_FRESH: Final = "counterseal_fresh"

# Makes a connection out of the driver's arguments.
Connect = Callable[[dict[str, Any]], Any]


def writers_beside(pool: int) -> int:
    """Return how many connections write when so many read: changes are rare, and wait for one another anyway."""
    return max(1, pool // 4)


def pooled_engine(
    url: URL, *, connect: Connect, descriptor: Callable[[Any], int], size: int, timeout: float, isolation: str, **options: Any
) -> Engine:
    """Return an engine of at most `size` connections; `timeout` seconds is the longest wait for a free one.

    `descriptor` returns a connection's socket, and raises when it has none any more.
    """
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=timeout,
        pool_recycle=_RECYCLE_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,  # sealed secrets and hashes do not belong into the text of an error
        isolation_level=isolation,
        # In AUTOCOMMIT there is nothing to roll back: a round trip less for each read.
        skip_autocommit_rollback=True,
        **options,
    )

    def do_connect(_: object, record: ConnectionPoolEntry, _args: object, cparams: dict[str, Any]) -> Any:
        record.info[_FRESH] = True
        return connect(cparams)

    def checkout(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
        # A connection just made is believed: whatever waits to be read is part of the greeting.
        if not record.info.pop(_FRESH, False) and _hung_up(connection, descriptor):
            raise exc.DisconnectionError  # the pool connects anew, and the request goes on

    event.listen(engine, "do_connect", do_connect)
    event.listen(engine, "checkout", checkout)
    return engine


def disconnect_on(engine: Engine, is_read_only: Callable[[exc.DBAPIError], bool]) -> None:
    """Leave a server that turned out to be read-only: after a failover another one takes the changes."""

    def handle(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if isinstance(error, exc.DBAPIError) and is_read_only(error):
            context.is_disconnect = True

    event.listen(engine, "handle_error", handle)


def _hung_up(connection: Any, descriptor: Callable[[Any], int]) -> bool:
    """Say whether there is something to read though nothing was asked: the server's last words, or the end of the stream.

    It costs no round trip, unlike a ping, and finds the connections of a server that was restarted. One that was cut silently
    looks alive; the timeouts are for that.
    """
    try:
        number = descriptor(connection)
    except Exception:  # of the driver's own kind: closed
        return True
    poller = select.poll()
    poller.register(number, select.POLLIN)
    return bool(poller.poll(0))
