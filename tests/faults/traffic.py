"""Gateways that verify, and administrators that issue, rotate and revoke, all of them through every outage.

A change whose answer does not come is asked for again under the same request id until it is acknowledged: so in the end
everything is decided, and what was done twice or by half stands out.
"""

import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from counterseal.v1 import keys_pb2
from tests.faults.ledger import APART, Held, Ledger
from tests.server.calls import Client, Issued, bearer, outcome, signed

# Far more than is needed: a crowded machine may come to none of the processes for many seconds.
CALL_SECONDS = 120.0
PATIENCE = 300.0
# Whoever is told of an outage asks again a little later: what is down needs the machine to come back.
PAUSE = 0.1
# What nobody knows. All else that a call can end with would be a refusal, a defect, or a lie.
OUTAGE = grpc.StatusCode.UNAVAILABLE
OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.enable_http_proxy", 0),
)
_T = TypeVar("_T")


def said(client: Client, issued: Issued) -> str:
    """Return `verified`, the reason of the refusal, or the code of the call's failure."""
    try:
        return outcome(client.verification.Verify(signed(issued), timeout=CALL_SECONDS))
    except grpc.RpcError as error:
        return str(error.code().name)


def answered(call: Callable[[], _T]) -> _T:
    """Ask until there is an answer, for what may be asked twice: the service is well, but the machine may be busy."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() is not OUTAGE or time.monotonic() > end:
                raise
        time.sleep(PAUSE)


def until(condition: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"not in {PATIENCE} s: {what}"
        time.sleep(0.05)


class Traffic:
    """Threads on connections of their own to one address. What they were told and saw is in the ledger."""

    def __init__(self, address: str, admin_token: str, ledger: Ledger, seed: str) -> None:
        self._address, self._token, self._ledger, self._seed = address, admin_token, ledger, seed
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, gateways: int, administrators: int) -> None:
        for number in range(gateways + administrators):
            work = self._verify if number < gateways else self._administer
            self._threads.append(threading.Thread(target=self._guarded, args=(work, number)))
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def client(self) -> Iterator[Client]:
        with grpc.insecure_channel(self._address, options=OPTIONS) as channel:
            yield Client(channel, bearer(self._token))

    def _guarded(self, work: Callable[[Client, random.Random, int], None], number: int) -> None:
        try:
            with self.client() as client:
                work(client, random.Random(f"{self._seed}/{number}"), number)
        except BaseException as error:
            traceback.print_exc()
            self._ledger.note_wrong(f"a thread ended with {error!r}")

    def _verify(self, client: Client, draw: random.Random, number: int) -> None:
        while not self.over.wait(0.01):
            asked = self._ledger.question(draw)
            if asked is None:
                continue
            answer = said(client, asked.held.issued(asked.version))
            self._ledger.count(f"verify {answer}")
            if answer == OUTAGE.name:
                self.over.wait(PAUSE)
                continue
            with self._ledger.lock:
                problem = asked.wrong(answer)
            if problem:
                self._ledger.note_wrong(problem)

    def _administer(self, client: Client, draw: random.Random, number: int) -> None:
        """Each has its own keys, so that every answer says what there is."""
        mine: list[Held] = []
        count = 0
        while not self.over.wait(draw.uniform(0.02, 0.15)):
            count += 1
            request_id = f"{number}.{count}"
            dice, rested = draw.random(), [held for held in mine if time.time() > held.told + APART]
            if dice < 0.35 or not rested:
                mine.append(self._issue(client, request_id))
            elif dice < 0.8:
                self._rotate(client, draw.choice(rested), request_id)
            else:
                held = draw.choice(rested)
                mine.remove(held)
                self._revoke(client, held)

    def _issue(self, client: Client, request_id: str) -> Held:
        request = keys_pb2.IssueKeyRequest(principal=request_id, request_id=request_id)
        answer = self._acknowledged(client.keys.IssueKey, request, client, "issue")
        return self._ledger.add(answer.key.key_id, answer.secret.encode())

    def _rotate(self, client: Client, held: Held, request_id: str) -> None:
        with self._ledger.lock:
            held.rotations_begun += 1
        request = keys_pb2.RotateKeyRequest(key_id=held.key_id, overlap=Duration(seconds=86_400), request_id=request_id)
        answer = self._acknowledged(client.keys.RotateKey, request, client, "rotate")
        with self._ledger.lock:
            held.secrets.append(answer.secret.encode())
            held.told = time.time()

    def _revoke(self, client: Client, held: Held) -> None:
        with self._ledger.lock:
            held.revoke_begun = True
        request = keys_pb2.RevokeRequest(key_id=held.key_id, reason="a test")
        answer = self._acknowledged(client.keys.Revoke, request, client, "revoke")
        with self._ledger.lock:
            held.refused_from = answer.revoke_effective_time.ToNanoseconds() / 1e9

    def _acknowledged(self, call: Callable[..., _T], request: object, client: Client, what: str) -> _T:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                answer = call(request, metadata=client.admin, timeout=CALL_SECONDS)
            except grpc.RpcError as error:
                if error.code() is not OUTAGE or time.monotonic() > end:
                    raise AssertionError(f"{what}: {error.code()} {error.details()}") from error
                self._ledger.count(f"{what} UNAVAILABLE")
                time.sleep(PAUSE)
            else:
                self._ledger.count(f"{what} acknowledged")
                return answer
