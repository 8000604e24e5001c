"""PyMySQL's connections: addresses tried in order, limits of time, a strict session.

Imported only when the extra `mysql` is installed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pymysql
from pymysql.constants import CR
from sqlalchemy import URL

from counterseal.server.errors import ConfigError
from counterseal.server.store import mysql_tls

_PORT: Final = 3306
# What the server is to give up before we do, so that the connection is kept.
_SERVER_SHARE: Final = 0.8
# Nothing is cut off, replaced by something near it, or put into another kind of table without an error.
_SQL_MODE: Final = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
# How long MySQL, which knows nothing finer, leaves a replica alone that was stopped inside a transaction. Idle connections go
# with it; they are replaced without a failed request.
_IDLE_SECONDS: Final = 30
_PARAMETERS: Final = frozenset({"bind_address", "charset", "program_name", "unix_socket"})
_ATTRIBUTES: Final = frozenset({"read-write", "any"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a URL asks for. `url` is without what SQLAlchemy does not know; `addresses` is empty for a Unix socket."""

    url: URL
    addresses: tuple[tuple[str, int], ...]
    writable: bool
    tls: Mapping[str, object] = field(repr=False)


def read_url(url: URL) -> Plan:
    """Read our own parameters out of the URL: `host`, any number of times, and `target_session_attrs`, as libpq calls them.

    Raises:
        ConfigError: a parameter is unknown or wrong.
    """
    query = dict(url.query)
    hosts = query.pop("host", ())
    wanted = query.pop("target_session_attrs", "read-write")
    if wanted not in _ATTRIBUTES:
        raise ConfigError("COUNTERSEAL_DATABASE_URL: target_session_attrs must be read-write or any")
    for name, value in query.items():
        if name not in _PARAMETERS | mysql_tls.NAMES or not isinstance(value, str):
            raise ConfigError(f"COUNTERSEAL_DATABASE_URL: for MySQL, there is no parameter {name!r}, or no second one")
    tls = mysql_tls.read_tls({name: str(query.pop(name)) for name in list(query) if name in mysql_tls.NAMES})
    named = (hosts,) if isinstance(hosts, str) else hosts
    addresses = tuple(_read_address(text) for text in named)
    if url.host or (not addresses and "unix_socket" not in query):
        addresses = ((url.host or "localhost", url.port or _PORT), *addresses)
    plain = url.set(drivername="mysql+pymysql", host=None, port=None, query=query)
    return Plan(url=plain, addresses=addresses, writable=wanted == "read-write", tls=tls)


def _read_address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or (host.startswith("[") and text.endswith("]")):
        host, port = text, str(_PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ConfigError("COUNTERSEAL_DATABASE_URL: each host must be written as host or host:port")
    return host, int(port)


def connect(plan: Plan, cparams: Mapping[str, Any], timeout: float) -> "pymysql.Connection[Any]":
    """Return a connection to the first address that answers and takes changes.

    Raises:
        pymysql.OperationalError: none of them does.
    """
    given = {**cparams, **_encoded_password(cparams), **plan.tls, "charset": "utf8mb4"}
    last: Exception | None = None
    for where in [{"host": host, "port": port} for host, port in plan.addresses] or [{}]:
        # The addresses share the timeout while connecting.
        share = timeout / max(1, len(plan.addresses))
        limits = {"connect_timeout": share, "read_timeout": share, "write_timeout": timeout}
        try:
            connection = pymysql.connect(**{**given, **limits, **where})
        except pymysql.OperationalError as error:
            last = error
            continue
        try:
            if _set_up(connection, timeout) or not plan.writable:
                # Connecting is over; from here on the limit is for answers.
                connection._read_timeout = timeout  # type: ignore[attr-defined]
                return connection
        except pymysql.OperationalError as error:
            last = error
        except BaseException:
            connection.close()
            raise
        connection.close()
    raise last or pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, "no server takes changes: all are read-only")


def _encoded_password(cparams: Mapping[str, Any]) -> dict[str, bytes]:
    # PyMySQL would encode a text as Latin-1.
    password = cparams.get("password")
    return {"password": password.encode()} if isinstance(password, str) else {}


def _set_up(connection: "pymysql.Connection[Any]", timeout: float) -> bool:
    """Set the session's limits; say whether the server takes changes."""
    limit, seconds = timeout * _SERVER_SHARE, max(1, math.ceil(timeout))
    settings = {
        "sql_mode": f"'{_SQL_MODE}'",
        "innodb_lock_wait_timeout": max(1, math.floor(limit)),
        "lock_wait_timeout": max(1, math.floor(limit)),
    }
    # A replica that is stopped inside a transaction would keep every other one from changing anything.
    if "mariadb" in str(connection.get_server_info()).lower():  # type: ignore[no-untyped-call]
        settings |= {"max_statement_time": f"{limit:.3f}", "idle_transaction_timeout": seconds}
    else:
        settings |= {"max_execution_time": max(1, int(limit * 1000)), "wait_timeout": max(_IDLE_SECONDS, 2 * seconds)}
    with connection.cursor() as cursor:
        cursor.execute("SET " + ", ".join(f"SESSION {name} = {value}" for name, value in settings.items()))
        cursor.execute("SELECT @@global.read_only")
        (row,) = cursor.fetchall()
    # MariaDB 12 has names in the place of 1.
    return str(row[0]).upper() in {"0", "OFF", "NONE"}
