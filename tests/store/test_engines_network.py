"""Networks that break between the service and its database: nobody knows, and it goes on by itself."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import StoredKey
from tests.store import samples
from tests.store.engines import SERVERS
from tests.store.test_outages import OPERATIONS
from tests.support.mariadb import MariaDB, shared_mariadb
from tests.support.postgres import Postgres, shared_postgres
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

# Long enough for a busy machine to answer in, after the network is back.
TIMEOUT = 5
SHARED: dict[str, Callable[[], Postgres | MariaDB]] = {"mariadb": shared_mariadb, "postgres": shared_postgres}


@dataclass
class Site:
    """A store behind a network that breaks, and the same database by a way that does not.

    `patient` is another one that waits for a minute: for what has to come about without waiting for a timeout.
    """

    store: KeyStore
    patient: KeyStore
    proxy: TcpProxy
    server: Postgres | MariaDB
    url: str

    @property
    def database(self) -> str:
        return self.url.rpartition("/")[2]


@pytest.fixture(params=SERVERS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    server = SHARED[request.param]()
    url = server.new_database()
    with tcp_proxy("127.0.0.1", server.port) as proxy:
        direct = samples.open_store(url, timeout=60)
        direct.upgrade()
        direct.insert(samples.stored(), samples.entry())
        direct.close()
        store, patient = (samples.open_store(proxy.through(url), timeout=timeout, pool=4) for timeout in (TIMEOUT, 60))
        for opened in (store, patient):
            opened.change("key-1", samples.moved)
            assert opened.read_key("key-1") is not None
        yield Site(store, patient, proxy, server, url)
        store.close()
        patient.close()


def unavailable(store: KeyStore, name: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        OPERATIONS[name](store)
    error: BaseException | None = caught.value
    while error is not None:
        assert "Pass" not in str(error), "a password in the text of an error"
        error = error.__cause__ or error.__context__


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def works(store: KeyStore) -> None:
    assert store.read_key("key-1") is not None
    store.change("key-1", samples.moved)
    store.ping()


def test_connections_cut_while_idle_fail_no_request(site: Site) -> None:
    site.proxy.cut()
    works(site.patient)


def test_connections_ended_by_an_administrator_fail_no_request(site: Site) -> None:
    assert site.server.hang_up(site.database) >= 2
    until(lambda: site.proxy.connections == 0)
    works(site.patient)


def test_a_server_that_refuses(site: Site) -> None:
    site.proxy.refuse()
    for name in OPERATIONS:
        unavailable(site.patient, name)
    site.proxy.let_pass()
    works(site.patient)


@pytest.mark.parametrize("how", ["drop", "hold"])
def test_a_network_that_swallows_everything(site: Site, how: str) -> None:
    """Also a second one, whose connections are made while it does."""
    getattr(site.proxy, how)()
    for name in ("read_key", "change"):
        unavailable(site.store, name)
    site.proxy.let_pass()
    works(site.store)


@pytest.mark.parametrize("name", ["read_key", "change"])
def test_what_one_pool_has_lost_costs_the_other_nothing(site: Site, name: str) -> None:
    site.proxy.drop()
    unavailable(site.store, name)
    site.proxy.let_pass()
    works(site.store)


def test_a_slow_network_is_waited_for(site: Site) -> None:
    site.proxy.delay(0.1)
    works(site.patient)


def test_a_network_slower_than_the_timeout(site: Site) -> None:
    site.proxy.delay(TIMEOUT * 1.5)
    unavailable(site.store, "read_key")
    site.proxy.let_pass()
    works(site.store)


def test_a_connection_cut_inside_a_transaction_leaves_nothing(site: Site) -> None:
    before = samples.open_store(site.url, timeout=60)
    sequence = before.change_sequence()

    def cutting(stored: StoredKey) -> object:
        site.proxy.cut()
        return samples.moved(stored)

    with pytest.raises(StoreUnavailable):
        site.patient.change("key-1", cutting)  # type: ignore[arg-type]
    assert before.change_sequence() == sequence
    before.close()
    works(site.patient)


def test_all_connections_taken(site: Site) -> None:
    with contextlib.ExitStack() as taken:
        for _ in range(4):
            taken.enter_context(site.store.database.reads.connect())
        unavailable(site.store, "read_key")
    works(site.store)


def test_another_that_holds_the_lock_too_long(site: Site) -> None:
    other = samples.open_store(site.url, timeout=60)
    held, done = threading.Event(), threading.Event()

    def hold(stored: StoredKey) -> None:
        held.set()
        done.wait(60)

    holder = threading.Thread(target=other.change, args=("key-1", hold))
    holder.start()
    assert held.wait(60)
    try:
        opened = site.proxy.accepted
        unavailable(site.store, "change")
        assert site.store.read_key("key-1") is not None, "readers are not kept waiting"
        assert site.proxy.accepted <= opened + 1, "the server gives up before we do, and the connection is kept"
    finally:
        done.set()
        holder.join()
    works(site.store)
    other.close()


def test_a_burst_after_an_outage_finds_its_way(site: Site) -> None:
    """Every connection of the pool is dead; none of them costs a request of its own."""
    site.proxy.drop()
    unavailable(site.store, "read_key")
    site.proxy.let_pass()
    failed: list[StoreUnavailable] = []

    def read() -> None:
        try:
            site.store.read_key("key-1")
        except StoreUnavailable as error:
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
