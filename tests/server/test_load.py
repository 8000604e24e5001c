"""Limits on what the server takes at once, deadlines, and stopping with calls in flight."""

import io
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from counterseal.server.callers import CallerBook
from counterseal.server.lanes import Lane
from counterseal.server.rpc.gate import Gate, Rules
from counterseal.server.rpc.patience import Patience
from counterseal.server.rpc.services import VERIFICATION
from counterseal.server.telemetry.log import open_log
from counterseal.server.telemetry.metrics import Metrics
from counterseal.server.verifier import Verifier
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Client, bearer, failing, outcome, read_failure, signed
from tests.server.inprocess import InProcess, in_process
from tests.support.process import RunningServer, running_server

LIMIT = 65_536
SECONDS = 90


class Held:
    """Lets calls begin, and keeps them until it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        sound = Verifier.walk

        def walk(verifier: Verifier, *given: object) -> object:
            self.begun.release()
            assert self.go_on.wait(200)
            return sound(verifier, *given)  # type: ignore[arg-type]

        monkeypatch.setattr(Verifier, "walk", walk)

    def call(self, client: Client, message: pb.VerifyRequest) -> Any:
        """Make a call that begins. One that was answered counts for a moment longer, and may be one too many."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            call = client.verification.Verify.future(message)
            while not call.done():
                if self.begun.acquire(timeout=0.05):
                    return call
        raise AssertionError("no call begins")


