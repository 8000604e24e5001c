"""What goes wrong -> gRPC code and ErrorReason; and a bug never gets its text out."""

import importlib
import inspect
import re
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest

from counterseal.server import errors
from counterseal.server.rpc import errors as rpc_errors
from counterseal.server.rpc.errors import INTERNAL_TEXT, failure_of, wire_status
from counterseal.server.verifier import Verifier
from counterseal.v1 import error_reason_pb2, keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Issued, failing, signed
from tests.server.inprocess import in_process

TABLE = [
    (errors.InvalidField("key_id", "must be set"), "INVALID_ARGUMENT", "INVALID_FIELD", {"field": "key_id"}),
    (rpc_errors.MessageUnreadable("x"), "INVALID_ARGUMENT", "INVALID_FIELD", {}),
    (errors.CallerUnknown("x"), "UNAUTHENTICATED", "CALLER_UNKNOWN", {}),
    (errors.CallerNotPermitted("x"), "PERMISSION_DENIED", "CALLER_NOT_PERMITTED", {}),
    (errors.KeyNotFound("x"), "NOT_FOUND", "KEY_NOT_FOUND", {}),
    (errors.KeyExists("x"), "ALREADY_EXISTS", "KEY_EXISTS", {}),
    (errors.EtagMismatch("x"), "ABORTED", "ETAG_MISMATCH", {}),
    (errors.KeyIsRevoked("x"), "FAILED_PRECONDITION", "KEY_REVOKED", {}),
    (errors.RequestIdReused("x"), "ALREADY_EXISTS", "REQUEST_ID_REUSED", {}),
    (errors.StoreUnavailable("x"), "UNAVAILABLE", "STORE_UNAVAILABLE", {}),
    (errors.ReplayGuardUnavailable("x"), "UNAVAILABLE", "REPLAY_GUARD_UNAVAILABLE", {}),
    (errors.CallerLimitReached("x"), "RESOURCE_EXHAUSTED", "CALLER_LIMIT", {}),
    (errors.CallerNotFound("x"), "NOT_FOUND", "CALLER_NOT_FOUND", {}),
    (errors.CallerExists("x"), "ALREADY_EXISTS", "CALLER_EXISTS", {}),
    (errors.PrincipalNotFound("x"), "NOT_FOUND", "PRINCIPAL_NOT_FOUND", {}),
    (errors.PrincipalExists("x"), "ALREADY_EXISTS", "PRINCIPAL_EXISTS", {}),
    (errors.SessionNotFound("x"), "NOT_FOUND", "SESSION_NOT_FOUND", {}),
    (errors.SignInUnavailable("x"), "UNAVAILABLE", "SIGN_IN_UNAVAILABLE", {}),
    (rpc_errors.Stopping("x"), "UNAVAILABLE", "STOPPING", {}),
    (rpc_errors.MessageTooLarge("x"), "RESOURCE_EXHAUSTED", "OVERLOADED", {}),
    (rpc_errors.CallCancelled("text"), "CANCELLED", "DEADLINE_EXCEEDED", {}),
    (rpc_errors.DeadlinePassed("x"), "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", {}),
]
BUGS = [
    errors.SealBroken("a sealed secret does not open"),
    errors.RowUnreadable("KEY1"),
    errors.ConfigError("text"),
    errors.ServiceError("text"),
    ValueError("text"),
    KeyError("text"),
    RecursionError("text"),
    MemoryError("text"),
    AssertionError("text"),
    TimeoutError("text"),
    OSError("text"),
    UnicodeDecodeError("utf-8", b"text", 0, 1, "text"),
]


@pytest.mark.parametrize(("error", "code", "reason", "metadata"), TABLE, ids=lambda part: type(part).__name__)
def test_errors_on_purpose(error: Exception, code: str, reason: str, metadata: dict[str, str]) -> None:
    failure = failure_of(error)
    assert (failure.code.name, failure.reason, dict(failure.metadata)) == (code, reason, metadata)
    assert failure.message == str(error)
    assert error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}") > 0
    status = wire_status(failure)
    assert (status.code, status.details) == (failure.code, failure.message)


@pytest.mark.parametrize("error", BUGS, ids=lambda error: type(error).__name__)
def test_everything_else_is_a_bug_with_a_fixed_text(error: Exception) -> None:
    failure = failure_of(error)
    assert (failure.code.name, failure.reason, failure.message) == ("INTERNAL", "INTERNAL", INTERNAL_TEXT)
    assert not failure.metadata


def test_the_table_is_complete() -> None:
    """An error that somebody adds to errors.py has to be added to the mapping, or here as a bug."""
    known = {type(error) for error, *_ in TABLE} | {type(error) for error in BUGS}
    for module in (errors, rpc_errors):
        for _, kind in inspect.getmembers(importlib.import_module(module.__name__), inspect.isclass):
            if issubclass(kind, errors.ServiceError):
                assert kind in known, kind


def test_a_subclass_from_elsewhere_is_a_bug() -> None:
    class StrangeError(errors.StoreUnavailable):
        pass

    assert failure_of(StrangeError("text")).code is grpc.StatusCode.INTERNAL


