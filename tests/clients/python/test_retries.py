"""What is tried again, how often and until when; and a service that is not there, or hangs."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from counterseal.v1 import verification_pb2 as pb
from counterseal.v1.verification_pb2_grpc import add_VerificationServiceServicer_to_server
from counterseal_client import CallerRefused, Connection, RequestNotAccepted, Verdict, Verified, Verifier, VerifierUnavailable
from tests.clients.python.asking import REQUEST, Ask
from tests.clients.python.stub import StubService, held_address, verified


def test_unavailable_is_tried_again_with_the_same_id(stub: StubService, ask: Ask) -> None:
    stub.answer_in_turn(grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE, verified())
    assert isinstance(ask(Connection(address=stub.address, timeout=60)), Verified)
    assert len(stub.requests) == 3
    assert len({message.request_id for message in stub.requests}) == 1


def test_unavailable_to_the_end_is_an_error(stub: StubService, ask: Ask) -> None:
    stub.answer_in_turn(grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(VerifierUnavailable) as caught:
        ask(Connection(address=stub.address, timeout=60, attempts=4))
    assert caught.value.code == "UNAVAILABLE"
    assert len(stub.requests) == 4


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.INTERNAL, VerifierUnavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, VerifierUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, VerifierUnavailable),
        (grpc.StatusCode.UNIMPLEMENTED, VerifierUnavailable),
        (grpc.StatusCode.INVALID_ARGUMENT, RequestNotAccepted),
        (grpc.StatusCode.UNAUTHENTICATED, CallerRefused),
        (grpc.StatusCode.PERMISSION_DENIED, CallerRefused),
    ],
)
def test_nothing_else_is_tried_again(stub: StubService, ask: Ask, code: grpc.StatusCode, error: type[Exception]) -> None:
    stub.answer_in_turn(code, verified())
    with pytest.raises(error):
        ask(Connection(address=stub.address, timeout=60))
    assert len(stub.requests) == 1


def test_the_deadline_holds_for_all_attempts_together(stub: StubService, ask: Ask) -> None:
    """gRPC rounds a deadline up on its way, by up to a second from ten on: hence one below, and attempts of 300 ms each."""
    seen: list[float] = []

    def behave(_request: pb.VerifyRequest, context: grpc.ServicerContext) -> grpc.StatusCode:
        seen.append(context.time_remaining())
        time.sleep(0.3)
        return grpc.StatusCode.UNAVAILABLE

    stub.behave = behave
    with pytest.raises(VerifierUnavailable):
        ask(Connection(address=stub.address, timeout=9, attempts=3, backoff=0))
    assert len(seen) == 3
    assert seen[1] < seen[0] - 0.2
    assert seen[2] < seen[1] - 0.2


def test_no_pause_goes_beyond_the_deadline() -> None:
    connection = Connection(address="localhost:1", attempts=3, backoff=1000)
    assert connection.pause(1, left=0) is None
    assert connection.pause(3, left=1e9) is None
    pauses = {connection.pause(1, left=1e9) for _ in range(20)}
    assert len(pauses) > 1
    assert all(pause is not None and 0 <= pause <= 1000 for pause in pauses)


def test_a_service_that_hangs_is_unavailable(stub: StubService, ask: Ask) -> None:
    def hang(_request: pb.VerifyRequest, context: grpc.ServicerContext) -> pb.VerifyResponse:
        while context.is_active():
            time.sleep(0.01)
        return verified()

    stub.behave = hang
    with pytest.raises(VerifierUnavailable) as caught:
        ask(Connection(address=stub.address, timeout=0.3))
    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_no_service_at_all(ask: Ask) -> None:
    with held_address() as address, pytest.raises(VerifierUnavailable):
        ask(Connection(address=address, timeout=1))


def test_a_service_that_comes_back_is_found_again() -> None:
    with held_address() as address, Verifier(Connection(address=address, timeout=1)) as verifier:
        with pytest.raises(VerifierUnavailable):
            verifier.verify(REQUEST)
        server = grpc.server(ThreadPoolExecutor(2))
        add_VerificationServiceServicer_to_server(StubService(), server)
        assert server.add_insecure_port(address)
        server.start()
        try:
            until = time.monotonic() + 60
            verdict: Verdict | None = None
            while verdict is None and time.monotonic() < until:
                try:
                    verdict = verifier.verify(REQUEST)
                except VerifierUnavailable:
                    time.sleep(0.1)
            assert isinstance(verdict, Verified)
        finally:
            server.stop(None).wait()