def test_a_message_at_the_limit_passes_and_above_it_fails(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", MAX_MESSAGE_BYTES=str(LIMIT)) as server:
        issued = server.client.issue()
        message = signed(issued, body=b"b" * (LIMIT - 1500))
        message.request_id = "r"
        while message.ByteSize() < LIMIT:
            message.http_request.headers.add(name="x", value=b"v" * min(200, max(0, LIMIT - message.ByteSize() - 10)))
            if LIMIT - message.ByteSize() < 12:
                message.request_id += "r" * (LIMIT - message.ByteSize())
        assert message.ByteSize() == LIMIT
        assert server.client.verify(message) == "verified"
        message.request_id += "r"
        with failing() as seen:
            server.client.verify(message)
        assert (seen[0].code, seen[0].reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")


def test_far_above_the_limit_grpc_itself_refuses(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", MAX_MESSAGE_BYTES=str(LIMIT)) as server:
        with pytest.raises(grpc.RpcError) as caught:
            server.client.verify(signed(server.client.issue(), body=b"b" * 3 * LIMIT))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_flood_of_headers_and_metadata(server: RunningServer, client: Client) -> None:
    message = signed(client.issue())
    for _ in range(60_000):
        message.http_request.headers.add(name="x")
    assert client.verify(message) == "MALFORMED"
    with pytest.raises(grpc.RpcError) as caught:
        client.verify(pb.VerifyRequest(), tuple((f"x-{number}", "v" * 1000) for number in range(60)))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_too_many_calls_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    with in_process(tmp_path / "data", MAX_CONCURRENT_CALLS="2", THREADS="2") as server:
        message = signed(server.client.issue())
        calls = [held.call(server.client, message) for _ in range(2)]
        with grpc.insecure_channel(str(server.service.address), options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                Client(channel).verify(message)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        held.go_on.set()
        assert [outcome(call.result()) for call in calls] == ["verified"] * 2


def test_a_call_whose_deadline_passed_in_the_queue_is_not_worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    with in_process(tmp_path / "data", THREADS="1") as server:
        message = signed(server.client.issue())
        first = held.call(server.client, message)
        # Until the late one was certainly in the queue: on a busy machine a call may end before it is there.
        for timeout in (0.2, 2, 20):
            with pytest.raises(grpc.RpcError) as caught:
                server.client.verification.Verify(message, timeout=timeout)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            if late := _until_refused(server):
                break
        assert late
        held.go_on.set()
        assert outcome(first.result()) == "verified"
        # One thread: when this is answered, the late call has been dealt with.
        assert server.client.verify(message) == "verified"
        assert held.begun.acquire(blocking=False)
        assert not held.begun.acquire(blocking=False), "the late call was worked on"


def _until_refused(server: InProcess) -> bool:
    """Say whether a call to verify ends without a verdict, within some seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for code in ("DEADLINE_EXCEEDED", "CANCELLED"):
            if server.service.metrics.registry.get_sample_value("counterseal_rpc_total", {"method": "Verify", "code": code}):
                return True
        time.sleep(0.01)
    return False


def test_a_deadline_that_has_passed_is_seen_before_anything_else() -> None:
    """gRPC drops most such calls itself; for the rest there is the gate."""

    class Late:
        def time_remaining(self) -> float:
            return 0.0

        def peer(self) -> str:
            return "ipv4:127.0.0.1:1"

        def abort_with_status(self, status: grpc.Status) -> None:
            raise RuntimeError(status.code.name)

    log = open_log("error", io.StringIO())
    patience = Patience(seconds=60, hurry=60, crowd=60)
    gate = Gate(book=CallerBook(), metrics=Metrics("0"), log=log, max_bytes=1, certificates=False, patience=patience)
    rules = Rules(lane=Lane(1))
    acts = {method.name: lambda *_: pytest.fail("it was worked on") for method in VERIFICATION.methods}
    handlers = gate.handlers(VERIFICATION, acts, rules)
    with pytest.raises(RuntimeError, match="DEADLINE_EXCEEDED"):
        handlers["Verify"].stream_unary(iter([b""]), Late())  # type: ignore[misc, arg-type]


def test_stopping_finishes_the_calls_in_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Health says so first; a call in flight is finished; a call that comes later is sent elsewhere."""
    held = Held(monkeypatch)
    with ExitStack() as late:
        with in_process(tmp_path / "data", STOP_GRACE="90") as server:
            address, message = str(server.service.address), signed(server.client.issue())
            client = Client(late.enter_context(grpc.insecure_channel(address)))
            watch = health_pb2_grpc.HealthStub(late.enter_context(grpc.insecure_channel(address))).Watch(
                health_pb2.HealthCheckRequest(), timeout=200
            )
            assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
            in_flight = held.call(client, message)
            seen: list[str] = []
            meanwhile = threading.Thread(target=_when_stopping, args=(watch, client, held.go_on, seen))
            meanwhile.start()
        meanwhile.join()
        assert seen == ["NOT_SERVING", "UNAVAILABLE STOPPING"]
        assert outcome(in_flight.result()) == "verified"


def _refusal(client: Client) -> str:
    """Return how a call without credentials is refused; the reason is ours, and missing once gRPC itself refuses."""
    with pytest.raises(grpc.RpcError) as caught:
        client.issue()
    if rpc_status.from_call(caught.value) is None:
        return str(caught.value.code().name)
    failure = read_failure(caught.value)
    return f"{failure.code} {failure.reason}"


def _when_stopping(watch: Any, client: Client, go_on: threading.Event, seen: list[str]) -> None:
    try:
        seen.append(health_pb2.HealthCheckResponse.ServingStatus.Name(next(watch).status))
        while (told := _refusal(client)) == "UNAUTHENTICATED CALLER_UNKNOWN":
            pass
        seen.append(told)
        go_on.wait(1.0)  # long enough for a stop that does not wait to show itself
    finally:
        go_on.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_a_real_server(tmp_path: Path, number: signal.Signals) -> None:
    with running_server(tmp_path / "data") as server, server.channel() as channel:
        client = Client(channel, bearer(server.admin_token))
        message = signed(client.issue())
        stop, answers = threading.Event(), []

        def ask() -> None:
            while not stop.is_set():
                try:
                    answers.append(client.verify(message))
                except grpc.RpcError as error:
                    answers.append(error.code().name)
                    return

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(answers) < 50:
            time.sleep(0.01)
        server.process.send_signal(number)
        assert server.process.wait(120) == 0
        stop.set()
        for thread in threads:
            thread.join()
    # Every call was answered, or refused because the server was stopping. None was cut off or answered wrongly.
    assert set(answers) <= {"verified", "UNAVAILABLE"}
    assert "stopped" in server.log()
