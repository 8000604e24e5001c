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
    end = time.monotonic() + 60
    while Path(folder).exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


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


def test_the_proxy_passes_holds_drops_cuts_and_refuses() -> None:
    with echoing() as proxy:
        address = ("127.0.0.1", proxy.port)
        one = socket.create_connection(address, timeout=0.3)
        assert asked(one, b"a") == b"a"
        proxy.hold()
        with pytest.raises(TimeoutError):
            asked(one, b"b")
        proxy.let_pass()
        one.settimeout(30)
        assert one.recv(100) == b"b"
        proxy.cut()
        with contextlib.suppress(ConnectionError):
            assert asked(one, b"c") == b""
        two = socket.create_connection(address, timeout=0.3)
        assert asked(two, b"d") == b"d"
        proxy.drop()
        three = socket.create_connection(address, timeout=0.3)
        for connection in (two, three):
            with pytest.raises(TimeoutError):
                asked(connection, b"e")
        proxy.let_pass()
        with socket.create_connection(address, timeout=30) as four:
            assert asked(four, b"f") == b"f"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        proxy.let_pass()
        with socket.create_connection(address, timeout=30) as five:
            assert asked(five, b"g") == b"g"
        for connection in (one, two, three):
            connection.close()
