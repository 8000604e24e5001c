"""What Redis does to a memory: it is restarted empty, emptied, replaced, paused, full, or made to evict."""

import hashlib
import time
from collections.abc import Iterator

import pytest

from counterseal.server.errors import ConfigError, ReplayGuardUnavailable
from counterseal.server.replay.memories import Memory, Use
from counterseal.server.replay.redis_link import Link
from tests.replay.test_memories import mark, owner
from tests.replay.worlds import BEGAN, Clock, redis
from tests.support.redis import Redis, running_redis, shared_redis
from tests.support.tcp_proxy import tcp_proxy

LATER = BEGAN + 960
# Seconds until no answer is an outage: long enough for a busy machine to answer in.
TIMEOUT = 3


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with running_redis() as running:
        yield running


def use(memory: Memory, number: int, name: str = "a", *, now: float = BEGAN + 10) -> tuple[Use, float]:
    answer = memory.use(mark(number), owner(name), until=LATER, now=now)
    return answer.use, answer.since


def test_a_restart_is_noticed_with_the_first_answer(server: Redis) -> None:
    clock = Clock()
    with redis(server.new_database(), clock) as memory:
        assert use(memory, 1) == (Use.FIRST, BEGAN)
        server.kill()
        with pytest.raises(ReplayGuardUnavailable):
            use(memory, 1)
        server.start()
        clock.now = BEGAN + 20
        # It is forgotten, and it says so: whoever signed before now is not believed.
        assert use(memory, 1, "b") == (Use.FIRST, BEGAN + 20)
        clock.now = BEGAN + 30
        assert use(memory, 1, "c") == (Use.OTHER, BEGAN + 20)


def test_a_restart_with_an_old_file_is_noticed_although_the_epoch_is_there() -> None:
    """What a snapshot holds is what was used until then; everything after it is gone."""
    with running_redis() as server:
        clock = Clock()
        with redis(server.url, clock) as memory:
            assert use(memory, 1) == (Use.FIRST, BEGAN)
            with server.client() as client:
                client.save()
            assert use(memory, 2) == (Use.FIRST, BEGAN)
            server.kill()
            server.start()
            clock.now = BEGAN + 50
            assert use(memory, 1, "b") == (Use.OTHER, BEGAN + 50)
            assert use(memory, 2, "b") == (Use.FIRST, BEGAN + 50)


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
def test_an_emptied_server_is_noticed_with_the_first_answer(server: Redis, command: str) -> None:
    clock = Clock()
    url = server.new_database()
    with redis(url, clock) as memory, server.client(url) as client:
        assert use(memory, 1) == (Use.FIRST, BEGAN)
        client.execute_command(command)
        clock.now = BEGAN + 20
        assert use(memory, 1, "b") == (Use.FIRST, BEGAN + 20)


def test_another_server_in_its_place_is_noticed() -> None:
    """As after a failover to a replica that may lack the last marks."""
    clock = Clock()
    with running_redis() as first, running_redis() as second, tcp_proxy("127.0.0.1", first.port) as proxy:
        with first.client() as client:
            client.replicaof("127.0.0.1", second.port)
            client.replicaof("NO", "ONE")
        with redis(f"redis://{proxy.address}/0", clock) as memory, second.client() as client:
            assert use(memory, 1) == (Use.FIRST, BEGAN)
            client.replicaof("127.0.0.1", first.port)
            while client.get("counterseal:replay:{0}:epoch") is None:
                pass
            client.replicaof("NO", "ONE")
            proxy._target = ("127.0.0.1", second.port)
            proxy.cut()
            clock.now = BEGAN + 20
            assert use(memory, 1, "b") == (Use.OTHER, BEGAN + 20)


def test_a_replica_is_not_asked() -> None:
    with running_redis() as first, running_redis() as second:
        with second.client() as client:
            client.replicaof("127.0.0.1", first.port)
        with redis(second.url, Clock()) as memory, pytest.raises(ReplayGuardUnavailable, match="replica"):
            use(memory, 1)


def test_a_server_that_becomes_a_replica_under_open_connections() -> None:
    with running_redis() as first, running_redis() as second, redis(second.url, Clock()) as memory:
        assert use(memory, 1) == (Use.FIRST, BEGAN)
        with second.client() as client:
            client.replicaof("127.0.0.1", first.port)
            with pytest.raises(ReplayGuardUnavailable):
                use(memory, 2)
            client.replicaof("NO", "ONE")
        assert use(memory, 2)[0] is Use.FIRST


def test_a_server_that_evicts_is_not_trusted(server: Redis) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "volatile-lru")
        try:
            with redis(server.new_database(), Clock()) as memory, pytest.raises(ReplayGuardUnavailable, match="noeviction"):
                use(memory, 1)
            client.config_set("maxmemory-policy", "noeviction")
            with redis(server.new_database(), Clock()) as memory:
                assert use(memory, 1)[0] is Use.FIRST
        finally:
            client.config_set("maxmemory", "0")
            client.config_set("maxmemory-policy", "noeviction")


