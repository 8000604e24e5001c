"""Connections to Redis or Valkey, each of which knows whom it leads to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from counterseal.server.errors import ConfigError, ReplayGuardUnavailable
from counterseal.server.lanes import seconds_left

# How long a call waits for one answer, at most, whatever is configured for the store.
_MOST_SECONDS: Final = 1.0

Command = tuple[Any, ...]
# The answers, and the run id of the server that gave them.
Answered = tuple[list[Any], bytes]


class Exchanges(Protocol):
    """Speaks with one server, or with those of a cluster."""

    def exchange(self, commands: Sequence[Command], key: bytes) -> Answered:
        """Send commands in one piece to the server that has `key`; theirs have to lie in its slot.

        Sent a second time if the connection broke, so they must be such that this does no harm.

        Raises:
            ReplayGuardUnavailable: no answer, not in time, or a refusal.
        """

    def close(self) -> None:
        """Close all connections."""


class _Unfit(redis.RedisError):
    """Whoever answers there cannot be trusted to remember. One of redis' own errors, so that the connection is closed."""


class Link:
    """A pool of connections. `timeout` in seconds, for each answer; a call waits no longer than it has."""

    def __init__(self, url: str, *, timeout: float, connections: int) -> None:
        """No connection is made before one is needed.

        Raises:
            ConfigError: the URL cannot be read. The text quotes no part of it, which may be a password.
        """
        self._timeout = min(timeout, _MOST_SECONDS)
        # By connection: the run id that it leads to, and the generation in which it was made. After a failure all that lie in
        # the pool are of an older one, and are made anew before they are used.
        self._known: dict[int, tuple[bytes, int]] = {}
        self._generation = 0
        try:
            pool: Any = redis.BlockingConnectionPool.from_url(
                url,
                max_connections=connections,
                timeout=self._timeout,
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
                retry=Retry(NoBackoff(), 0),
                redis_connect_func=self._greet,
                protocol=2,
                client_name="counterseal-replay",
            )
            pool.make_connection()  # it looks at the URL's parameters
            self._pool = pool
        except (ValueError, TypeError):
            raise ConfigError(
                "COUNTERSEAL_REPLAY_URL: must begin with redis://, rediss:// (both also with +cluster) or unix://, and hold no"
                " parameters that a client of Redis does not know"
            ) from None

    def exchange(self, commands: Sequence[Command], key: bytes) -> Answered:  # noqa: ARG002 - one server has all keys
        """See Exchanges."""
        try:
            try:
                return self._send(commands)
            except redis.ConnectionError:
                # One that was left lying in the pool, most likely.
                self._generation += 1
                return self._send(commands)
        except redis.TimeoutError as error:
            self._generation += 1
            raise ReplayGuardUnavailable("Redis did not answer in time") from error
        except _Unfit as error:
            raise ReplayGuardUnavailable(f"Redis {error}") from error
        except redis.ConnectionError as error:
            raise ReplayGuardUnavailable("Redis did not answer") from error
        except redis.RedisError as error:
            # READONLY, OOM, NOPERM and the like. Whoever answers so may have been replaced: look again whom each leads to.
            self._generation += 1
            raise ReplayGuardUnavailable(f"Redis refused ({type(error).__name__})") from error

    def close(self) -> None:
        """Close all connections."""
        self._pool.disconnect()

    def _send(self, commands: Sequence[Command]) -> Answered:
        with self._connection() as connection:
            connection.send_packed_command(connection.pack_commands(commands))
            if not connection.can_read(timeout=seconds_left(self._timeout)):
                raise redis.TimeoutError
            answers = [connection.read_response() for _ in commands]
            return answers, self._known[id(connection)][0]

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        connection = self._pool.get_connection()
        try:
            if self._known[id(connection)][1] != self._generation:
                connection.disconnect()
                connection.connect()
            yield connection
        except BaseException:
            # Answers may still be on the way: they would be taken for those to the next commands.
            connection.disconnect()
            raise
        finally:
            self._pool.release(connection)

    def _greet(self, connection: Any) -> None:
        """Look whom a new connection leads to."""
        generation = self._generation
        connection.on_connect()
        connection.send_command("INFO")
        facts = _read_info(connection.read_response())
        run_id = facts.get("run_id", "")
        if not run_id.isalnum():
            raise _Unfit("does not say its run id, so nobody could tell that it was restarted")
        if facts.get("role", "master") != "master":
            raise _Unfit("is a replica there")
        if facts.get("maxmemory", "0") != "0" and facts.get("maxmemory_policy") != "noeviction":
            raise _Unfit("evicts keys, so it would forget what was used: its maxmemory-policy must be noeviction")
        self._known[id(connection)] = (run_id.encode("ascii"), generation)


def _read_info(text: bytes | str) -> dict[str, str]:
    lines = (text.decode("utf-8", "replace") if isinstance(text, bytes) else text).splitlines()
    return {name: value for name, separator, value in (line.partition(":") for line in lines) if separator}
