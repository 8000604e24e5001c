"""Bearer keys through a real issuer: retries, rotation, what never widens, revocation over two replicas, single use."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from unittest import mock

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from counterseal.server.store.keystore import KeyStore
from counterseal.v1 import keys_pb2, verification_pb2
from tests.server.calls import Client, failing, read_failure
from tests.server.inprocess import InProcess, in_process
from tests.server.test_rotation import Clock, replica

MATERIAL = keys_pb2.BearerTokenMaterial()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[InProcess]:
    with in_process(tmp_path / "data", REPLAY="memory") as running:
        yield running


def issue(client: Client, **fields: Any) -> keys_pb2.IssueKeyResponse:
    return client.keys.IssueKey(keys_pb2.IssueKeyRequest(bearer_token=MATERIAL, **fields), metadata=client.admin)


def ask(client: Client, token: str, *, request_id: str = "", target: bytes = b"/orders") -> str:
    """Return `verified`, or the reason's name."""
    headers = [("host", b"h"), ("authorization", b"Bearer " + token.encode())]
    answer = client.verification.Verify(
        verification_pb2.VerifyRequest(
            http_request=verification_pb2.HttpRequest(
                method="GET",
                target=target,
                headers=[verification_pb2.Header(name=name, value=value) for name, value in headers],
                content=b"",
            ),
            request_id=request_id,
        ),
        metadata=client.admin,
    )
    if answer.WhichOneof("outcome") == "verified":
        return "verified"
    return verification_pb2.RejectionReason.Name(answer.rejected.reason).removeprefix("REJECTION_REASON_")


def rotate(client: Client, key_id: str, overlap: int = 0, **fields: Any) -> keys_pb2.RotateKeyResponse:
    request = keys_pb2.RotateKeyRequest(key_id=key_id, overlap=Duration(seconds=overlap), **fields)
    return client.keys.RotateKey(request, metadata=client.admin)


def actions(folder: Path, key_id: str) -> list[str]:
    """Return what the audit trail says was done to a key, oldest first."""
    (file,) = folder.glob("data/*.db")
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT action FROM audit WHERE key_id = ? ORDER BY id", (key_id,))
        return [action for (action,) in rows]


def test_a_retry_makes_another_token_of_the_same_key(world: InProcess, tmp_path: Path) -> None:
    client = world.client
    first = issue(client, request_id="r-1", principal="alice")
    assert ask(client, first.secret) == "verified"
    second = issue(client, request_id="r-1", principal="alice")
    assert second.key.key_id == first.key.key_id
    assert second.secret != first.secret
    assert second.key.etag != first.key.etag
    assert (ask(client, first.secret), ask(client, second.secret)) == ("MISMATCH", "verified")
    third = issue(client, request_id="r-1", principal="alice")
    assert [ask(client, answer.secret) for answer in (first, second, third)] == ["MISMATCH", "MISMATCH", "verified"]
    assert [secret.version for secret in third.key.secrets] == [1]
    assert actions(tmp_path, first.key.key_id) == ["issue", "reissue", "reissue"]
    for answer in (first, second, third):
        assert answer.secret not in world.log()


def test_a_retry_is_refused_for_another_draft_or_a_key_that_went_on(world: InProcess) -> None:
    client = world.client
    issued = issue(client, request_id="r-1")
    for fields in ({"principal": "bob"}, {"description": "x"}, {"tenant": "blue"}):
        with failing() as seen:
            issue(client, request_id="r-1", **fields)
        assert (seen[0].code, seen[0].reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    with failing() as seen:  # the same words, and another kind of key
        client.keys.IssueKey(keys_pb2.IssueKeyRequest(request_id="r-1"), metadata=client.admin)
    assert seen[0].reason == "REQUEST_ID_REUSED"
    assert ask(client, issued.secret) == "verified"
    rotated = rotate(client, issued.key.key_id)
    with failing() as seen:
        issue(client, request_id="r-1")
    assert seen[0].reason == "REQUEST_ID_REUSED"
    assert ask(client, rotated.secret) == "verified"
    client.keys.Revoke(keys_pb2.RevokeRequest(key_id=issued.key.key_id, reason="a test"), metadata=client.admin)
    with failing() as seen:
        issue(client, request_id="r-1")
    assert (seen[0].code, seen[0].reason) == ("FAILED_PRECONDITION", "KEY_REVOKED")


def test_retries_at_once_leave_one_key_and_one_token_that_was_handed_out(world: InProcess) -> None:
    """Whatever order they come in: of the tokens that callers were given, the last one verifies, and nothing else does."""
    client = world.client
    answers: list[str] = []
    refused: list[str] = []

    def attempt(_: int) -> None:
        try:
            answers.append(issue(client, request_id="r-1").secret)
        except grpc.RpcError as error:
            refused.append(read_failure(error).reason)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, range(12)))
    assert set(refused) <= {"ETAG_MISMATCH"}
    assert len({token.split("_")[1] for token in answers}) == 1
    assert len(set(answers)) == len(answers)
    assert sorted(ask(client, token) for token in answers) == ["MISMATCH"] * (len(answers) - 1) + ["verified"]


