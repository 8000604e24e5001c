"""Revocations at random moments under load, many in flight at once; who still says *verified*, and when.

Of each revocation the time of its effect is known, by this machine's clock. A call that begins later must not be answered as
verified, whatever was done to the fleet meanwhile: not while it is done, and not when all is over and caches read anew. Keys
that nobody revokes are asked for all along: they may be unavailable, and are never refused.
"""

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from counterseal.v1 import verification_pb2 as pb
from tests.fleet.fleet import BOUND, CACHE_SECONDS, Fleet, Replica
from tests.fleet.results import Results
from tests.server.calls import Client, Issued, outcome, signed

# Far more than is needed: a crowded machine may come to none of the processes for many seconds.
CALL_SECONDS = 120.0
TRACKS = 16
WITNESS_PAUSE = 0.02
POLL_PAUSE = 0.004
PATIENCE = 300.0
OUTAGES = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
_NAMES = {code.name for code in OUTAGES}


@dataclass(frozen=True)
class Doomed:
    """What verifies until it is ended. `end` returns the effective time, in nanoseconds, by the clock of who answers."""

    message: Callable[[], pb.VerifyRequest]
    end: Callable[[Client], int]


Begin = Callable[[Client, random.Random], Doomed]


def issue(client: Client, _: random.Random) -> Doomed:
    """A key, which is revoked."""
    issued = client.issue()
    return Doomed(lambda: signed(issued), lambda admin: admin.revoke(issued.key_id).revoke_effective_time.ToNanoseconds())


