"""A replica that is stopped, and asked at once when it goes on: it must not answer out of what it knew before.

The random campaign seldom meets this moment: a few milliseconds after waking up, the feed has read. Here calls wait for the
replica when it wakes up, more of them than there are threads, for keys that it has in its cache.
"""

import os
import signal
import time
from pathlib import Path

import grpc
import pytest

from counterseal.v1 import keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.fleet.campaign import CALL_SECONDS, until
from tests.fleet.fleet import BOUND, Replica, running_fleet
from tests.server.calls import Client, Issued, outcome, signed

ROUNDS = max(3, int(os.environ.get("COUNTERSEAL_TEST_REVOCATIONS", "40")) // 20)
KEYS = 20
GOOD = 5


def _warm(replica: Replica, messages: list[pb.VerifyRequest]) -> None:
    """Ask until it is in the cache. Until then it may be unknown, or a crowded machine too slow to find it in time."""
    for message in messages:
        for client in replica.clients:
            until(lambda client=client, message=message: client.verify(message) == "verified")  # type: ignore[misc]


def _revoke(client: Client, key_id: str) -> float:
    """Return the effective time, in seconds."""
    answer: keys_pb2.RevokeResponse = until(lambda: client.revoke(key_id))
    return answer.revoke_effective_time.ToNanoseconds() / 1e9


def _said(call: "grpc.Future[pb.VerifyResponse]") -> str:
    try:
        return outcome(call.result())
    except grpc.RpcError as error:
        return str(error.code().name)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_nothing_is_verified_out_of_an_old_cache(tmp_path: Path, engine: str) -> None:
    # Who wakes up has time to read the store, on a crowded machine also: all that matters is what it says then.
    with running_fleet(tmp_path, engine, settings={"STORE_TIMEOUT": "10"}) as fleet:
        awake, sleeper = fleet.replicas
        first = awake.clients[0]
        good = [signed(until(first.issue)) for _ in range(GOOD)]
        for _ in range(ROUNDS):
            issued: list[Issued] = [until(first.issue) for _ in range(KEYS)]
            messages = [signed(one) for one in issued]
            _warm(sleeper, [*messages, *good])
            sleeper.signal(signal.SIGSTOP)
            try:
                effective = max(_revoke(first, one.key_id) for one in issued)
                time.sleep(max(0.0, effective - time.time()) + 0.01)
                calls = [
                    client.verification.Verify.future(message, timeout=CALL_SECONDS)
                    for message in messages
                    for client in sleeper.clients
                ]
                time.sleep(BOUND / 10)  # they have left, and wait in the replica's sockets
            finally:
                sleeper.signal(signal.SIGCONT)
            said = {_said(call) for call in calls}
            assert said <= {"KEY_REVOKED", "UNAVAILABLE", "CANCELLED"}
            assert "KEY_REVOKED" in said
            _warm(sleeper, good)
