"""Rotation through real servers: two replicas on one store, uploads under way, and what is logged and shown."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from counterseal.server import app
from counterseal.server.callers import ADMIN_FILE
from counterseal.server.config import load_config
from counterseal.server.telemetry.log import open_log
from counterseal.v1 import keys_pb2
from tests.server.calls import Client, Issued, bearer, failing, signed
from tests.server.uploads import begun, further, outcome_of
from tests.support import leaks
from tests.support.process import RunningServer

START = 1_790_000_000.0


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


@contextmanager
def replica(data_dir: Path, clock: Clock) -> Iterator[tuple[Client, io.StringIO]]:
    given = {"DATA_DIR": str(data_dir), "LISTEN": "127.0.0.1:0", "METRICS_LISTEN": ""}
    config = load_config({f"COUNTERSEAL_{name}": value for name, value in given.items()})
    stream = io.StringIO()
    try:
        with (
            app.serving(config, open_log("info", stream), clock=clock) as service,
            grpc.insecure_channel(str(service.address)) as channel,
        ):
            yield Client(channel, bearer((data_dir / ADMIN_FILE).read_text().strip())), stream
    finally:
        leaks.let_out("in-process", stream.getvalue())


def rotate(client: Client, key_id: str, overlap: int = 3600, **fields: Any) -> keys_pb2.RotateKeyResponse:
    request = keys_pb2.RotateKeyRequest(key_id=key_id, overlap=Duration(seconds=overlap), **fields)
    return client.keys.RotateKey(request, metadata=client.admin)


def verify(client: Client, issued: Issued, clock: Clock) -> tuple[str, int]:
    answer = client.verification.Verify(signed(issued, at=clock.now))
    if answer.WhichOneof("outcome") == "verified":
        return "verified", answer.verified.secret_version
    return "rejected", 0


def until(client: Client, issued: Issued, clock: Clock, expected: tuple[str, int]) -> None:
    """Wait until a replica has heard of a change, with a generous deadline."""
    end = time.monotonic() + 60
    while verify(client, issued, clock) != expected:
        assert time.monotonic() < end, "the other replica never heard of it"
        time.sleep(0.01)


def test_both_secrets_verify_on_both_replicas_until_the_end(tmp_path: Path) -> None:
    clock = Clock()
    with ExitStack() as parts:
        one, log = parts.enter_context(replica(tmp_path / "data", clock))
        two, _ = parts.enter_context(replica(tmp_path / "data", clock))
        old = one.issue()
        for client in (one, two):
            assert verify(client, old, clock) == ("verified", 1)
        answer = rotate(one, old.key_id, 3600, request_id="r-1")
        new = Issued(old.key_id, answer.secret.encode())
        assert answer.previous_end_time.ToSeconds() == START + 3600
        assert [secret.version for secret in answer.key.secrets] == [2, 1]
        assert verify(one, new, clock) == ("verified", 2)
        until(two, new, clock, ("verified", 2))
        # The same retry on the other replica.
        assert rotate(two, old.key_id, 3600, request_id="r-1").secret == answer.secret
        clock.now = START + 3599.5
        for client in (one, two):
            assert verify(client, old, clock) == ("verified", 1)
            assert verify(client, new, clock) == ("verified", 2)
        clock.now = START + 3600
        for client in (one, two):
            assert verify(client, old, clock) == ("rejected", 0)
            assert verify(client, new, clock) == ("verified", 2)
        assert '"key_rotated"' in log.getvalue()
        assert answer.secret not in log.getvalue()
        shown = one.keys.GetKey(keys_pb2.GetKeyRequest(key_id=old.key_id), metadata=one.admin).key
        assert [secret.version for secret in shown.secrets] == [2]


def test_a_rotation_without_overlap_ends_the_old_secret_everywhere(tmp_path: Path) -> None:
    clock = Clock()
    with ExitStack() as parts:
        one, _ = parts.enter_context(replica(tmp_path / "data", clock))
        two, _ = parts.enter_context(replica(tmp_path / "data", clock))
        old = one.issue()
        assert verify(two, old, clock) == ("verified", 1)
        rotate(one, old.key_id, 0)
        assert verify(one, old, clock) == ("rejected", 0)  # at once where it was done
        until(two, old, clock, ("rejected", 0))


def test_both_secrets_verify_under_load(server: RunningServer, client: Client) -> None:
    """While a key is rotated over and over, the secrets that were acknowledged last and before go on verifying."""
    old = client.issue()
    wrong: list[str] = []
    stop = threading.Event()
    held = [old, old]
    lock = threading.Lock()

    def ask() -> None:
        with server.channel() as channel:
            own = Client(channel)
            while not stop.wait(0.001):  # not at once again, or whoever rotates hardly ever gets the lock
                with lock:  # so that none is asked about that ends meanwhile
                    wrong.extend(answer for issued in held if (answer := own.verify(signed(issued))) != "verified")

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(25):
        with lock:
            newest = held[1]
            secret = rotate(client, old.key_id).secret
            held[:] = [newest, Issued(old.key_id, secret.encode())]
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert client.verify(signed(old)) == "MISMATCH"


def test_an_upload_goes_on_with_the_secret_that_it_began_with(server: RunningServer, client: Client) -> None:
    issued = client.issue()
    made, ticket = begun(client, issued)
    new = Issued(issued.key_id, rotate(client, issued.key_id).secret.encode())
    answer = further(client, ticket, made.chunk(b"one"))
    assert outcome_of(answer) == "verified"
    ticket = answer.verified.continuation
    # A chunk that is signed with the new secret is not one of this upload.
    stray, _ = begun(client, new)
    stray.previous = made.previous
    assert outcome_of(further(client, ticket, stray.chunk(b"two"))) == "MISMATCH"
    rotate(client, issued.key_id)  # the secret of the upload is the third by now
    assert outcome_of(further(client, ticket, made.chunk(b"two"))) == "KEY_EXPIRED"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "overlap"),
        ({"overlap": Duration(seconds=-1)}, "overlap"),
        ({"overlap": Duration(seconds=366 * 86_400)}, "overlap"),
        ({"overlap": Duration(nanos=1)}, "overlap"),
        ({"overlap": Duration(nanos=2_000_000_000)}, "overlap"),
        ({"overlap": Duration(seconds=315_576_000_000)}, "overlap"),
        ({"overlap": Duration(seconds=2**62)}, "overlap"),
        ({"overlap": Duration(), "imported_secret": b"short"}, "imported_secret"),
        ({"overlap": Duration(), "request_id": "a b"}, "request_id"),
    ],
)
def test_limits_are_named(client: Client, fields: dict[str, Any], field: str) -> None:
    issued = client.issue()
    with failing() as seen:
        client.keys.RotateKey(keys_pb2.RotateKeyRequest(key_id=issued.key_id, **fields), metadata=client.admin)
    assert (seen[0].code, seen[0].reason, seen[0].field) == ("INVALID_ARGUMENT", "INVALID_FIELD", field)
    assert client.verify(signed(issued)) == "verified"


def test_only_administrators_rotate(client: Client) -> None:
    issued = client.issue()
    with failing() as seen:
        client.keys.RotateKey(keys_pb2.RotateKeyRequest(key_id=issued.key_id, overlap=Duration()))
    assert seen[0].code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
    assert client.verify(signed(issued)) == "verified"
