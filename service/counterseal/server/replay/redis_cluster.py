"""A cluster of Redis or Valkey servers: who has which slot is asked, and asked again after every failure."""

import threading
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from redis.crc import key_slot
from redis.exceptions import MovedError

from counterseal.server.errors import ConfigError, ReplayGuardUnavailable
from counterseal.server.replay.redis_link import Answered, Command, Link

_SCHEMES: Final = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
Node = tuple[str, int]


class ClusterLink:
    """Keeps `Exchanges` for a cluster. The URL names one of its servers, any; the others are learned from it."""

    def __init__(self, url: str, *, timeout: float, connections: int) -> None:
        """No connection is made before one is needed.

        Raises:
            ConfigError: the URL cannot be read. The text quotes no part of it.
        """
        self._url = urlsplit(url)
        self._options = {"timeout": timeout, "connections": connections}
        self._lock = threading.Lock()
        try:
            seed = (self._url.hostname or "127.0.0.1", self._url.port or 6379)
        except ValueError:
            raise ConfigError("COUNTERSEAL_REPLAY_URL: the port is no number") from None
        if self._url.path not in {"", "/", "/0"}:
            raise ConfigError("COUNTERSEAL_REPLAY_URL: a cluster has no numbered databases")
        self._seed = seed
        self._links: dict[Node, Link] = {seed: self._open(seed)}
        # First and last slot of each range, and who has it; empty before it is known.
        self._ranges: tuple[tuple[int, int, Node], ...] = ()

    def exchange(self, commands: Sequence[Command], key: bytes) -> Answered:
        """See Exchanges. Where it fails, and the slot turns out to be somebody else's by now, that one is asked."""
        slot = key_slot(key)
        node = self._node(slot) or self._learn(slot, None)
        try:
            return self._ask(node, commands, key)
        except ReplayGuardUnavailable as error:
            other = self._learn(slot, node, moved=isinstance(error.__cause__, MovedError))
            if other == node:
                raise
        return self._ask(other, commands, key)

    def close(self) -> None:
        """Close all connections."""
        for link in list(self._links.values()):
            link.close()

    def _ask(self, node: Node, commands: Sequence[Command], key: bytes) -> Answered:
        link = self._links.get(node)
        if link is None:
            raise ReplayGuardUnavailable("the Redis cluster was changed at this moment")
        return link.exchange(commands, key)

    def _node(self, slot: int) -> Node | None:
        return next((node for first, last, node in self._ranges if first <= slot <= last), None)

    def _learn(self, slot: int, failed: Node | None, *, moved: bool = False) -> Node:
        """Ask who has which slot, and return who has this one.

        `failed` is asked last, unless it said itself that the slot has `moved`: others may not have heard of it yet.
        """
        with self._lock:
            known = self._node(slot)
            if known is not None and known != failed:
                return known  # somebody else asked meanwhile
            for asked in sorted(self._links, key=lambda node: (node == failed) != moved):
                try:
                    (ranges,), _ = self._links[asked].exchange((("CLUSTER", "SLOTS"),), b"")
                except ReplayGuardUnavailable:
                    continue
                self._keep({_read_node(node, asked) for _, _, *nodes in ranges for node in nodes})
                self._ranges = tuple((int(first), int(last), _read_node(node, asked)) for first, last, node, *_ in ranges)
                found = self._node(slot)
                if found is not None:
                    return found
        raise ReplayGuardUnavailable("nobody in the Redis cluster says who has the slot")

    def _keep(self, nodes: set[Node]) -> None:
        """Have links to these servers and to none that left: after a failure each would be asked, and waited for."""
        before = self._links
        self._links = {node: before.get(node) or self._open(node) for node in (self._seed, *sorted(nodes))}
        for node in before.keys() - self._links.keys():
            before[node].close()

    def _open(self, node: Node) -> Link:
        host, port = node
        login, at, _ = self._url.netloc.rpartition("@")
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        scheme = _SCHEMES[self._url.scheme]
        url = urlunsplit((scheme, f"{login}{at}{address}", "", self._url.query, ""))
        return Link(url, timeout=self._options["timeout"], connections=int(self._options["connections"]))


def is_cluster(url: str) -> bool:
    """Say whether the URL is that of a cluster."""
    return url.partition("://")[0] in _SCHEMES


def _read_node(node: Sequence[bytes | int | None], asked: Node) -> Node:
    # An empty host is that of whoever answers.
    host = node[0].decode() if isinstance(node[0], bytes) and node[0] else asked[0]
    return host, int(node[1] or 0)
