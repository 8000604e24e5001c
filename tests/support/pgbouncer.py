"""pgbouncer in front of a PostgreSQL of the tests. `with running_pgbouncer(pg) as bouncer: bouncer.through(url)`."""

import contextlib
import shutil
import socket
from urllib.parse import urlsplit

from tests.support.daemon import Daemon, running
from tests.support.postgres import PASSWORD, Postgres
from tests.support.require import require


class PgBouncer(Daemon):
    """A pool in front of one server, for every database of it, in `session` or `transaction` mode."""

    user = "postgres"

    def __init__(self, postgres: Postgres, mode: str = "session", pool_size: int = 50) -> None:
        program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin") or shutil.which("pgbouncer")
        require(program, "pgbouncer is not installed")
        assert program is not None
        self._program = program
        super().__init__()
        users = self.folder / "users.txt"
        users.write_text(f'"counterseal" "{PASSWORD}"\n')
        self.config = self.folder / "pgbouncer.ini"
        self.config.write_text(
            f"""[databases]
* = host=127.0.0.1 port={postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {mode}
default_pool_size = {pool_size}
max_client_conn = 300
server_round_robin = 1
server_login_retry = 0.2
"""
        )
        for path in (users, self.config):
            path.chmod(0o600)
            self.give(path)

    def command(self) -> list[str]:
        return [self._program, str(self.config)]

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def through(self, url: str) -> str:
        """Return the URL with the pool in the place of its host and port."""
        host = urlsplit(url).netloc.rpartition("@")[2]
        return url.replace(f"@{host}/", f"@{self.address}/", 1)


def running_pgbouncer(
    postgres: Postgres, mode: str = "session", pool_size: int = 50
) -> contextlib.AbstractContextManager[PgBouncer]:
    """A pool of the test's own."""
    return running(lambda: PgBouncer(postgres, mode, pool_size))