def test_an_attempt_that_was_overtaken_does_not_end_what_the_other_handed_out(world: InProcess, tmp_path: Path) -> None:
    """The retry's answer is in its caller's hands, and then the first attempt, held up somewhere, comes to its insert."""
    client = world.client
    at_insert, go_on = threading.Event(), threading.Event()
    insert = KeyStore.insert
    calls: list[int] = []

    def held_up(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            at_insert.set()
            assert go_on.wait(60)
        return insert(*args)

    seen: list[Any] = []

    def first_attempt() -> None:
        with failing() as found:
            issue(client, request_id="r-1")
        seen.extend(found)

    with mock.patch.object(KeyStore, "insert", held_up):
        thread = threading.Thread(target=first_attempt)
        thread.start()
        assert at_insert.wait(60)
        retried = issue(client, request_id="r-1")
        go_on.set()
        thread.join()
    assert [(error.code, error.reason) for error in seen] == [("ABORTED", "ETAG_MISMATCH")]
    assert ask(client, retried.secret) == "verified"
    assert actions(tmp_path, retried.key.key_id) == ["issue"]
    again = issue(client, request_id="r-1")  # who is still there asks again, and gets one
    assert ask(client, again.secret) == "verified"


def test_rotation(world: InProcess) -> None:
    client = world.client
    old = issue(client)
    answer = rotate(client, old.key.key_id, 3600, request_id="r-1")
    assert [ask(client, token) for token in (old.secret, answer.secret)] == ["verified", "verified"]
    assert [secret.version for secret in answer.key.secrets] == [2, 1]
    with failing() as seen:
        rotate(client, old.key.key_id, 3600, request_id="r-1")
    assert (seen[0].code, seen[0].reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert ask(client, answer.secret) == "verified"
    last = rotate(client, old.key.key_id)
    assert [ask(client, each.secret) for each in (old, answer, last)] == ["MISMATCH", "MISMATCH", "verified"]
    with failing() as seen:
        rotate(client, old.key.key_id, imported_secret=last.secret.encode())
    assert (seen[0].reason, seen[0].field) == ("INVALID_FIELD", "imported_secret")


def test_a_key_for_tokens_is_for_nothing_else(world: InProcess) -> None:
    client = world.client
    for schemes in (["aws-sigv4"], ["rfc9421"], ["bearer", "rfc9421"]):
        with failing() as seen:
            issue(client, allowed_schemes=schemes)
        assert (seen[0].reason, seen[0].field) == ("INVALID_FIELD", "allowed_schemes")
    key = issue(client).key
    update = keys_pb2.UpdateKeyRequest(key=keys_pb2.Key(key_id=key.key_id, allowed_schemes=["rfc9421"]))
    update.update_mask.paths.append("allowed_schemes")
    with failing() as seen:
        client.keys.UpdateKey(update, metadata=client.admin)
    assert (seen[0].reason, seen[0].field) == ("INVALID_FIELD", "key.allowed_schemes")
    with failing() as seen:
        client.keys.IssueKey(keys_pb2.IssueKeyRequest(allowed_schemes=["bearer"]), metadata=client.admin)
    assert seen[0].field == "allowed_schemes"


def test_a_token_for_one_request(world: InProcess) -> None:
    client = world.client
    policy = keys_pb2.KeyPolicy(replay=keys_pb2.REPLAY_POLICY_SINGLE_USE)
    once, often = issue(client, policy=policy), issue(client)
    assert [ask(client, often.secret) for _ in range(3)] == ["verified"] * 3
    assert ask(client, once.secret, request_id="q-1") == "verified"
    assert ask(client, once.secret, request_id="q-1") == "verified"  # the same request, asked again
    assert ask(client, once.secret, request_id="q-2") == "REPLAYED"
    assert ask(client, once.secret, target=b"/other") == "REPLAYED"
    fresh = rotate(client, once.key.key_id)
    assert ask(client, fresh.secret) == "verified"
    assert ask(client, fresh.secret) == "REPLAYED"


def test_a_key_ends_on_every_replica(tmp_path: Path) -> None:
    clock = Clock()
    with ExitStack() as parts:
        one, _ = parts.enter_context(replica(tmp_path / "data", clock))
        two, _ = parts.enter_context(replica(tmp_path / "data", clock))
        expire = Timestamp(seconds=int(clock.now) + 60)
        revoked, expiring = issue(one), issue(one, expire_time=expire)
        for client in (one, two):
            assert [ask(client, each.secret) for each in (revoked, expiring)] == ["verified", "verified"]
        one.keys.Revoke(keys_pb2.RevokeRequest(key_id=revoked.key.key_id, reason="a test"), metadata=one.admin)
        assert ask(one, revoked.secret) == "KEY_REVOKED"
        end = time.monotonic() + 60
        while ask(two, revoked.secret) != "KEY_REVOKED":
            assert time.monotonic() < end, "the other replica never heard of it"
            time.sleep(0.01)
        assert ask(two, expiring.secret) == "verified"
        clock.now += 60
        assert [ask(client, expiring.secret) for client in (one, two)] == ["KEY_EXPIRED", "KEY_EXPIRED"]
