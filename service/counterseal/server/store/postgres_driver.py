"""psycopg's connections with a limit of time on our side, and SQLAlchemy's dialect for whatever calls itself PostgreSQL.

Imported only when the extra `postgres` is installed.
"""

import math
import time
from collections.abc import Callable, Generator
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, String
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

# What the server is to give up before we do, so that the connection is kept.
_SERVER_SHARE: Final = 0.8
# libpq knows no shorter limit for connecting.
_SHORTEST_CONNECT: Final = 2
_ASSUMED_VERSION: Final = (13, 0)


class _TypeCompiler(PGTypeCompiler):
    def visit_VARCHAR(self, type_: String, **kw: Any) -> str:  # noqa: N802  # SQLAlchemy's name
        if getattr(self.dialect, "collates_by_bytes", False):
            type_ = String(type_.length)
        return super().visit_VARCHAR(type_, **kw)


class Dialect(PGDialect_psycopg):
    """SQLAlchemy refuses servers that do not call themselves PostgreSQL; CockroachDB is one.

    It compares texts byte by byte as they are, and refuses columns with the collation "C".
    """

    supports_statement_cache = True
    type_compiler_cls = _TypeCompiler
    collates_by_bytes = False

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        try:
            found: tuple[int, ...] = super()._get_server_version_info(connection)  # type: ignore[no-untyped-call]
            return found
        except AssertionError:
            self.collates_by_bytes = True
            return _ASSUMED_VERSION


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that is closed when an answer takes longer than `limit` seconds; None: no limit.

    A server that was stopped, or a firewall that lost its memory, says nothing at all: neither the server's own timeouts nor
    TCP's help against a peer whose kernel still acknowledges.
    """

    limit: float | None = None

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """See psycopg. Its wait wakes up ten times a second even when nothing arrives."""
        if self.limit is None:
            return super().wait(gen, *args, **kwargs)
        return super().wait(self._limited(gen, time.monotonic() + self.limit), *args, **kwargs)

    def _limited(self, gen: Generator[Any, Any, Any], end: float) -> Generator[Any, Any, Any]:
        try:
            state = next(gen)
            while True:
                ready = yield state
                state = gen.send(ready)
                if not ready and time.monotonic() > end:
                    gen.close()
                    self.pgconn.finish()
                    raise psycopg.OperationalError("no answer in time")
        except StopIteration as stopped:
            return stopped.value


def connector(timeout: float, *, prepare: bool) -> Callable[[dict[str, Any]], LimitedConnection]:
    """Return what makes connections out of libpq's parameters. Those of the URL win over ours.

    `prepare` False: no prepared statements, which a pool in between in transaction mode would lose.
    """

    def connect(cparams: dict[str, Any]) -> LimitedConnection:
        threshold = {} if prepare else {"prepare_threshold": None}
        connection = LimitedConnection.connect(**{**_defaults(cparams, timeout), **threshold, **cparams, "autocommit": True})
        try:
            connection.limit = timeout
            _set_up(connection, timeout)
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _defaults(cparams: dict[str, Any], timeout: float) -> dict[str, Any]:
    hosts = str(cparams.get("host") or "").count(",") + 1
    return {
        "connect_timeout": max(_SHORTEST_CONNECT, int(timeout / hosts)),
        "keepalives_idle": math.ceil(timeout),
        "keepalives_interval": math.ceil(timeout / 3),
        "keepalives_count": 3,
        "tcp_user_timeout": max(1, int(timeout * 1000)),
        # A standby may be behind, and would answer verified for a key that is revoked.
        "target_session_attrs": "read-write",
        "client_encoding": "utf8",
        "application_name": "counterseal",
    }


def _set_up(connection: LimitedConnection, timeout: float) -> None:
    """Set the session's limits. Not by libpq's `options`: pgbouncer lets few of those pass."""
    limit = max(1, int(timeout * 1000 * _SERVER_SHARE))
    connection.execute(
        f"SET statement_timeout = {limit}; SET lock_timeout = {limit};"
        # A replica that is stopped inside a transaction would keep every other one from changing anything.
        f"SET idle_in_transaction_session_timeout = {max(1, int(timeout * 1000))};"
        # What is acknowledged is on the disk, whatever the server's default; stricter settings stay as they are.
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit', true) = 'off'"
    )
