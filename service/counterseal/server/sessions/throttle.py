"""Guesses at passwords, counted before they are checked, in the store, by all processes together (docs/decisions/0059).

Three counts: for a principal from one source, for a principal, for a source. Many attempts at once are not more than the limit,
for each is counted before anything is hashed. A fourth is of the sessions that a principal begins. What is counted is a keyed
digest: people type passwords where names belong, and the table holds neither.
"""

import datetime as dt
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from counterseal.server.sessions.pace import LEAST_WAIT, MOST_IN_WINDOW, WINDOW
from counterseal.server.store.sign_ins import SignInCounts

# A principal from everywhere, and a source for everybody, may fail so many times as often.
_WIDER: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt that was counted, by the digests it was counted under."""

    pair: bytes = field(repr=False)
    principal: bytes = field(repr=False)
    source: bytes = field(repr=False)

    @property
    def others(self) -> tuple[bytes, ...]:
        """The digests that it was counted under with others' attempts."""
        return self.principal, self.source


class Throttle:
    """Counts attempts to sign in. Thread-safe. Every method raises StoreUnavailable.

    Whether there is such a principal makes no difference, here or in the statements that are run.
    """

    def __init__(
        self,
        counts: SignInCounts,
        *,
        failures: int,
        seconds: float,
        key: bytes,
        network: Callable[[str], str],
        clock: Callable[[], float],
    ) -> None:
        """`failures` for a pair within `seconds`; `key` is the same in every process.

        `network` returns what counts as one source, empty for what is no address; `clock` returns Unix seconds.
        """
        self._counts = counts
        self._failures = failures
        self._window = dt.timedelta(seconds=seconds)
        self._key = key
        self._network = network
        self._clock = clock

    def admit(self, tenant: str, principal: str, source: str) -> Attempt | dt.timedelta:
        """Count an attempt; or return after how long it makes sense to try again, and count nothing.

        `source` is an address. What is none counts as one source.
        """
        network = self._network(source)
        attempt = Attempt(
            pair=self._digest("pair", tenant, principal, network),
            principal=self._digest("principal", tenant, principal),
            source=self._digest("source", network),
        )
        now = dt.datetime.fromtimestamp(self._clock(), dt.UTC)
        wide = self._failures * _WIDER
        limits = [(attempt.pair, self._failures), *((other, wide) for other in attempt.others)]
        found = self._counts.count(limits, now, now + self._window)
        if isinstance(found, dt.datetime):
            return max(found - now, LEAST_WAIT)
        return attempt

    def begin(self, tenant: str, principal: str) -> dt.timedelta | None:
        """Count a session that a principal is about to begin; or return after how long it makes sense to try again.

        Whoever knows a password makes rows with it, so nothing takes this back. See `pace.py`.
        """
        return self._one_more(self._digest("begin", tenant, principal))

    def issue(self, session_id: str) -> dt.timedelta | None:
        """Count temporary credentials of a session, which the caller may have; or return when it makes sense to try again."""
        return self._one_more(self._digest("issue", session_id))

    def succeeded(self, attempt: Attempt) -> None:
        """Forget the failures of the pair, and this attempt in the other counts, which are not only its own."""
        self._counts.take_back([attempt.pair], attempt.others)

    def withdrawn(self, attempt: Attempt) -> None:
        """Take an attempt back that was not checked."""
        self._counts.take_back([], [attempt.pair, *attempt.others])

    def _one_more(self, digest: bytes) -> dt.timedelta | None:
        now = dt.datetime.fromtimestamp(self._clock(), dt.UTC)
        found = self._counts.count([(digest, MOST_IN_WINDOW)], now, now + WINDOW)
        return max(found - now, LEAST_WAIT) if isinstance(found, dt.datetime) else None

    def _digest(self, *parts: str) -> bytes:
        # JSON, so that no two lists of parts read alike. Surrogates cannot come: protobuf's strings are UTF-8.
        return hmac.digest(self._key, json.dumps(parts).encode("ascii"), "sha256")
