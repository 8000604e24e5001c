"""Database servers that die, stand still, fill up, and are succeeded by others."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.engine import KeyStore
from tests.store import samples
from tests.store.engines import SERVERS
from tests.store.test_outages import OPERATIONS
from tests.support.mariadb import MariaDB, running_mariadb
from tests.support.postgres import Postgres, running_postgres

# Long enough for a busy machine to answer in.
TIMEOUT = 5
Server = Postgres | MariaDB
START: dict[str, Callable[[], contextlib.AbstractContextManager[Server]]] = {
    "mariadb": running_mariadb,
    "postgres": running_postgres,
}


@dataclass
class Pair:
    """Two servers that hold the same schema, and a store that knows of both, the first first."""

    first: Server
    second: Server
    names: tuple[str, str]
    store: KeyStore

    def alone(self, number: int) -> KeyStore:
        url = (self.first, self.second)[number].url(self.names[number])
        return samples.open_store(url, timeout=TIMEOUT)


@pytest.fixture(scope="module", params=SERVERS)
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server]]:
    with START[request.param]() as first, START[request.param]() as second:
        yield first, second


def url_of_both(first: Server, url: str, second: Server, name: str) -> str:
    if isinstance(first, Postgres):
        own = url.rpartition("/")[2]
        login = url.rpartition("@")[0]
        assert own == name
        return f"{login}@/{name}?host=127.0.0.1:{first.port}&host=127.0.0.1:{second.port}"
    return f"{url}?host=127.0.0.1:{second.port}"


@pytest.fixture
def pair(servers: tuple[Server, Server]) -> Iterator[Pair]:
    first, second = servers
    url = first.new_database()
    name = url.rpartition("/")[2]
    other = second.new_database().rpartition("/")[2]
    if isinstance(second, Postgres):
        second.execute(f"ALTER DATABASE {other} RENAME TO {name}")
    else:
        second.execute(f"CREATE DATABASE {name}")
        second.execute(f"GRANT ALL ON {name}.* TO counterseal@'%'")
    for server, key_id in ((first, "key-1"), (second, "on-second")):
        patient = samples.open_store(server.url(name), timeout=60)
        patient.upgrade()
        patient.insert(samples.stored(key_id), samples.entry(key_id))
        patient.close()
    store = samples.open_store(url_of_both(first, url, second, name), timeout=2 * TIMEOUT, pool=4)
    yield Pair(first, second, (name, name), store)
    store.close()
    for server in servers:
        if server.process is None or server.process.poll() is not None:
            server.start()
        server.resume()


def unavailable(store: KeyStore, name: str) -> None:
    with pytest.raises(StoreUnavailable):
        OPERATIONS[name](store)


def test_a_killed_server_loses_nothing_and_is_taken_up_again(pair: Pair) -> None:
    store = pair.alone(0)
    for number in range(20):
        store.insert(samples.stored(f"k{number}"), samples.entry(f"k{number}"))
    pair.first.kill()
    for name in OPERATIONS:
        unavailable(store, name)
    pair.first.start()
    for number in range(20):
        assert store.read_key(f"k{number}") is not None
    store.insert(samples.stored("after"), samples.entry("after"))
    store.close()


def test_a_restart_between_two_requests_fails_none(pair: Pair) -> None:
    store = pair.alone(0)
    assert store.read_key("key-1") is not None
    store.change("key-1", samples.moved)
    pair.first.restart()
    store.change("key-1", samples.moved)
    assert store.read_key("key-1") is not None
    store.close()


def test_a_server_that_stands_still(pair: Pair) -> None:
    store = pair.alone(0)
    assert store.read_key("key-1") is not None
    pair.first.pause()
    for name in ("read_key", "change"):
        unavailable(store, name)
    pair.first.resume()
    store.change("key-1", samples.moved)
    assert store.read_key("key-1") is not None
    store.close()


def test_the_first_address_is_taken_while_it_lives(pair: Pair) -> None:
    assert pair.store.read_key("key-1") is not None
    assert pair.store.read_key("on-second") is None


def test_the_second_takes_over_from_a_killed_first(pair: Pair) -> None:
    pair.first.kill()
    assert pair.store.read_key("on-second") is not None
    pair.store.insert(samples.stored("later"), samples.entry("later"))
    second = pair.alone(1)
    assert second.read_key("later") is not None
    second.close()


def test_a_read_only_server_is_left_and_never_taken(pair: Pair) -> None:
    name = pair.names[0]
    store = pair.store
    with read_only(pair.first, name):
        # The connections that are open notice at their first change, once.
        with contextlib.suppress(StoreUnavailable):
            store.change("key-1", samples.moved)
        assert store.read_key("on-second") is not None
        store.insert(samples.stored("later"), samples.entry("later"))
        with read_only(pair.second, name):
            pair.first.hang_up(name)
            pair.second.hang_up(name)
            fresh = samples.open_store(pair.first.url(name), timeout=TIMEOUT)
            unavailable(fresh, "read_key")
            fresh.close()


@contextlib.contextmanager
def read_only(server: Server, name: str) -> Iterator[None]:
    """What a standby and a demoted primary are."""
    if isinstance(server, Postgres):
        statement = f"ALTER DATABASE {name} SET default_transaction_read_only = "
    else:
        statement = "SET GLOBAL read_only = "
    server.execute(statement + "on")
    if isinstance(server, Postgres):
        server.hang_up(name)
    try:
        yield
    finally:
        server.execute(statement + "off")


def test_a_first_address_that_swallows_everything_costs_its_share_of_the_timeout(pair: Pair) -> None:
    pair.store.close()  # its pools are empty now, and connect anew
    pair.first.pause()
    try:
        assert pair.store.read_key("on-second") is not None
    finally:
        pair.first.resume()


def test_a_standby_is_not_read_and_takes_over_once_it_is_promoted() -> None:
    """Real replication, synchronous: nothing acknowledged is lost with the primary."""
    with running_postgres() as primary, running_postgres(standby_of=primary) as standby:
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")
        url = primary.new_database()
        name = url.rpartition("/")[2]
        store = samples.open_store(url_of_both(primary, url, standby, name), timeout=2 * TIMEOUT, pool=4)
        store.upgrade()
        for number in range(20):
            store.insert(samples.stored(f"k{number}"), samples.entry(f"k{number}"))
        primary.kill()
        assert standby.execute("SELECT count(*) FROM keys", name) == [(20,)], "the standby has it all, and could be asked"
        for operation in ("read_key", "insert", "ping"):
            unavailable(store, operation)
        standby.promote()
        assert all(store.read_key(f"k{number}") is not None for number in range(20))
        store.insert(samples.stored("after"), samples.entry("after"))
        assert store.change_sequence() == 21
        store.close()
