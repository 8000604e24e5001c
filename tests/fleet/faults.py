"""What is done to a fleet while keys are revoked. Each goes on until it is told that all is done, and then undoes itself."""

import contextlib
import random
import signal
import threading
from collections.abc import Callable, Mapping

import psycopg

from tests.fleet import firewall
from tests.fleet.fleet import BOUND, Fleet
from tests.support.postgres import Postgres
from tests.support.require import require

Disturb = Callable[[threading.Event, random.Random], None]
LONGEST = 2.5 * BOUND


def network(fleet: Fleet) -> Disturb:
    """The second replica's way to the database: swallows everything, is reset, refuses, or loses packets for a while."""

    def disturb(done: threading.Event, draw: random.Random) -> None:
        ways = [fleet.proxy.drop, fleet.proxy.refuse, fleet.proxy.cut, fleet.proxy.hold]
        while not done.wait(draw.uniform(1.0, 3.0)):
            draw.choice(ways)()
            done.wait(draw.uniform(0.1, LONGEST))
            fleet.proxy.let_pass()
        fleet.proxy.let_pass()

    return disturb


def packets(fleet: Fleet) -> Disturb:
    """The kernel drops packets between the second replica and the database, in one direction or in both."""
    require(firewall.works(), "iptables makes no rules that drop here")

    def disturb(done: threading.Event, draw: random.Random) -> None:
        while not done.wait(draw.uniform(0.2, 2.0)):
            with firewall.dropping(fleet.proxy.port, draw.choice(firewall.WAYS)):
                done.wait(draw.uniform(0.1, LONGEST))

    return disturb


def listener(fleet: Fleet) -> Disturb:
    """An administrator ends the connections that listen, again and again."""
    assert isinstance(fleet.database, Postgres)
    database = fleet.database

    def disturb(done: threading.Event, draw: random.Random) -> None:
        ended = 0
        while not done.wait(draw.uniform(0.05, 0.5)):
            with contextlib.suppress(psycopg.Error):
                # After a quiet second a listener has sent an empty statement, to hear whether it is still connected.
                found = database.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    f"WHERE datname = '{fleet.name}' AND (query LIKE 'LISTEN%' OR query = '') AND pid <> pg_backend_pid()"
                )
                ended += len(found)
        assert ended, "nobody listened"

    return disturb


def paused(fleet: Fleet) -> Disturb:
    """SIGSTOP to the second replica, supervisor and workers; SIGCONT after less or more than the bound."""

    def disturb(done: threading.Event, draw: random.Random) -> None:
        while not done.wait(draw.uniform(1.0, 3.0)):
            fleet.replicas[1].signal(signal.SIGSTOP)
            done.wait(draw.uniform(0.1, LONGEST))
            fleet.replicas[1].signal(signal.SIGCONT)
        fleet.replicas[1].signal(signal.SIGCONT)

    return disturb


def database(fleet: Fleet) -> Disturb:
    """The database is killed and started again, or stands still for a while."""

    def disturb(done: threading.Event, draw: random.Random) -> None:
        while not done.wait(draw.uniform(2.0, 4.0)):
            if draw.random() < 0.5:
                fleet.database.kill()
                done.wait(draw.uniform(0.0, LONGEST))
                fleet.database.start()
            else:
                fleet.database.pause()
                done.wait(draw.uniform(0.1, LONGEST))
                fleet.database.resume()

    return disturb


FAULTS: Mapping[str, Callable[[Fleet], Disturb] | None] = {
    "none": None,
    "network": network,
    "packets": packets,
    "listener": listener,
    "paused": paused,
    "database": database,
}