SECRET_TEXT = "a value that an exception quotes"


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, grpc.RpcError, RecursionError])
def test_an_exception_inside_gets_no_text_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    def defect(*_: object) -> None:
        try:
            raise KeyError(SECRET_TEXT)
        except KeyError as cause:
            raise kind(SECRET_TEXT) from cause

    monkeypatch.setattr(Verifier, "walk", defect)
    with in_process(tmp_path / "data") as server:
        with failing() as seen:
            server.client.verify(signed(Issued("CSAAAA", b"x" * 32)))
        assert (seen[0].code, seen[0].reason, seen[0].text) == ("INTERNAL", "INTERNAL", INTERNAL_TEXT)
        log = server.log()
        assert SECRET_TEXT not in log
        # What is needed to find the bug: kinds, and places.
        assert kind.__name__ in log
        assert "KeyError" in log
        assert re.search(r"test_errors:\d+ defect", log)
        # And the thread is there for the next call.
        monkeypatch.undo()
        assert server.client.verify(signed(Issued("CSAAAA", b"x" * 32))) == "UNKNOWN_KEY"


def test_a_broken_seal_is_internal_and_rings(tmp_path: Path) -> None:
    import sqlite3

    with in_process(tmp_path / "data") as server:
        issued = server.client.issue()
        other = server.client.issue()
        with sqlite3.connect(tmp_path / "data" / "counterseal.db") as database:
            # The other key's secret in this key's row: opens nowhere but where it belongs.
            changed = database.execute(
                "UPDATE keys SET sealed_secret = (SELECT sealed_secret FROM keys WHERE key_id = ?) WHERE key_id = ?",
                (other.key_id, issued.key_id),
            )
            assert changed.rowcount == 1
        with failing() as seen:
            server.client.verify(signed(Issued(issued.key_id, other.secret)))
        assert (seen[0].code, seen[0].text) == ("INTERNAL", INTERNAL_TEXT)
        assert server.service.metrics.registry.get_sample_value("counterseal_seal_broken_total") == 1
        assert '"level": "error"' in server.log()
        assert "SealBroken" in server.log()
        assert f"key id {issued.key_id}" in server.log()
        assert server.client.verify(signed(other)) == "verified"


def test_an_answer_that_cannot_be_written_is_internal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict without a duty that the answer knows must not go out as verified."""
    from counterseal.server.rpc import answers

    monkeypatch.setattr(answers, "_DUTIES", {})
    with in_process(tmp_path / "data") as server:
        issued = server.client.issue()
        with failing() as seen:
            server.client.verify(signed(issued))
        assert seen[0].code == "INTERNAL"


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b'"\x02\xff\xfe'])
def test_bytes_that_are_no_message(tmp_path: Path, raw: bytes) -> None:
    with in_process(tmp_path / "data") as server:
        call: Any = server.channel.unary_unary("/counterseal.v1.VerificationService/Verify")
        with failing() as seen:
            call(raw)
        assert (seen[0].code, seen[0].reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")


def test_an_unset_subject(tmp_path: Path) -> None:
    with in_process(tmp_path / "data") as server:
        for message in (pb.VerifyRequest(), pb.VerifyRequest(request_id="x")):
            with failing() as seen:
                server.client.verify(message)
            assert (seen[0].code, seen[0].field) == ("INVALID_ARGUMENT", "subject")


def test_key_errors_on_the_wire(tmp_path: Path) -> None:
    with in_process(tmp_path / "data") as server:
        keys, admin = server.client.keys, server.client.admin
        issued = server.client.issue()
        imported = keys_pb2.ImportedSecret(key_id=issued.key_id, secret=b"x" * 32)
        update = keys_pb2.UpdateKeyRequest(key=keys_pb2.Key(key_id=issued.key_id, principal="p", etag="not-the-etag"))
        update.update_mask.paths.append("principal")
        seen: list[tuple[str, str]] = []
        for call in (
            lambda: keys.GetKey(keys_pb2.GetKeyRequest(key_id="CSNOSUCHKEY"), metadata=admin),
            lambda: keys.GetKey(keys_pb2.GetKeyRequest(key_id="no key id"), metadata=admin),
            lambda: keys.IssueKey(keys_pb2.IssueKeyRequest(imported_secret=imported), metadata=admin),
            lambda: keys.UpdateKey(update, metadata=admin),
            lambda: keys.ListKeys(keys_pb2.ListKeysRequest(page_size=1001), metadata=admin),
            lambda: keys.ListKeys(keys_pb2.ListKeysRequest(page_token="!"), metadata=admin),
            lambda: keys.ListKeys(keys_pb2.ListKeysRequest(state=17), metadata=admin),  # type: ignore[arg-type]
            lambda: server.client.revoke("CSNOSUCHKEY"),
        ):
            with failing() as failures:
                call()
            seen.append((failures[0].code, failures[0].field))
        server.client.revoke(issued.key_id)
        with failing() as failures:
            server.client.update(issued.key_id, "state", state=keys_pb2.KEY_STATE_ACTIVE)
        seen.append((failures[0].code, failures[0].field))
        assert seen == [
            ("NOT_FOUND", ""),
            ("INVALID_ARGUMENT", "key_id"),
            ("ALREADY_EXISTS", ""),
            ("ABORTED", ""),
            ("INVALID_ARGUMENT", "page_size"),
            ("INVALID_ARGUMENT", "page_token"),
            ("INVALID_ARGUMENT", "state"),
            ("NOT_FOUND", ""),
            ("FAILED_PRECONDITION", ""),
        ]


def test_the_guard_is_there_for_every_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More failing calls than threads: none gets stuck or lost."""

    def defect(*_: object) -> None:
        raise ValueError(SECRET_TEXT)

    monkeypatch.setattr(Verifier, "walk", defect)
    with in_process(tmp_path / "data", THREADS="2") as server:
        codes: list[str] = []

        def ask() -> None:
            with failing() as seen:
                server.client.verify(signed(Issued("CSAAAA", b"x" * 32)))
            codes.append(seen[0].code)

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == ["INTERNAL"] * 20
