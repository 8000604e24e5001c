"""Passwords: hashed with Argon2id (RFC 9106), and verified at a cost that is the same whether there is a password or not.

A hash costs memory and time on purpose: 64 MiB and some tens of milliseconds on every core as configured here. So only so many
are computed at once, few calls wait for a turn, and none of them keeps a permit to work from others meanwhile. How long a
password must be is not checked here: see `principal_limits.py`.
"""

import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError

from counterseal.server.errors import SignInUnavailable
from counterseal.server.lanes import seconds_left

# How a hash is written: the order of parameters, and that they are decimal, are fixed by the reference implementation.
_WRITTEN: Final = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,9})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)
# What a hash in the store may ask for. A row that asks for more than anybody would configure is not computed: one with 4 GiB of
# memory, or a million passes, would take the server down for the price of one sign-in.
_MOST_MEMORY_KIB: Final = 256 * 1024
_MOST_PASSES: Final = 32
_MOST_LANES: Final = 16
_WAIT_SECONDS: Final = 5.0
_MOST_WAITING: Final = 32
# Places of one principal, waiting or not: people do not sign in so often at once, and the others are for everybody else.
_MOST_OF_ONE: Final = 8
_BUSY: Final = "more sign-ins at once than the service takes: try again"
_NO_ROOM: Final = "the service has no memory or thread left to compare a password: try again"


class Passwords:
    """Hashes and compares passwords. Thread-safe."""

    def __init__(
        self,
        *,
        at_once: int,
        aside: Callable[[], AbstractContextManager[None]],
        hasher: PasswordHasher | None = None,
        wait_seconds: float = _WAIT_SECONDS,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        """At most `at_once` are computed at a time.

        Args:
            at_once: each takes the hasher's memory while it lasts.
            aside: gives the permit of the call to somebody else meanwhile; see `Lane.aside`.
            hasher: None: the second choice of RFC 9106 section 4, for memory-constrained places: 64 MiB, three passes.
            wait_seconds: how long a call waits for its turn, or until its own deadline.
            most_waiting: how many calls wait for a turn: each keeps a thread.
        """
        self._hasher = hasher or PasswordHasher()
        self._aside = aside
        self._wait_seconds = wait_seconds
        self._turns = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + most_waiting)
        self._lock = threading.Lock()
        self._of_each: Counter[bytes] = Counter()
        # Nobody knows its password, this process included.
        self._dummy = self._hasher.hash(secrets.token_urlsafe(32))

    def hash(self, password: str) -> str:
        """Return what to keep instead of the password. Each hash has a salt of its own.

        Raises:
            SignInUnavailable: too many are being computed, or there is no memory for it.
        """
        with self._turn():
            try:
                return self._hasher.hash(password)
            except HashingError as error:
                raise SignInUnavailable(_NO_ROOM) from error

    @contextmanager
    def place_of(self, principal: bytes) -> Iterator[None]:
        """Let no principal, by its digest, have more than a few of its passwords compared at once, or waiting for it.

        Who fails is held back by the throttle, which lets many successes pass: one known password would keep all others out.

        Raises:
            SignInUnavailable: it has.
        """
        with self._lock:
            if self._of_each[principal] >= _MOST_OF_ONE:
                raise SignInUnavailable(_BUSY)
            self._of_each[principal] += 1
        try:
            yield
        finally:
            with self._lock:
                self._of_each[principal] -= 1
                if not self._of_each[principal]:
                    del self._of_each[principal]

    def matches(self, stored: str | None, password: str) -> bool:
        """Say whether this is the password of the stored hash.

        None is no password: it takes as long, and the answer is no. So does a hash that was never written here. What time does
        tell is a hash made with other parameters, until its holder signs in and it `needs_rehash`.

        Raises:
            SignInUnavailable: as `hash` does. Nobody knows then, and nobody is signed in.
        """
        known = stored is not None and _is_sane(stored)
        with self._turn():
            same = self._compare(stored if stored is not None and known else self._dummy, password)
        return known and same

    def needs_rehash(self, stored: str) -> bool:
        """Say whether a hash was made otherwise than `hash` makes them now."""
        return not _is_sane(stored) or self._hasher.check_needs_rehash(stored)

    def _compare(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except VerificationError as error:
            # No memory, no thread, or a row with the outward form of a hash that does not decode: nobody is signed in.
            raise SignInUnavailable(_NO_ROOM) from error

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise SignInUnavailable(_BUSY)
        try:
            until = time.monotonic() + seconds_left(self._wait_seconds)
            with self._aside():
                if not self._turns.acquire(timeout=max(0.0, until - time.monotonic())):
                    raise SignInUnavailable(_BUSY)
                try:
                    yield
                finally:
                    self._turns.release()
        finally:
            self._places.release()


def _is_sane(stored: str) -> bool:
    written = _WRITTEN.fullmatch(stored)
    if written is None:
        return False
    memory, passes, lanes = (int(number) for number in written.groups())
    # RFC 9106 section 3.1: at least eight KiB for each lane.
    return 8 * lanes <= memory <= _MOST_MEMORY_KIB and passes <= _MOST_PASSES and lanes <= _MOST_LANES
