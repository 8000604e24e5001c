"""`kill -9` amid rotations: a key has its old secret or the new one, and what was acknowledged is never lost.

COUNTERSEAL_TEST_ROTATION_KILLS says how many lives the folder has; each is ended at a random moment.
"""

import os
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from google.protobuf.duration_pb2 import Duration

from counterseal.v1 import keys_pb2
from tests.server.calls import Client, Issued, bearer, signed
from tests.support.process import RunningServer, start_server

KILLS = int(os.environ.get("COUNTERSEAL_TEST_ROTATION_KILLS", "4"))
KEYS = 4


@dataclass
class Held:
    """A key, and what its holder was told. `asked`: the request id of a rotation whose answer never came."""

    issued: Issued
    rotations: int = 0
    asked: str = ""
    retired: list[Issued] = field(default_factory=list)


def rotate(client: Client, held: Held, request_id: str) -> None:
    held.asked = request_id
    request = keys_pb2.RotateKeyRequest(key_id=held.issued.key_id, overlap=Duration(seconds=86_400), request_id=request_id)
    answer = client.keys.RotateKey(request, metadata=client.admin)
    held.retired.append(held.issued)
    held.issued = Issued(held.issued.key_id, answer.secret.encode())
    held.rotations += 1
    held.asked = ""


def rotate_on(server: RunningServer, held: Held, life: int) -> None:
    """Rotate a key until the server is gone."""
    with server.channel() as channel:
        client = Client(channel, bearer(server.admin_token))
        for number in range(1_000_000):
            try:
                rotate(client, held, f"{life}.{number}")
            except grpc.RpcError:
                return


def check(client: Client, held: Held) -> None:
    # The last secret that its holder was told verifies, whether the rotation that was cut off came to pass or not.
    assert client.verify(signed(held.issued)) == "verified", "an acknowledged secret is lost"
    if held.asked:
        before = held.issued
        rotate(client, held, held.asked)  # the same call again: one new secret, whichever attempt made it
        assert client.verify(signed(held.issued)) == "verified"
        assert client.verify(signed(before)) == "verified"
    for retired in held.retired[:-1][-3:]:
        assert client.verify(signed(retired)) == "MISMATCH", "more than two secrets verify"
    key = client.keys.GetKey(keys_pb2.GetKeyRequest(key_id=held.issued.key_id), metadata=client.admin).key
    assert key.secrets[0].version == held.rotations + 1, "a rotation was done twice, or lost"


def test_rotations_survive_kill_9(tmp_path: Path) -> None:
    choose = random.Random(20261122)
    keys: list[Held] = []
    for life in range(KILLS + 1):
        server = start_server(tmp_path / "data", LAST_USE_INTERVAL="0.05")
        try:
            with server.channel() as channel:
                client = Client(channel, bearer(server.admin_token))
                keys = keys or [Held(client.issue()) for _ in range(KEYS)]
                for held in keys:
                    check(client, held)
            if life == KILLS:
                break
            threads = [threading.Thread(target=rotate_on, args=(server, held, life)) for held in keys]
            for thread in threads:
                thread.start()
            threading.Event().wait(choose.uniform(0.02, 0.6))
            server.kill()
            for thread in threads:
                thread.join()
        finally:
            server.kill()
    cut_off = sum(held.rotations for held in keys)
    print(f"{KILLS} kills amid {cut_off} acknowledged rotations of {KEYS} keys")
    assert cut_off > KEYS
