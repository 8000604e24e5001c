"""A server of several workers, with a connection to each of them, and requests that are sent to several at once."""

import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from counterseal.v1 import verification_pb2 as pb
from counterseal.v1 import verification_pb2_grpc as pb_grpc
from tests.server.calls import outcome
from tests.support.process import RunningServer
from tests.workers.load import channel, wait_for

ATTEMPTS = 100


def _sockets(pid: int) -> set[str]:
    """Return the inodes of a process' sockets."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def _established(port: int) -> dict[str, str]:
    """Return the inodes of established connections to a local port, by their remote ends."""
    # gRPC listens on IPv6 sockets, for IPv4 too.
    tables = [Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.splitlines()[1:]]
    return {line[2]: line[9] for line in lines if line[3] == "01" and int(line[1].partition(":")[2], 16) == port}


def workers_reached(server: RunningServer) -> set[int]:
    """Return the process ids of the workers that have a connection to the service's port."""
    connections = set(_established(int(server.address.rpartition(":")[2])).values())
    return {pid for pid in server.workers() if _sockets(pid) & connections}


@contextmanager
def stubs_by_worker(server: RunningServer) -> Iterator[dict[int, pb_grpc.VerificationServiceStub]]:
    """Give a stub for each worker, by process id: channels are opened until every worker has got one."""
    port = int(server.address.rpartition(":")[2])
    pids = wait_for(lambda: len(found := server.workers()) > 1 and found, "workers")
    found: dict[int, pb_grpc.VerificationServiceStub] = {}
    with ExitStack() as parts:
        known = set(_established(port))
        for _ in range(ATTEMPTS):
            if len(found) == len(pids):
                break
            one = parts.enter_context(channel(server))
            grpc.channel_ready_future(one).result(60)
            fresh = {remote: inode for remote, inode in _established(port).items() if remote not in known}
            known |= set(fresh)
            for pid in pids:
                if _sockets(pid) & set(fresh.values()):
                    found.setdefault(pid, pb_grpc.VerificationServiceStub(one))
        assert len(found) == len(pids), f"{len(found)} of {len(pids)} workers got a connection"
        yield found


@dataclass
class Tally:
    """What was answered: how often each request was verified, and every answer by its name.

    `asked_again`: how many were answered that nobody knows, which gateways take for a reason to ask again.
    """

    verified: Counter[int] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    asked_again: int = 0
    seconds: float = 0

    def text(self) -> str:
        once = sum(1 for count in self.verified.values() if count == 1)
        most = max(self.verified.values(), default=0)
        calls = sum(self.answers.values())
        each = ", ".join(f"{name} {count}" for name, count in sorted(self.answers.items()))
        return (
            f"{calls} calls in {self.seconds:.1f} s ({calls / self.seconds:.0f}/s): {each}; "
            f"{once} requests verified once, at most {most} times any"
        )


def send_everywhere(
    stubs: Sequence[pb_grpc.VerificationServiceStub], messages: Sequence[pb.VerifyRequest], *, copies: int, threads: int = 8
) -> Tally:
    """Send every request to `copies` workers at the same moment, each time under a request id of its own."""
    tally, lock, numbers = Tally(), threading.Lock(), itertools.count()
    begun = time.monotonic()

    def work() -> None:
        while (number := next(numbers)) < len(messages):
            asked = []
            for copy in range(copies):
                message = pb.VerifyRequest()
                message.CopyFrom(messages[number])
                message.request_id = f"{os.getpid()}-{number}-{copy}"
                asked.append((stubs[(number + copy) % len(stubs)], message))
            calls = [stub.Verify.future(message, timeout=120) for stub, message in asked]
            said = [answer_of(call) for call in calls]
            again = [at for at, answer in enumerate(said) if answer == "UNAVAILABLE"]
            for at in again:
                said[at] = answer_at_last(*asked[at])
            with lock:
                tally.asked_again += len(again)
                tally.answers.update(said)
                tally.verified[number] += said.count("verified")

    runners = [threading.Thread(target=work) for _ in range(threads)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    tally.seconds = time.monotonic() - begun
    return tally


def answer_at_last(stub: pb_grpc.VerificationServiceStub, message: pb.VerifyRequest) -> str:
    """Ask, and while nobody knows ask again under the same request id, as gateways do. Redis is given one second."""
    end = time.monotonic() + 60
    while (said := answer_of(stub.Verify.future(message, timeout=120))) == "UNAVAILABLE" and time.monotonic() < end:
        time.sleep(0.1)
    return said


def answer_of(call: Any) -> str:
    """Return what a call ended with: `verified`, the reason of a refusal, or the code of a failure."""
    try:
        return outcome(call.result())
    except grpc.RpcError as error:
        return str(error.code().name)
