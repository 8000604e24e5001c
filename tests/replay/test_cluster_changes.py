"""A cluster whose servers come and go at new addresses, as in places where each restart gives another one."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.exceptions import MovedError

from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay import redis_cluster
from counterseal.server.replay.redis_cluster import ClusterLink
from counterseal.server.replay.redis_link import Answered, Command

COMMANDS: Sequence[Command] = (("GET", b"key"),)


class Cluster:
    """One shard: the primary, its replica, and how often anybody asked an address that is nobody's any more."""

    def __init__(self) -> None:
        self.primary, self.replica = "node-0", "node-1"
        self.asked_in_vain = 0
        self.open = 0

    def link(self, url: str, **_: Any) -> "FakeLink":
        self.open += 1
        return FakeLink(self, urlsplit(url).hostname or "")


class FakeLink:
    def __init__(self, cluster: Cluster, host: str) -> None:
        self.cluster, self.host = cluster, host

    def exchange(self, commands: Sequence[Command], key: bytes) -> Answered:
        cluster = self.cluster
        if self.host not in {cluster.primary, cluster.replica}:
            cluster.asked_in_vain += 1
            raise ReplayGuardUnavailable("Redis did not answer in time")
        if commands[0][0] == "CLUSTER":
            nodes = [[name.encode(), 6379, b"id"] for name in (cluster.primary, cluster.replica)]
            return [[[0, 16383, *nodes]]], b"run"
        if self.host != cluster.primary:
            raise ReplayGuardUnavailable("Redis refused (MovedError)")
        return [self.host], b"run"

    def close(self) -> None:
        self.cluster.open -= 1


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(redis_cluster, "Link", made.link)
    return made


def test_servers_that_left_are_neither_asked_nor_kept(cluster: Cluster) -> None:
    link = ClusterLink("redis+cluster://node-0:6379", timeout=1, connections=4)
    for number in range(2, 30):
        assert link.exchange(COMMANDS, b"key")[0] == [cluster.primary]
        # The replica takes over, and another one comes, at a new address.
        cluster.primary, cluster.replica = cluster.replica, f"node-{number}"
        cluster.asked_in_vain = 0
        assert link.exchange(COMMANDS, b"key")[0] == [cluster.primary]
        # The one that went away, and the address in the settings.
        assert cluster.asked_in_vain <= 2
        assert cluster.open <= 4
    link.close()
    assert cluster.open == 0


def test_who_has_left_and_comes_back_is_found(cluster: Cluster) -> None:
    """Two servers in turn, the address in the settings being neither's any more."""
    link = ClusterLink("redis+cluster://node-0:6379", timeout=1, connections=4)
    link.exchange(COMMANDS, b"key")
    cluster.primary, cluster.replica = "node-1", "node-2"
    for _ in range(6):
        assert link.exchange(COMMANDS, b"key")[0] == [cluster.primary]
        cluster.primary, cluster.replica = cluster.replica, cluster.primary


class GossipLink:
    """Of three servers, the first has just given all slots to the last, and the one between has not heard of it."""

    def __init__(self, url: str, **_: Any) -> None:
        self.host = urlsplit(url).hostname or ""

    def exchange(self, commands: Sequence[Command], key: bytes) -> Answered:
        if commands[0][0] == "CLUSTER":
            owner = b"a-before" if self.host == "b-between" else b"c-after"
            return [[[0, 16383, [owner, 6379, b"id"], [b"b-between", 6379, b"id"], [b"c-after", 6379, b"id"]]]], b"run"
        if self.host != "c-after":
            raise ReplayGuardUnavailable("Redis refused (MovedError)") from MovedError("247 c-after:6379")
        return [self.host], b"run"

    def close(self) -> None: ...


@pytest.mark.parametrize("seed", ["a-before", "b-between", "c-after"])
def test_who_says_that_a_slot_has_moved_is_asked_where_to(monkeypatch: pytest.MonkeyPatch, seed: str) -> None:
    monkeypatch.setattr(redis_cluster, "Link", GossipLink)
    link = ClusterLink(f"redis+cluster://{seed}:6379", timeout=1, connections=4)
    for _ in range(3):
        assert link.exchange(COMMANDS, b"key")[0] == ["c-after"]
