"""Sending: many messages, few in flight, outcomes counted."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import grpc

from counterseal.v1 import verification_pb2

VERIFY = "/counterseal.v1.VerificationService/Verify"


def outcome_of(answer: bytes) -> str:
    response = verification_pb2.VerifyResponse.FromString(answer)
    if response.WhichOneof("outcome") == "verified":
        return "verified"
    name = verification_pb2.RejectionReason.Name(response.rejected.reason)
    return name.removeprefix("REJECTION_REASON_")


def send(address: str, messages: Iterable[bytes], *, in_flight: int, stop: threading.Event | None = None) -> Counter[str]:
    """Send every message once, `in_flight` at a time over one connection, until there are no more or `stop` is set."""
    counts: Counter[str] = Counter()
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(VERIFY)
        slots = threading.Semaphore(in_flight)
        lock = threading.Lock()

        def done(future: "grpc.Future[bytes]") -> None:
            try:
                found = outcome_of(future.result())
            except grpc.RpcError as error:
                found = error.code().name
            with lock:
                counts[found] += 1
            slots.release()

        for message in messages:
            if stop is not None and stop.is_set():
                break
            slots.acquire()
            call.future(message, timeout=120).add_done_callback(done)
        for _ in range(in_flight):
            slots.acquire()
    return counts


def over_and_over(messages: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from messages


class Background:
    """Sends in a thread until it is stopped."""

    def __init__(self, address: str, messages: list[bytes], *, in_flight: int) -> None:
        self._stop = threading.Event()
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0
        self._work = (address, messages, in_flight)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        address, messages, in_flight = self._work
        begun = time.perf_counter()
        self.counts = send(address, over_and_over(messages), in_flight=in_flight, stop=self._stop)
        self.seconds = time.perf_counter() - begun

    def __enter__(self) -> "Background":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
