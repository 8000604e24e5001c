"""A cluster: marks are spread over its servers, each of which may lose what it had."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from redis.crc import key_slot

from counterseal.server.errors import ConfigError, ReplayGuardUnavailable
from counterseal.server.replay import redis_link
from counterseal.server.replay.memories import Use
from counterseal.server.replay.redis import CLUSTER_PARTS, RedisMemory
from counterseal.server.replay.redis_cluster import ClusterLink, is_cluster
from tests.replay.test_memories import mark, owner, use
from tests.replay.worlds import BEGAN, Clock
from tests.support.daemon import free_port
from tests.support.redis import Redis, running_redis

SLOTS = 16384
# Seconds until no answer is an outage: long enough for a busy machine to answer in.
TIMEOUT = 3


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "_MOST_SECONDS", TIMEOUT)


def _settings() -> dict[str, str]:
    # No server is to be given up by the others because a test paused it, or the machine stood still.
    patience = {"cluster-node-timeout": "120000"}
    return {"cluster-enabled": "yes", "databases": "1", "cluster-port": str(free_port()), **patience}


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[Redis]]:
    """Three servers, a third of the slots each."""
    with ExitStack() as parts:
        servers = [parts.enter_context(running_redis(_settings())) for _ in range(3)]
        for at, server in enumerate(servers):
            with server.client() as client:
                client.execute_command("CLUSTER MEET", "127.0.0.1", servers[0].port, servers[0].options["cluster-port"])
                first, last = SLOTS * at // 3, SLOTS * (at + 1) // 3 - 1
                client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
        _settle(servers)
        yield servers


def _settle(servers: list[Redis]) -> None:
    end = time.monotonic() + 60
    for server in servers:
        with server.client() as client:
            while b"cluster_state:ok" not in _raw(client, "CLUSTER INFO") or _ranges(client) < len(servers):
                assert time.monotonic() < end
                time.sleep(0.05)


def _raw(client: object, command: str) -> bytes:
    found = client.execute_command(command)  # type: ignore[attr-defined]
    return found if isinstance(found, bytes) else "".join(f"{name}:{value}\n" for name, value in found.items()).encode()


def _ranges(client: object) -> int:
    return len(client.execute_command("CLUSTER SLOTS"))  # type: ignore[attr-defined]


def memory(server: Redis, clock: Clock) -> RedisMemory:
    link = ClusterLink(f"redis+cluster://{server.address}", timeout=TIMEOUT, connections=8)
    return RedisMemory(link, clock=clock, parts=CLUSTER_PARTS)


def test_marks_are_spread_and_found_from_every_server(cluster: list[Redis]) -> None:
    clock = Clock()
    for server in cluster:
        with server.client() as client:
            client.flushall()
    with closing(memory(cluster[0], clock)) as one, closing(memory(cluster[2], clock)) as other:
        one.tend(BEGAN)
        assert [use(one, mark(number), owner("a")) for number in range(200)] == [Use.FIRST] * 200
        assert [use(other, mark(number), owner("b")) for number in range(200)] == [Use.OTHER] * 200
        assert [use(other, mark(number), owner("a")) for number in range(200)] == [Use.SAME] * 200
    for server in cluster:
        with server.client() as client:
            assert client.dbsize() > 20


def test_what_one_server_lost_is_noticed_there_alone(cluster: list[Redis]) -> None:
    clock = Clock()
    with closing(memory(cluster[1], clock)) as one:
        for server in cluster:
            with server.client() as client:
                client.flushall()
        one.tend(BEGAN)
        for number in range(100):
            one.use(mark(number), owner("a"), until=BEGAN + 960, now=BEGAN + 1)
        with cluster[0].client() as client:
            client.flushall()
        clock.now = BEGAN + 50
        said = [one.use(mark(number), owner("b"), until=BEGAN + 960, now=BEGAN + 50) for number in range(100)]
        lost = [answer for answer in said if answer.use is Use.FIRST]
        assert 0 < len(lost) < 100
        assert all(answer.since == BEGAN + 50 for answer in lost)
        assert all(answer.since == BEGAN for answer in said if answer.use is Use.OTHER)


def test_a_server_that_is_gone_is_an_outage_for_its_part(cluster: list[Redis]) -> None:
    clock = Clock()
    with closing(memory(cluster[1], clock)) as one:
        one.tend(BEGAN)
        cluster[0].pause()
        try:
            outages = 0
            for number in range(1000, 1012):
                try:
                    use(one, mark(number), owner("a"))
                except ReplayGuardUnavailable:
                    outages += 1
            assert 0 < outages < 12
        finally:
            cluster[0].resume()
        _settle(cluster)
        assert use(one, mark("after"), owner("a")) is Use.FIRST


def test_slots_that_moved_are_followed(cluster: list[Redis]) -> None:
    """Every part of one server goes to another, without its keys: found there, and noticed as a loss."""
    clock = Clock()
    with closing(memory(cluster[0], clock)) as one:
        one.tend(BEGAN)
        _move(cluster[0], cluster[1])
        clock.now = BEGAN + 70
        said = [one.use(mark(f"moved {number}"), owner("a"), until=BEGAN + 960, now=BEGAN + 70) for number in range(60)]
        assert {answer.use for answer in said} == {Use.FIRST}
        assert BEGAN + 70 in {answer.since for answer in said}
        assert [use(one, mark(f"moved {number}"), owner("b"), now=BEGAN + 70) for number in range(60)] == [Use.OTHER] * 60
        with cluster[0].client() as source:
            assert source.dbsize() == 0


def _move(giver: Redis, taker: Redis) -> None:
    with giver.client() as source, taker.client() as sink:
        names = [client.execute_command("CLUSTER MYID").decode() for client in (source, sink)]
        source.flushall()
        for slot in {key_slot(b"{%d}" % part) for part in range(CLUSTER_PARTS)}:
            if slot < SLOTS // 3:
                sink.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[0])
                source.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[1])
                for client in (sink, source):
                    client.execute_command("CLUSTER SETSLOT", slot, "NODE", names[1])


@pytest.mark.parametrize(
    "url", ["redis+cluster://h:secret/", "rediss+cluster://:secret@h:1/5", "redis+cluster://:secret@h/0?no=1"]
)
def test_urls_that_cannot_be_read(url: str) -> None:
    assert is_cluster(url)
    with pytest.raises(ConfigError, match="COUNTERSEAL_REPLAY_URL") as raised:
        ClusterLink(url, timeout=1, connections=1)
    assert "secret" not in str(raised.value)


def test_what_is_no_cluster() -> None:
    assert not any(is_cluster(url) for url in ("redis://h", "rediss://h", "unix:///s", "", "redis+cluster"[:5] + "x://h"))
