"""Redis for tests. `with running_redis() as server: server.url`; `shared_redis()` is one per process."""

import contextlib
import functools
import itertools
from collections.abc import Mapping

import redis

from tests.support.daemon import Daemon, running
from tests.support.require import require_program


class Redis(Daemon):
    """A server without persistence unless `options` (settings of redis.conf) say otherwise; 256 databases."""

    user = "redis"

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        self._program = require_program("redis-server")
        super().__init__()
        self._numbers = itertools.cycle(range(1, 256))
        self.options = {"bind": "127.0.0.1", "databases": "256", "save": "", "appendonly": "no", **(options or {})}

    def command(self) -> list[str]:
        settings = [word for name, value in self.options.items() for word in (f"--{name}", value)]
        return [self._program, "--port", str(self.port), "--dir", str(self.folder), *settings]

    @property
    def url(self) -> str:
        return f"redis://{self.address}/0"

    def client(self, url: str = "") -> "redis.Redis":
        """Return a client of its own, with short timeouts."""
        return redis.Redis.from_url(url or self.url, socket_timeout=10)

    def is_ready(self) -> bool:
        with contextlib.suppress(redis.RedisError), contextlib.closing(self.client()) as client:
            return bool(client.ping())
        return False

    def new_database(self) -> str:
        """Return the URL of an empty numbered database."""
        url = f"redis://{self.address}/{next(self._numbers)}"
        with contextlib.closing(self.client(url)) as client:
            client.flushdb()
        return url


def running_redis(options: Mapping[str, str] | None = None) -> contextlib.AbstractContextManager[Redis]:
    """A server of the test's own, which it may stop, kill and pause."""
    return running(lambda: Redis(options))


@functools.cache
def shared_redis() -> Redis:
    """The one server of this process, for tests that leave it running; stopped at exit."""
    server = Redis()
    server.start()
    return server
