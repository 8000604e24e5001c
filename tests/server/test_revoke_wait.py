"""Revoke with `wait`: answered once the effective time has passed, without keeping others from working."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from counterseal.v1 import keys_pb2
from tests.server.calls import Client, read_failure, signed
from tests.server.inprocess import InProcess, in_process

# For calls that are answered after a second, on a machine that has much else to do.
SECONDS = 150


@pytest.fixture
def served(tmp_path: Path) -> Iterator[InProcess]:
    with in_process(tmp_path / "data", REVOKE_BOUND="1", THREADS="2") as running:
        yield running


def _revoke(served: InProcess, key_id: str, *, timeout: float = SECONDS) -> keys_pb2.RevokeResponse:
    request = keys_pb2.RevokeRequest(key_id=key_id, reason="x", wait=True)
    answer: keys_pb2.RevokeResponse = served.client.keys.Revoke(request, metadata=served.client.admin, timeout=timeout)
    return answer


def test_it_is_answered_after_the_effective_time(served: InProcess) -> None:
    issued = served.client.issue()
    answer = _revoke(served, issued.key_id)
    assert time.time() >= answer.revoke_effective_time.ToNanoseconds() / 1e9
    assert answer.key.state == keys_pb2.KEY_STATE_REVOKED


def test_a_deadline_that_comes_first(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", REVOKE_BOUND="3600") as served:
        issued = served.client.issue()
        # A machine may be so busy that a call ends before it has begun; so it is given more and more time.
        for timeout in (0.5, 5, 50):
            with pytest.raises(grpc.RpcError) as raised:
                _revoke(served, issued.key_id, timeout=timeout)
            assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            if served.client.verify(signed(issued)) == "KEY_REVOKED":
                break
        assert served.client.verify(signed(issued)) == "KEY_REVOKED"


def _issued(client: Client) -> str:
    """Issue a key; return nothing, or why not."""
    try:
        client.issue()
    except grpc.RpcError as error:
        return read_failure(error).reason
    return ""


def test_those_who_wait_are_in_nobodys_way_and_are_not_too_many(served: InProcess) -> None:
    """One permit to work on keys, forty who ask: some wait, the others are told to ask again, and others work meanwhile."""
    keys = [served.client.issue() for _ in range(40)]
    failures: dict[str, str] = {}

    def revoke(key_id: str) -> None:
        try:
            _revoke(served, key_id)
        except grpc.RpcError as error:
            failure = read_failure(error)
            failures[key_id] = f"{failure.code} {failure.reason}"

    threads = [threading.Thread(target=revoke, args=(issued.key_id,)) for issued in keys]
    for thread in threads:
        thread.start()
    end = time.monotonic() + SECONDS
    # On a slow disk there is now and then no place among those who wait for their turn to write.
    while (problem := _issued(served.client)) == "STORE_UNAVAILABLE" and time.monotonic() < end:
        time.sleep(0.01)
    assert problem == ""
    for thread in threads:
        thread.join()
    assert set(failures.values()) <= {"UNAVAILABLE STORE_UNAVAILABLE"}
    assert len(failures) < len(keys)
    for key_id in failures:
        served.client.revoke(key_id)
    assert all(served.client.verify(signed(issued)) == "KEY_REVOKED" for issued in keys)
