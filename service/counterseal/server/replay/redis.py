"""The memory in Redis or Valkey: one round trip for each use, and a way to tell that the server lost something.

Each mark is a key that Redis forgets by itself. Beside the marks lies an epoch: the server's run id, and since when the marks
are whole. The run id changes whenever the server starts, and every server has another; so an epoch with another run id, or
none, says that marks may be gone: it was restarted (with or without a file), emptied, or a replica was put in its place.
"""

from collections.abc import Callable
from typing import Final

from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.memories import Answer, Use
from counterseal.server.replay.redis_link import Exchanges

# What stands in braces decides the slot (and so the server) in a cluster: an epoch lies with its marks.
_PREFIX: Final = b"counterseal:replay:{%d}:"
_EPOCH: Final = b"epoch"
# Parts in a cluster, each with an epoch: enough that every server of a large one has some.
CLUSTER_PARTS: Final = 64
_TRIES: Final = 3
# Replaces the epoch if it still is what was read, and returns what it is then: of several who renew it, one does.
_RENEW: Final = b"""
if (redis.call('GET', KEYS[1]) or '') == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
return redis.call('GET', KEYS[1])
"""


class RedisMemory:
    """Remembers in one Redis server, whatever stands behind one address, or a cluster."""

    def __init__(self, link: Exchanges, *, clock: Callable[[], float], parts: int = 1) -> None:
        """`clock` returns Unix seconds; `parts` is CLUSTER_PARTS for a cluster."""
        self._link = link
        self._clock = clock
        self._prefixes = tuple(_PREFIX % part for part in range(parts))

    def use(self, mark: bytes, owner: bytes, *, until: float, now: float) -> Answer:
        """See Memory."""
        prefix = self._prefixes[mark[0] % len(self._prefixes)]
        key = prefix + mark
        milliseconds = max(1, int((until - now) * 1000))
        # After the mark the epoch: had the marks been lost in between, it would say so.
        commands = (("SET", key, owner, "NX", "PX", milliseconds), ("GET", key), ("GET", prefix + _EPOCH))
        for _ in range(_TRIES):
            (added, holder, epoch), run_id = self._link.exchange(commands, key)
            since = self._since(prefix + _EPOCH, epoch, run_id)
            if added:
                return Answer(use=Use.FIRST, since=since)
            if holder is not None:
                return Answer(use=Use.SAME if holder == owner else Use.OTHER, since=since)
            # Forgotten between the two commands, so its time was over.
        raise ReplayGuardUnavailable("Redis forgot what it was told just before")

    def tend(self, now: float) -> None:  # noqa: ARG002
        """See Memory. Redis forgets by itself; the epoch is renewed soon after a loss rather than with the next request."""
        for prefix in self._prefixes:
            name = prefix + _EPOCH
            (epoch,), run_id = self._link.exchange((("GET", name),), name)
            self._since(name, epoch, run_id)

    def close(self) -> None:
        """See Memory."""
        self._link.close()

    def _since(self, name: bytes, epoch: bytes | None, run_id: bytes) -> float:
        for _ in range(_TRIES):
            since = _read_epoch(epoch, run_id)
            if since is not None:
                return since
            # The time is taken after the loss was seen, not when the call began: others may have gone on until then.
            renewed = run_id + b" %d" % int(self._clock() * 1_000_000)
            (epoch,), run_id = self._link.exchange((("EVAL", _RENEW, 1, name, epoch or b"", renewed),), name)
        raise ReplayGuardUnavailable("Redis is replaced again and again")


def _read_epoch(epoch: bytes | None, run_id: bytes) -> float | None:
    """Return since when the marks are whole, in Unix seconds; None when the epoch is not this server's."""
    found, _, micros = (epoch or b"").partition(b" ")
    return int(micros) / 1_000_000 if found == run_id and micros.isdigit() else None