def test_a_full_server_is_an_outage(server: Redis) -> None:
    with server.client() as client, redis(server.new_database(), Clock()) as memory:
        assert use(memory, 1)[0] is Use.FIRST
        client.config_set("maxmemory", "1")
        try:
            with pytest.raises(ReplayGuardUnavailable):
                use(memory, 2)
        finally:
            client.config_set("maxmemory", "0")
        assert use(memory, 2)[0] is Use.FIRST


def test_a_server_that_does_not_answer_is_an_outage_and_recovers(server: Redis) -> None:
    with (
        tcp_proxy("127.0.0.1", server.port) as proxy,
        redis(proxy.through(server.new_database()), Clock(), timeout=TIMEOUT) as memory,
    ):
        assert use(memory, 1)[0] is Use.FIRST
        for broken in (proxy.drop, proxy.refuse, proxy.hold):
            broken()
            with pytest.raises(ReplayGuardUnavailable):
                use(memory, 1, "b")
            with pytest.raises(ReplayGuardUnavailable):
                memory.tend(BEGAN + 11)
            proxy.let_pass()
            proxy.cut()
            memory.tend(BEGAN + 11)
            assert use(memory, 1, "b")[0] is Use.OTHER
            assert use(memory, 1)[0] is Use.SAME


def test_an_answer_that_came_too_late_is_not_taken_for_that_to_the_next_question(server: Redis) -> None:
    with (
        tcp_proxy("127.0.0.1", server.port) as proxy,
        redis(proxy.through(server.new_database()), Clock(), timeout=TIMEOUT) as memory,
    ):
        assert use(memory, 1)[0] is Use.FIRST
        for turn in range(2, 5):
            proxy.delay(2 * TIMEOUT)
            with pytest.raises(ReplayGuardUnavailable):
                use(memory, turn)
            proxy.delay(0)
            # The first ask may have been written down: then it is its own, and never somebody else's.
            assert use(memory, turn)[0] in {Use.FIRST, Use.SAME}
            assert use(memory, turn, "b")[0] is Use.OTHER


def test_a_broken_connection_is_tried_once_more_under_the_same_owner(server: Redis) -> None:
    with tcp_proxy("127.0.0.1", server.port) as proxy, redis(proxy.through(server.new_database()), Clock()) as memory:
        assert use(memory, 1)[0] is Use.FIRST
        for number in range(2, 6):
            proxy.cut()
            assert use(memory, number)[0] in {Use.FIRST, Use.SAME}


def test_a_wrong_password_is_an_outage_and_is_not_told(server: Redis) -> None:
    with server.client() as client:
        client.config_set("requirepass", "right")
        try:
            url = f"redis://:wrong-one@{server.address}/0"
            with redis(url, Clock()) as memory, pytest.raises(ReplayGuardUnavailable) as raised:
                use(memory, 1)
            assert "wrong-one" not in str(raised.value)
            with redis(f"redis://:right@{server.address}/0", Clock()) as memory:
                assert use(memory, 1)[0] is Use.FIRST
        finally:
            client.execute_command("AUTH", "right")
            client.config_set("requirepass", "")


@pytest.mark.parametrize(
    "url", ["", "http://secret@127.0.0.1", "redis", "redis://h:port-secret/0", "redis://:secret@h/0?no_such_option=1"]
)
def test_a_url_that_cannot_be_read_is_not_told(url: str) -> None:
    with pytest.raises(ConfigError, match="COUNTERSEAL_REPLAY_URL") as raised:
        Link(url, timeout=1, connections=1)
    assert "secret" not in str(raised.value)


def test_what_a_mark_costs_redis() -> None:
    """Measured; docs/replay.md has the number."""
    url = shared_redis().new_database()
    count = 20_000
    with shared_redis().client(url) as client, redis(url, Clock()) as memory:
        use(memory, 0)
        before = client.info("memory")["used_memory"]
        for number in range(count):
            once = hashlib.sha256(b"cost %d" % number).digest()
            memory.use(once, once, until=LATER, now=BEGAN + 10)
        each = (client.info("memory")["used_memory"] - before) / count
        print(f"\na mark in Redis: {each:.0f} bytes of its memory")
        assert 50 < each < 400


def test_marks_end_in_redis(server: Redis) -> None:
    url = server.new_database()
    with server.client(url) as client, redis(url, Clock()) as memory:
        began = time.monotonic()
        memory.use(mark(1), owner("a"), until=BEGAN + 970, now=BEGAN + 10)
        (name,) = set(client.keys()) - {b"counterseal:replay:{0}:epoch"}
        left = client.pttl(name)
        assert 960_000 - 1000 * (time.monotonic() - began) - 100 <= left <= 960_000
        assert client.ttl("counterseal:replay:{0}:epoch") == -1
