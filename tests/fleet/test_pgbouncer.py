"""The whole service behind pgbouncer in session mode: it listens there, keeps the revocation bound, and outlives the pool."""

import contextlib
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.faults.traffic import until
from tests.fleet.campaign import Campaign
from tests.fleet.faults import Disturb
from tests.fleet.fleet import WORKERS, Fleet
from tests.fleet.pair import running_pair
from tests.fleet.test_revocation import REVOCATIONS, _check
from tests.store import samples
from tests.store.test_engines_watch import LONG, woken
from tests.support.pgbouncer import PgBouncer, running_pgbouncer
from tests.support.postgres import Postgres, running_postgres, shared_postgres
from tests.support.tcp_proxy import tcp_proxy

WANTED = max(10, REVOCATIONS // 2)
# An empty statement is what a listener sends after a quiet second, and nobody else.
LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND (query LIKE 'LISTEN%' OR query = '')"


@dataclass
class Pooled:
    """A fleet whose replicas know of the pool alone; those of the second reach it through `fleet.proxy`."""

    database: Postgres
    pool: PgBouncer
    fleet: Fleet


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooled]:
    with contextlib.ExitStack() as parts:
        database = parts.enter_context(running_postgres())
        pool = parts.enter_context(running_pgbouncer(database))
        url = pool.through(database.new_database())
        proxy = parts.enter_context(tcp_proxy("127.0.0.1", pool.port))
        folder = tmp_path_factory.mktemp("pooled")
        # Patient: a listener that is given up here is one that was cut off.
        replicas = parts.enter_context(running_pair(folder, (url, proxy.through(url)), STORE_TIMEOUT="10"))
        yield Pooled(database, pool, Fleet("postgres", database, url.rpartition("/")[2], proxy, replicas))


def restarts(pool: PgBouncer) -> Disturb:
    """The pool ends, all its connections with it, and is back after a moment."""

    def disturb(done: threading.Event, draw: random.Random) -> None:
        while not done.wait(draw.uniform(1.0, 3.0)):
            if draw.random() < 0.5:
                pool.kill()
            else:
                pool.stop()
            done.wait(draw.uniform(0.0, 1.5))
            pool.start()

    return disturb


def listening(pooled: Pooled) -> int:
    ((count,),) = pooled.database.execute(LISTENING.format(pooled.fleet.name))
    return int(count)


@pytest.mark.timeout(1800)
def test_revocations_keep_their_bound(pooled: Pooled) -> None:
    until(lambda: listening(pooled) == 2 * WORKERS, "every worker listens, through the pool")
    campaign = Campaign(pooled.fleet, WANTED, administers=pooled.fleet.replicas, seed="pgbouncer")
    _check(campaign.run(), "postgres", "none, behind pgbouncer", WANTED)
    assert listening(pooled) == 2 * WORKERS
    for replica in pooled.fleet.replicas:
        assert "feed_watch_failed" not in replica.server.log()


@pytest.mark.timeout(1800)
def test_so_they_do_while_the_pool_is_killed_and_started_again(pooled: Pooled) -> None:
    campaign = Campaign(pooled.fleet, WANTED, administers=pooled.fleet.replicas, seed="pgbouncer, restarted")
    _check(campaign.run(restarts(pooled.pool)), "postgres", "pgbouncer restarted", WANTED)
    until(lambda: listening(pooled) == 2 * WORKERS, "every worker listens again")


def test_a_change_wakes_who_listens_through_the_pool() -> None:
    server = shared_postgres()
    with running_pgbouncer(server) as pool:
        url = pool.through(server.new_database())
        store, other = (samples.open_store(url, timeout=10) for _ in range(2))
        store.upgrade()
        watch = store.database.watch()
        for number in range(3):
            other.insert(samples.stored(f"k{number}"), samples.entry(f"k{number}"))
            assert woken(watch, LONG)
        assert not woken(watch, 0.3)
        for closing in (watch, store, other):
            closing.close()
