"""Gateways under way: several channels that verify without a pause, and write down everything that was not as it should be."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import grpc

from counterseal.v1 import verification_pb2 as pb
from counterseal.v1 import verification_pb2_grpc as pb_grpc
from tests.server.calls import Client as Calls
from tests.server.calls import Issued, bearer, outcome, signed
from tests.support.process import RunningServer

# A connection of its own for each channel, and nothing else that the stubs do not do by themselves.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
PATIENCE = 120.0


def channel(server: RunningServer) -> grpc.Channel:
    return grpc.insecure_channel(server.address, options=OWN_CONNECTION)


def issue(server: RunningServer) -> Issued:
    with channel(server) as one:
        return Calls(one, bearer(server.admin_token)).issue()


def wait_for(holds: Callable[[], Any], what: str) -> Any:
    """Wait until `holds` returns something; generously."""
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < end, f"not in {PATIENCE} s: {what}"
        time.sleep(0.05)
    return found


class Load:
    """Counts answers by what they said, wrong verdicts, and failures by code and text."""

    def __init__(self, server: RunningServer, issued: Issued, pause: float) -> None:
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.failures: Counter[tuple[str, str]] = Counter()
        self._server, self._pause = server, pause
        self._over = threading.Event()
        stranger = Issued(issued.key_id, b"not the secret of this key, but as long")
        self._asked = ((signed(issued), "verified"), (signed(stranger), "MISMATCH"))

    def done(self) -> int:
        return sum(self.answers.values())

    def more(self, calls: int) -> None:
        """Wait until that many more calls have been answered."""
        until = self.done() + calls
        wait_for(lambda: self.done() >= until, f"{calls} more answers")

    def codes(self) -> set[str]:
        return {code for code, _ in self.failures}

    def keep_channel(self) -> None:
        with channel(self._server) as one:
            stub = pb_grpc.VerificationServiceStub(one)
            while not self._over.wait(self._pause):
                if not self._call(stub):
                    self._reconnect(one)

    def open_channels(self) -> None:
        """A new connection for each call."""
        while not self._over.wait(self._pause):
            with channel(self._server) as one:
                self._call(pb_grpc.VerificationServiceStub(one))

    def end(self) -> None:
        self._over.set()

    def _reconnect(self, one: grpc.Channel) -> None:
        """Wait until there is a connection: without one, gRPC fails each call at once until it tries again, in a second."""
        ready = grpc.channel_ready_future(one)
        while not self._over.is_set():
            with suppress(grpc.FutureTimeoutError):
                ready.result(0.1)
                break
        ready.cancel()

    def _call(self, stub: pb_grpc.VerificationServiceStub) -> bool:
        """Say whether there was an answer."""
        message, expected = self._asked[self.done() % 2]
        try:
            answer: pb.VerifyResponse = stub.Verify(message, timeout=PATIENCE)
        except grpc.RpcError as error:
            self.failures[error.code().name, str(error.details())] += 1
            time.sleep(0.02)
            return False
        found = outcome(answer)
        self.answers[found] += 1
        if found != expected:
            self.wrong.append(f"{found} instead of {expected}")
        return True


@contextmanager
def load(server: RunningServer, issued: Issued, *, kept: int = 8, opened: int = 2, pause: float = 0.02) -> Iterator[Load]:
    """Verify all the while: over `kept` channels that stay, and by `opened` gateways that open one for each call."""
    running = Load(server, issued, pause)
    threads = [threading.Thread(target=running.keep_channel) for _ in range(kept)]
    threads += [threading.Thread(target=running.open_channels) for _ in range(opened)]
    for thread in threads:
        thread.start()
    try:
        running.more(50)
        yield running
    finally:
        running.end()
        for thread in threads:
            thread.join()
    print(f"{running.done()} answers {dict(running.answers)}, failures {dict(running.failures)}")
