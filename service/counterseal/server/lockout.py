"""Brute force: failed signatures counted by key id and by source, made loud, and answered by a pause where that is configured.

The pause is for one key id from one source: the key's holder behind another source never notices. Whether anybody has the key
id makes no difference. A source is an IPv4 address or an IPv6 network of 64 bits, which is what one customer is given; a
request without a source is never turned away, for it may be anybody's. Each process counts by itself.
"""

import functools
import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from counterseal.server.tallies import Tally
from counterseal.server.telemetry.log import Log

# Failures of one key id, or of one source, within the time: from so many on they are logged, and again at each doubling.
LOUD_FROM: Final = 100
_MOST_COUNTED: Final = 65_536
_MOST_LOCKED: Final = 65_536
# Lines in a minute, whatever strangers do.
_LINES: Final = 20
_LINES_SECONDS: Final = 60.0
_IPV6_PREFIX: Final = 64
# IPv4 as translators write it: RFC 6052 section 2.1, and RFC 8215, whose networks are divided as each operator likes. All of
# IPv4 lies in one network of 64 bits there: one source would lock out everybody's holder.
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
_TRANSLATED_LOCALLY: Final = ipaddress.IPv6Network("64:ff9b:1::/48")


class LockoutMeter(Protocol):
    """What a lock-out reports. Must not raise."""

    def brute_force(self, kind: str) -> None:
        """A `key`, a `source` or a `pair` of both has failed so often that somebody should know."""

    def watch_locked(self, count: Callable[[], int]) -> None:
        """Have scrapes ask for the number of pairs that are locked out now."""


class SourceLockout:
    """Remembers failures, in bounded memory. Thread-safe.

    A pair with `failures` failures, none of them more than `seconds` after the first, is out for `seconds` from the last of
    them. What comes meanwhile is not looked at and does not count, so every lock-out ends; then counting begins anew. A success
    takes nothing back: it may be another client's behind the same source. `failures` 0: nobody is ever out.
    """

    def __init__(
        self,
        *,
        failures: int,
        seconds: float,
        log: Log,
        meter: LockoutMeter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` returns seconds."""
        self._failures = failures
        self._seconds = seconds
        self._log = log
        self._meter = meter
        self._clock = clock
        self._lock = threading.Lock()
        self._pairs: Tally[tuple[str, str]] = Tally(_MOST_COUNTED, seconds)
        self._keys: Tally[str] = Tally(_MOST_COUNTED, seconds)
        self._sources: Tally[str] = Tally(_MOST_COUNTED, seconds)
        # Pair -> when its lock-out ends, in that order.
        self._locked: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lines_since = float("-inf")
        self._lines = 0
        self._left_out = 0
        meter.watch_locked(self.locked_count)

    def is_out(self, key_id: str, source: str) -> bool:
        """See Lockout in `verifier.py`."""
        if not self._locked or not source:  # nearly always
            return False
        until = self._locked.get((key_id, source_network(source)))
        return until is not None and self._clock() < until

    def failed(self, key_id: str, source: str) -> None:
        """See Lockout in `verifier.py`."""
        network = source_network(source)
        now = self._clock()
        with self._lock:
            keys = self._keys.add(key_id, now)
            sources = self._sources.add(network, now) if network else 0
            pairs = self._count_pair((key_id, network), now) if network and self._failures else 0
            loud = [
                (kind, count)
                for kind, count, is_loud in (
                    ("key", keys, _is_loud(keys)),
                    ("source", sources, _is_loud(sources)),
                    ("pair", pairs, pairs > 0),
                )
                if is_loud
            ]
            left_out = [self._admit_line(now) for _ in loud]
        for (kind, count), before in zip(loud, left_out, strict=True):
            self._meter.brute_force(kind)
            if before is not None:
                self._line(kind, count, key_id, network, before)

    def locked_count(self) -> int:
        """Return how many pairs are out now."""
        with self._lock:
            self._drop_ended(self._clock())
            return len(self._locked)

    def _count_pair(self, pair: tuple[str, str], now: float) -> int:
        """Count, and lock out at the last failure that is borne. Returns the count of a pair that was locked out, else 0."""
        if self._locked.get(pair, 0.0) > now:
            return 0  # was being computed when others locked it out
        count = self._pairs.add(pair, now)
        if count < self._failures:
            return 0
        self._pairs.drop(pair)
        self._drop_ended(now)
        if len(self._locked) >= _MOST_LOCKED:
            self._locked.popitem(last=False)
        self._locked.pop(pair, None)
        self._locked[pair] = now + self._seconds
        return count

    def _drop_ended(self, now: float) -> None:
        while self._locked and next(iter(self._locked.values())) <= now:
            self._locked.popitem(last=False)

    def _admit_line(self, now: float) -> int | None:
        """Return how many lines were left out before this one; None: this one is left out as well."""
        if now - self._lines_since >= _LINES_SECONDS:
            self._lines_since, self._lines = now, 0
        if self._lines >= _LINES:
            self._left_out += 1
            return None
        self._lines += 1
        before, self._left_out = self._left_out, 0
        return before

    def _line(self, kind: str, count: int, key_id: str, network: str, left_out: int) -> None:
        # A key id has come through its grammar, a source is an address. A source's line names no key id, and the other way
        # round: the last of a thousand says nothing of the others.
        details: dict[str, object] = {"key_id": key_id} if kind != "source" else {}
        details |= {"source": network} if kind != "key" else {}
        details |= {"left_out": left_out} if left_out else {}
        self._log.warning("brute_force", kind=kind, failures=count, locked_out=kind == "pair", **details)


@functools.lru_cache(4096)
def source_network(address: str) -> str:
    """Return what counts as one source: an IPv4 address, the first 64 bits of an IPv6 address; empty for what is neither.

    An IPv4 address that was mapped or translated into IPv6 is that address.
    """
    if not address:
        return ""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address) or found in _TRANSLATED_LOCALLY:
        return str(found)
    if found.ipv4_mapped is not None or found in _TRANSLATED:
        return str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    return str(ipaddress.IPv6Network((int(found), _IPV6_PREFIX), strict=False))


def _is_loud(count: int) -> bool:
    """Say whether this is the first loud count, or twice, four times, ... as much."""
    doublings, rest = divmod(count, LOUD_FROM)
    return count > 0 and rest == 0 and doublings & (doublings - 1) == 0
