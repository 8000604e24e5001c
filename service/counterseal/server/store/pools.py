"""Pools of connections to a database server: limits, and what is done about connections that died while nobody used them."""

import select
import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, exc
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

# Connections are replaced after so many seconds, in time for load balancers and password changes to matter.
_RECYCLE_SECONDS: Final = 1800
_FRESH: Final = "counterseal_fresh"
_MADE: Final = "counterseal_made"

# Makes a connection out of the driver's arguments.
Connect = Callable[[dict[str, Any]], Any]


def writers_beside(pool: int) -> int:
    """Return how many connections write when so many read: changes are rare, and wait for one another anyway."""
    return max(1, pool // 4)


class Losses:
    """When a connection to the database was lost last. Shared by its pools: what one has found out costs the other nothing."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def note(self) -> None:
        """Take every connection made until now for lost."""
        self._last = time.monotonic()

    def since(self, made: float) -> bool:
        """Say whether one was lost after a connection was made."""
        return self._last >= made


def pooled_engine(
    url: URL,
    *,
    connect: Connect,
    descriptor: Callable[[Any], int],
    losses: Losses,
    size: int,
    timeout: float,
    isolation: str,
    **options: Any,
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
        record.info.update({_FRESH: True, _MADE: time.monotonic()})
        return connect(cparams)

    def checkout(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
        # A connection just made is believed: whatever waits to be read is part of the greeting.
        if record.info.pop(_FRESH, False):
            return
        if losses.since(record.info[_MADE]) or _hung_up(connection, descriptor):
            raise exc.DisconnectionError  # the pool connects anew, and the request goes on

    event.listen(engine, "do_connect", do_connect)
    event.listen(engine, "checkout", checkout)
    return engine


def leave_lost(engine: Engine, losses: Losses, is_useless: Callable[[exc.DBAPIError], bool]) -> None:
    """Note lost connections, and leave those that answer and are of no use.

    `is_useless` says so of an error: the server is read-only since a failover, or what was prepared there fails for good.
    """

    def handle(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if isinstance(error, exc.DBAPIError) and is_useless(error):
            context.is_disconnect = True
        if context.is_disconnect:
            losses.note()

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
