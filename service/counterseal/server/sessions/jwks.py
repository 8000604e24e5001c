"""The keys of one identity provider: fetched when they are needed, kept for a while, and asked for again when they change."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, Protocol

from counterseal.server.errors import SignInUnavailable
from counterseal.server.lanes import seconds_left
from counterseal.server.sessions.jwk_set import IssuerKey, KeySet, NoKeySet, read_key_set
from counterseal.server.sessions.jwks_fetch import FetchFailed, fetch
from counterseal.server.telemetry.log import Log

FETCH_SECONDS: Final = 5.0
FRESH_SECONDS: Final = 600.0
# How long keys are relied on that nobody could ask for again. Whoever can keep the provider from answering has so long to use
# a key that was withdrawn.
USABLE_SECONDS: Final = 24 * 3600.0
# Between two fetches: a stranger names as many unknown keys as he likes.
PACE_SECONDS: Final = 30.0
# The same where there is nothing to go on with.
_NEED_SECONDS: Final = 5.0
# For one provider: each keeps a thread.
MOST_WAITING: Final = 16


class Fetch(Protocol):
    """Returns the body at a URL, or raises FetchFailed."""

    def __call__(self, url: str, *, seconds: float) -> bytes:
        """See `jwks_fetch.fetch`."""


class FindsKeys(Protocol):
    """What has an issuer's keys."""

    def find(self, kid: str | None) -> tuple[IssuerKey, ...]:
        """See Jwks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """`asked` is when the fetch began that brought the set."""

    keys: KeySet
    asked: float


class Jwks:
    """The keys at one URL. Thread-safe. At most one fetch is under way, in a thread of its own, for all who wait for it."""

    def __init__(
        self,
        url: str,
        *,
        log: Log,
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
        fetching: Fetch = fetch,
        fetch_seconds: float = FETCH_SECONDS,
    ) -> None:
        """`aside` gives the caller's permit to work to somebody else while it waits; `clock` is monotonic, in seconds."""
        self._url = url
        self._log = log
        self._aside = aside
        self._clock = clock
        self._fetching = fetching
        self._seconds = fetch_seconds
        self._slots = threading.BoundedSemaphore(MOST_WAITING)
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._asked: float | None = None
        self._flight: threading.Event | None = None

    def find(self, kid: str | None) -> tuple[IssuerKey, ...]:
        """Return the keys of that name, none where the provider has none; `kid` None: its only key.

        Keys older than ten minutes are asked for again first: the provider may have withdrawn them.

        Raises:
            SignInUnavailable: nobody knows, since the provider does not answer.
        """
        now = self._clock()
        with self._lock:
            found = self._named(kid, now, FRESH_SECONDS)
            if found:
                return found
            flight = self._fly(now)
        if flight is not None:
            self._wait(flight)
        return self._concluded(kid)

    def _concluded(self, kid: str | None) -> tuple[IssuerKey, ...]:
        with self._lock:
            found = self._named(kid, self._clock(), USABLE_SECONDS)
            answered = self._held is not None and self._held.asked == self._asked
        if not found and not answered:
            raise SignInUnavailable("the identity provider's keys cannot be had")
        return found

    def _named(self, kid: str | None, now: float, seconds: float) -> tuple[IssuerKey, ...]:
        held = self._held
        return held.keys.named(kid) if held is not None and now - held.asked < seconds else ()

    def _fly(self, now: float) -> threading.Event | None:
        """Return the fetch to wait for: the one under way, or one that begins. None: it is not time yet, or it hangs."""
        waited = None if self._asked is None else now - self._asked
        if self._flight is not None:
            # A name that resolves to nothing for minutes: those who come later do not wait as well.
            return self._flight if waited is not None and waited < self._seconds else None
        usable = self._held is not None and now - self._held.asked < USABLE_SECONDS
        if waited is not None and waited < (PACE_SECONDS if usable else _NEED_SECONDS):
            return None
        self._asked = now
        self._flight = flight = threading.Event()
        threading.Thread(target=self._fetch, args=(flight, now), name="counterseal-jwks", daemon=True).start()
        return flight

    def _wait(self, flight: threading.Event) -> None:
        if not self._slots.acquire(blocking=False):
            raise SignInUnavailable("too many calls are waiting for the identity provider's keys")
        try:
            with self._aside():
                flight.wait(seconds_left(self._seconds))
        finally:
            self._slots.release()

    def _fetch(self, flight: threading.Event, asked: float) -> None:
        try:
            keys = read_key_set(self._fetching(self._url, seconds=self._seconds))
        except (FetchFailed, NoKeySet) as error:
            self._note_failure(str(error), asked)
        except Exception as error:  # a bug; whoever waits must not wait for ever, and the next fetch must be possible
            self._note_failure(type(error).__name__, asked)
        else:
            self._take(_Held(keys=keys, asked=asked))
        finally:
            with self._lock:
                self._flight = None
            flight.set()

    def _take(self, held: _Held) -> None:
        with self._lock:
            before, self._held = self._held, held
        if before is None or before.keys != held.keys:
            self._log.info("oidc_keys_read", url=self._url, keys=len(held.keys.keys), left_out=dict(held.keys.left_out))
        if held.keys.left_out.get("private"):
            # Whoever reads the set can sign as the provider with it. It vouches for nothing here.
            self._log.error("oidc_private_key_published", url=self._url)

    def _note_failure(self, problem: str, asked: float) -> None:
        with self._lock:
            age = None if self._held is None else round(asked - self._held.asked)
        usable = age is not None and age < USABLE_SECONDS
        self._log.warning("oidc_keys_unavailable", url=self._url, text=problem, cached_seconds=age, going_on=usable)