class Campaign:
    """`wanted` revocations on a fleet. `administers` are replicas whose Revoke is asked, `tracks` how many at once.

    `begin` makes what is revoked.
    """

    def __init__(
        self,
        fleet: Fleet,
        wanted: int,
        *,
        administers: tuple[Replica, ...],
        seed: str,
        tracks: int = TRACKS,
        begin: Begin = issue,
    ) -> None:
        self._fleet, self._wanted, self._administers = fleet, wanted, administers
        self._seed, self._tracks, self._begin = seed, tracks, begin
        self._lock = threading.Lock()
        self._begun = 0
        self._revoked: list[Doomed] = []
        self._errors: list[BaseException] = []
        self.done = threading.Event()
        self.results = Results()

    def run(self, disturb: Callable[[threading.Event, random.Random], None] | None = None) -> Results:
        """Run to the end; `disturb` breaks things meanwhile, until it is told that all is done."""
        self._fleet.cover()
        before = self._fleet.verdicts()
        others = [threading.Thread(target=self._guarded, args=(self._witness, client)) for client in self._fleet.clients]
        if disturb is not None:
            others.append(threading.Thread(target=self._guarded, args=(disturb, self.done, random.Random(self._seed))))
        tracks = [threading.Thread(target=self._guarded, args=(self._track, number)) for number in range(self._tracks)]
        for thread in [*others, *tracks]:
            thread.start()
        for thread in tracks:
            thread.join()
        self._ask_again(settled=False)
        self.done.set()
        for thread in others:
            thread.join()
        if self._errors:
            raise self._errors[0]
        # What was cached is read anew, also by workers that lost their connections.
        time.sleep(CACHE_SECONDS + 0.5)
        self._ask_every_worker()
        self.results.verdicts = {worker: count - before[worker] for worker, count in self._fleet.verdicts().items()}
        return self.results

    def _ask_every_worker(self) -> None:
        """Ask again, until no connection has changed workers meanwhile: one that a stalled machine lost may have."""
        end = time.monotonic() + PATIENCE
        while True:
            self._fleet.cover()
            self._ask_again(settled=True)
            if self._fleet.covered():
                return
            assert time.monotonic() < end, "a worker was not asked for the revoked keys again"
            assert set(self.results.again.pop()) == {"KEY_REVOKED"}

    def _ask_again(self, *, settled: bool) -> None:
        """Ask for every revoked key on every connection. `settled`: nothing is broken any more, so all are refused at last."""
        said: Counter[str] = Counter()

        def ask(client: Client) -> None:
            for doomed in self._revoked:
                answer = self._ask(client, doomed.message())
                end = time.monotonic() + PATIENCE
                while settled and answer in _NAMES and time.monotonic() < end:
                    answer = self._ask(client, doomed.message())
                with self._lock:
                    said[answer] += 1

        threads = [threading.Thread(target=self._guarded, args=(ask, client)) for client in self._fleet.clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.results.again.append(said)

    def _guarded(self, work: Callable[..., None], *args: object) -> None:
        try:
            work(*args)
        except BaseException as error:
            traceback.print_exc()
            self._errors.append(error)
            self.done.set()

    def _track(self, number: int) -> None:
        draw = random.Random(f"{self._seed}/{number}")
        while not self.done.is_set():
            with self._lock:
                if self._begun == self._wanted:
                    return
                self._begun += 1
            self._revoke_one(draw)

    def _revoke_one(self, draw: random.Random) -> None:
        replica = draw.choice(self._administers)
        admin = draw.choice(replica.clients)
        doomed: Doomed = until(lambda: self._begin(admin, draw))
        message = doomed.message()
        for client in self._fleet.clients:
            until(lambda client=client: self._ask(client, message) == "verified" or None)  # type: ignore[misc]
        time.sleep(draw.uniform(0, 0.3))
        self._ask(draw.choice(self._fleet.clients), message)
        effective = until(lambda: doomed.end(admin)) / 1e9 - replica.ahead
        self._follow(message, effective - BOUND, effective)
        self._check_for_good(message, effective)
        with self._lock:
            self._revoked.append(doomed)

    def _follow(self, message: pb.VerifyRequest, committed: float, effective: float) -> None:
        """Ask everywhere until everywhere it is refused, or the effective time has come."""
        left, refused_at, last_verified = list(self._fleet.clients), committed, committed
        while left and time.time() < effective:
            for client in list(left):
                begun = time.time()
                said = self._ask(client, message, timeout=CALL_SECONDS)
                answered = time.time()
                if said == "verified":
                    last_verified = max(last_verified, answered)
                    if begun > effective:
                        self._note_wrong(begun - effective)
                    elif answered > effective:
                        with self._lock:
                            self.results.crossing += 1
                elif said == "KEY_REVOKED":
                    left.remove(client)
                    refused_at = max(refused_at, answered)
            time.sleep(POLL_PAUSE)
        with self._lock:
            self.results.last_verified.append(last_verified - committed)
            # Where an outage kept a worker from answering at all, there is nothing to measure.
            if not left:
                self.results.effects.append(refused_at - committed)

    def _check_for_good(self, message: pb.VerifyRequest, effective: float) -> None:
        """From the effective time on: refused, or unavailable; and refused in the end."""
        time.sleep(max(0.0, effective - time.time()))
        for client in self._fleet.clients:
            end = time.monotonic() + PATIENCE
            while True:
                begun = time.time()
                said = self._ask(client, message)
                with self._lock:
                    self.results.checked += 1
                if said == "verified" and begun > effective:
                    self._note_wrong(begun - effective)
                if said == "KEY_REVOKED":
                    break
                assert time.monotonic() < end, f"it does not recover: {said}"
                time.sleep(0.02)

    def _note_wrong(self, after: float) -> None:
        with self._lock:
            self.results.wrong.append(f"verified by a call begun {after:.3f} s after the effective time")

    def _witness(self, client: Client) -> None:
        """Ask for a key that nobody revokes."""
        issued: Issued = until(self._administers[0].clients[0].issue)
        until(lambda: self._ask(client, signed(issued)) == "verified" or None)
        while not self.done.is_set():
            said = self._ask(client, signed(issued))
            # CANCELLED: a process that was stopped finds that it has waited too long for a message. No verdict either.
            if said not in {"verified", "UNAVAILABLE", "CANCELLED"}:
                self.results.refused.append(said)
            time.sleep(WITNESS_PAUSE)
        # It recovers by itself.
        until(lambda: self._ask(client, signed(issued)) == "verified" or None)

    def _ask(self, client: Client, message: pb.VerifyRequest, timeout: float = CALL_SECONDS) -> str:
        """Return the verdict, or the code of the call's failure."""
        try:
            said = outcome(client.verification.Verify(message, timeout=timeout))
        except grpc.RpcError as error:
            said = error.code().name
        with self._lock:
            self.results.outcomes[said] += 1
        return said


def until(attempt: Callable[[], Any]) -> Any:
    """Try until there is a result; outages meanwhile are part of it."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            found = attempt()
        except grpc.RpcError as error:
            if error.code() not in OUTAGES:
                raise
            found = None
        if found is not None and found is not False:
            return found
        assert time.monotonic() < end, "it does not recover"
        time.sleep(0.02)
