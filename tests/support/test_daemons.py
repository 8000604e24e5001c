"""The servers that other tests rely on do start, die, and come back with their data."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pymysql
import pytest
import redis

from tests.support.daemon import claim_port, free_port
from tests.support.mariadb import running_mariadb
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import running_postgres
from tests.support.redis import running_redis
from tests.support.tcp_proxy import TcpProxy, tcp_proxy


def test_postgres_comes_back_after_kill() -> None:
    with running_postgres() as server:
        url = server.new_database()
        name = url.rpartition("/")[2]
        server.execute("CREATE TABLE t AS SELECT 1 AS a", name)
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            server.connect()
        server.start()
        assert server.execute("SELECT a FROM t", name) == [(1,)]
        with running_pgbouncer(server) as bouncer:
            plain = bouncer.through(url).replace("+psycopg", "")
            with contextlib.closing(psycopg.connect(plain, connect_timeout=10)) as connection:
                assert connection.execute("SELECT current_user").fetchone() == ("counterseal",)
        port = server.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_mariadb_comes_back_after_kill() -> None:
    with running_mariadb() as server:
        name = server.new_database().rpartition("/")[2]
        server.execute("CREATE TABLE t AS SELECT 1 AS a", name)
        server.kill()
        with pytest.raises(pymysql.OperationalError):
            server.connect()
        server.start()
        assert server.execute("SELECT a FROM t", name) == [(1,)]


def test_redis_stops_and_goes_on() -> None:
    with running_redis() as server:
        client = server.client(server.new_database())
        client.set("a", 1)
        server.pause()
        with (
            pytest.raises(redis.TimeoutError),
            contextlib.closing(redis.Redis(port=server.port, socket_timeout=0.1)) as impatient,
        ):
            impatient.ping()
        server.resume()
        assert client.get("a") == b"1"
        client.close()


def test_servers_end_with_a_process_that_is_killed() -> None:
    started = "from tests.support.redis import Redis; server = Redis(); server.start()"
    code = f"import sys; {started}; print(server.port, server.folder, flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port, folder = process.stdout.readline().split()
    socket.create_connection(("127.0.0.1", int(port))).close()
    process.kill()
    process.communicate()

    def refused() -> bool:
        # Who was killed goes on listening until it is its turn to die.
        try:
            socket.create_connection(("127.0.0.1", int(port))).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            pass
        return False

    end = time.monotonic() + 60
    while Path(folder).exists() or not refused():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_port_is_given_to_one_process_alone() -> None:
    """Whoever claims again and again gets all that are free, and none that somebody else holds."""
    held = {free_port() for _ in range(50)}
    code = "from tests.support.daemon import free_port; print(*(free_port() for _ in range(500)))"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    others = {int(port) for port in done.stdout.split()}
    assert len(held) == 50
    assert len(others) == 500
    assert not held & others
    port, claim = claim_port()
    claim.close()
    with socket.create_server(("127.0.0.1", port)):
        pass


@contextlib.contextmanager
def echoing() -> Iterator[TcpProxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def echo(peer: socket.socket) -> None:
            with contextlib.suppress(OSError), peer:
                while data := peer.recv(100):
                    peer.sendall(data)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        with tcp_proxy("127.0.0.1", listener.getsockname()[1]) as proxy:
            yield proxy
        listener.shutdown(socket.SHUT_RDWR)


def asked(connection: socket.socket, word: bytes) -> bytes:
    connection.sendall(word)
    return connection.recv(100)


def is_silent(connection: socket.socket, word: bytes) -> bool:
    """Say whether nothing is answered for a while."""
    connection.settimeout(0.3)
    try:
        asked(connection, word)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(60)
    return False


def test_the_proxy_passes_holds_drops_cuts_and_refuses() -> None:
    with echoing() as proxy:
        address = ("127.0.0.1", proxy.port)
        one = socket.create_connection(address, timeout=60)
        assert asked(one, b"a") == b"a"
        proxy.hold()
        assert is_silent(one, b"b")
        proxy.let_pass()
        assert one.recv(100) == b"b"
        proxy.cut()
        with contextlib.suppress(ConnectionError):
            assert asked(one, b"c") == b""
        two = socket.create_connection(address, timeout=60)
        assert asked(two, b"d") == b"d"
        proxy.drop()
        three = socket.create_connection(address, timeout=60)
        assert is_silent(two, b"e")
        assert is_silent(three, b"e")
        proxy.let_pass()
        with socket.create_connection(address, timeout=60) as four:
            assert asked(four, b"f") == b"f"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        proxy.let_pass()
        with socket.create_connection(address, timeout=60) as five:
            assert asked(five, b"g") == b"g"
        for connection in (one, two, three):
            connection.close()
