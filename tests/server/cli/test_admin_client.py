"""The client against servers that answer what a sound one never does: nothing of it may read as verified."""

import contextlib
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from counterseal.core.model import Demand, HttpRequest, KeyState
from counterseal.core.payload import (
    AlreadyChecked,
    BodyDigests,
    BodySha256,
    ChunkSigned,
    ChunkUnsigned,
    LeftToCaller,
    PayloadDuty,
    Unsigned,
)
from counterseal.server import errors
from counterseal.server.rpc import client_errors
from counterseal.server.rpc.admin_answers import RejectedAnswer, VerifiedAnswer, key_record, verify_answer
from counterseal.server.rpc.admin_channel import Endpoint
from counterseal.server.rpc.admin_client import AdminClient
from counterseal.server.store.records import KeyQuery
from counterseal.v1 import error_reason_pb2, keys_pb2, verification_pb2, verification_pb2_grpc

REQUEST = HttpRequest(method=b"GET", target=b"/", headers=())


class Answering(verification_pb2_grpc.VerificationServiceServicer):
    """Answers Verify with whatever the test put there: a message, bytes, or a rich error."""

    answer: Any = None

    def Verify(self, request: Any, context: Any) -> Any:
        if isinstance(self.answer, status_pb2.Status):
            context.abort_with_status(rpc_status.to_status(self.answer))
        if isinstance(self.answer, tuple):
            context.abort(*self.answer)
        return self.answer

    VerifyChunks = ListSchemes = Verify


@contextlib.contextmanager
def answering(answer: Any) -> Iterator[AdminClient]:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    servicer = Answering()
    servicer.answer = answer
    verification_pb2_grpc.add_VerificationServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with AdminClient(Endpoint(address=f"127.0.0.1:{port}", timeout=30)) as client:
            yield client
    finally:
        server.stop(None).wait()


def _verified(duty: verification_pb2.PayloadDuty | None = None) -> verification_pb2.VerifyResponse:
    return verification_pb2.VerifyResponse(verified=verification_pb2.Verified(key_id="KEY1", payload_duty=duty))


def _from_the_future(message: Any) -> Any:
    """The same kind of message with only field 99 set."""
    read = type(message)()
    read.MergeFromString(b"\x9a\x06\x00")
    return read


@pytest.mark.parametrize(
    "response",
    [
        verification_pb2.VerifyResponse(),
        _from_the_future(verification_pb2.VerifyResponse()),
        _verified(),
        _verified(verification_pb2.PayloadDuty()),
        _verified(_from_the_future(verification_pb2.PayloadDuty())),
    ],
)
def test_what_is_not_known_is_not_verified(response: verification_pb2.VerifyResponse) -> None:
    with answering(response) as client, pytest.raises(client_errors.ServerDefect):
        client.verify(REQUEST, Demand())


def test_a_reason_from_the_future_is_a_refusal() -> None:
    rejected = verification_pb2.Rejected()
    rejected.MergeFromString(b"\x08\x63")  # reason 99
    answer = verify_answer(verification_pb2.VerifyResponse(rejected=rejected))
    assert isinstance(answer, RejectedAnswer)
    assert answer.reason == "UNKNOWN_REASON_99"
    empty = verify_answer(verification_pb2.VerifyResponse(rejected=verification_pb2.Rejected()))
    assert isinstance(empty, RejectedAnswer)
    assert (empty.reason, empty.server_time) == ("UNSPECIFIED", None)


def test_fields_to_send_along_with_a_refusal() -> None:
    rejected = verification_pb2.Rejected()
    rejected.public_error.headers.add(name="accept-signature", value=b'sig1=("@method")')
    answer = verify_answer(verification_pb2.VerifyResponse(rejected=rejected))
    assert isinstance(answer, RejectedAnswer)
    assert answer.public_headers == (("accept-signature", b'sig1=("@method")'),)


Duty = verification_pb2.PayloadDuty


@pytest.mark.parametrize(
    ("message", "duty"),
    [
        (Duty(already_checked=Duty.AlreadyChecked()), AlreadyChecked()),
        (Duty(body_sha256=Duty.BodySha256(sha256=b"x" * 32)), BodySha256(sha256=b"x" * 32)),
        (
            Duty(body_digests=Duty.BodyDigests(digests=[Duty.Digest(algorithm="sha-512", value=b"y" * 64)])),
            BodyDigests(digests=(("sha-512", b"y" * 64),)),
        ),
        (Duty(unsigned=Duty.Unsigned()), Unsigned()),
        (Duty(left_to_caller=Duty.LeftToCaller()), LeftToCaller()),
        (Duty(chunk_unsigned=Duty.ChunkUnsigned(trailers=["a"])), ChunkUnsigned(decoded_length=None, trailers=("a",))),
        (Duty(chunk_unsigned=Duty.ChunkUnsigned(decoded_length=0)), ChunkUnsigned(decoded_length=0, trailers=())),
        (
            Duty(chunk_signed=Duty.ChunkSigned(algorithm="A", timestamp="T", scope="S", signed_trailer=True, decoded_length=7)),
            ChunkSigned(
                algorithm="A", seed_signature="", timestamp="T", scope="S", signed_trailer=True, decoded_length=7, trailers=()
            ),
        ),
    ],
)
def test_duties(message: Duty, duty: PayloadDuty) -> None:
    answer = verify_answer(_verified(message))
    assert isinstance(answer, VerifiedAnswer)
    assert answer.payload_duty == duty


def test_every_duty_of_the_contract_is_read() -> None:
    for name in Duty.DESCRIPTOR.oneofs_by_name["duty"].fields:
        message = Duty()
        getattr(message, name.name).SetInParent()
        if name.name == "body_digests":  # none at all would be a body that nobody checks
            with pytest.raises(client_errors.ServerDefect):
                verify_answer(_verified(message))
            message.body_digests.digests.add(algorithm="sha-256", value=b"x" * 32)
        assert isinstance(verify_answer(_verified(message)), VerifiedAnswer), name.name


def _rich(
    reason: str, text: str, *, domain: str = "counterseal", code: int = code_pb2.INTERNAL, **metadata: str
) -> status_pb2.Status:
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata))
    return status_pb2.Status(code=code, message=text, details=[packed])


EXPECTED: dict[str, type[errors.ServiceError]] = {
    "INVALID_FIELD": errors.InvalidField,
    "CALLER_UNKNOWN": errors.CallerUnknown,
    "CALLER_NOT_PERMITTED": errors.CallerNotPermitted,
    "KEY_NOT_FOUND": errors.KeyNotFound,
    "KEY_EXISTS": errors.KeyExists,
    "ETAG_MISMATCH": errors.EtagMismatch,
    "KEY_REVOKED": errors.KeyIsRevoked,
    "REQUEST_ID_REUSED": errors.RequestIdReused,
    "STORE_UNAVAILABLE": errors.StoreUnavailable,
    "OVERLOADED": client_errors.ServerBusy,
    "DEADLINE_EXCEEDED": client_errors.CallTimedOut,
    "INTERNAL": client_errors.ServerDefect,
    "STOPPING": client_errors.ServerBusy,
    "CALLER_LIMIT": errors.CallerLimitReached,
    "CALLER_NOT_FOUND": errors.CallerNotFound,
    "CALLER_EXISTS": errors.CallerExists,
    "REPLAY_GUARD_UNAVAILABLE": errors.ReplayGuardUnavailable,
    "PRINCIPAL_NOT_FOUND": errors.PrincipalNotFound,
    "PRINCIPAL_EXISTS": errors.PrincipalExists,
    "SESSION_NOT_FOUND": errors.SessionNotFound,
    "SIGN_IN_UNAVAILABLE": errors.SignInUnavailable,
}


def test_the_table_below_names_every_reason_of_the_contract() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert set(EXPECTED) == names - {"UNSPECIFIED"}


@pytest.mark.parametrize(("reason", "kind"), EXPECTED.items())
def test_reasons(reason: str, kind: type[errors.ServiceError]) -> None:
    with answering(_rich(reason, "what happened")) as client, pytest.raises(errors.ServiceError) as caught:
        client.verify(REQUEST, Demand())
    assert type(caught.value) is kind
    assert "what happened" in str(caught.value)


def test_the_field_at_fault() -> None:
    with (
        answering(_rich("INVALID_FIELD", "key_id: too long", field="key_id")) as client,
        pytest.raises(errors.InvalidField) as caught,
    ):
        client.verify(REQUEST, Demand())
    assert (caught.value.field, caught.value.problem) == ("key_id", "too long")
    assert str(caught.value) == "key_id: too long"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_rich("KEY_NOT_FOUND", "x", domain="example.com"), client_errors.ServerDefect),
        (_rich("A_NEW_REASON", "x"), client_errors.ServerDefect),
        ((grpc.StatusCode.UNAVAILABLE, "x"), client_errors.ServerUnreachable),
        ((grpc.StatusCode.UNAUTHENTICATED, "x"), errors.CallerUnknown),
        ((grpc.StatusCode.PERMISSION_DENIED, "x"), errors.CallerNotPermitted),
        ((grpc.StatusCode.RESOURCE_EXHAUSTED, "x"), client_errors.ServerBusy),
        ((grpc.StatusCode.DEADLINE_EXCEEDED, "x"), client_errors.CallTimedOut),
        ((grpc.StatusCode.UNIMPLEMENTED, "x"), client_errors.ServerDefect),
        ((grpc.StatusCode.NOT_FOUND, "x"), client_errors.ServerDefect),
        ((grpc.StatusCode.UNKNOWN, ""), client_errors.ServerDefect),
    ],
)
def test_errors_that_are_not_the_services_own(answer: Any, kind: type[errors.ServiceError]) -> None:
    with answering(answer) as client, pytest.raises(errors.ServiceError) as caught:
        client.verify(REQUEST, Demand())
    assert type(caught.value) is kind


def test_a_rich_error_that_contradicts_the_plain_one_is_not_trusted() -> None:
    status = _rich("STORE_UNAVAILABLE", "x", code=code_pb2.UNAVAILABLE)

    class Lying(Answering):
        def Verify(self, request: Any, context: Any) -> Any:
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.NOT_FOUND, "y")

    server = grpc.server(futures.ThreadPoolExecutor(1))
    verification_pb2_grpc.add_VerificationServiceServicer_to_server(Lying(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with AdminClient(Endpoint(address=f"127.0.0.1:{port}", timeout=30)) as client, pytest.raises(client_errors.ServerDefect):
        client.verify(REQUEST, Demand())
    server.stop(None).wait()


@pytest.mark.parametrize("state", [0, 99])
def test_a_key_state_from_the_future_is_no_key_state(state: int) -> None:
    with pytest.raises(client_errors.ServerDefect):
        key_record(keys_pb2.Key(key_id="KEY1", state=state))  # type: ignore[arg-type]


def test_a_time_outside_the_calendar() -> None:
    key = keys_pb2.Key(key_id="KEY1", state=keys_pb2.KEY_STATE_ACTIVE, kind=keys_pb2.KEY_KIND_SYMMETRIC)
    assert key_record(key).state is KeyState.ACTIVE
    assert key_record(key).expires is None
    key.expire_time.seconds = 1 << 60
    with pytest.raises(client_errors.ServerDefect):
        key_record(key)


def test_an_empty_set_of_tenants_is_never_sent_as_any() -> None:
    with answering(verification_pb2.VerifyResponse()) as client:
        with pytest.raises(errors.InvalidField):
            client.verify(REQUEST, Demand(tenants=frozenset()))
        for tenants in (frozenset[str](), frozenset({"a", "b"})):
            with pytest.raises(errors.InvalidField):
                client.list_keys(KeyQuery(tenants=tenants))


def test_reprs_hold_no_token() -> None:
    assert "hidden-word" not in repr(Endpoint(address="a:1", token="hidden-word"))


def test_a_missing_ca_file_is_named(tmp_path: Any) -> None:
    with pytest.raises(client_errors.UnreadableFile, match=r"nowhere\.pem"):
        AdminClient(Endpoint(address="127.0.0.1:1", ca=tmp_path / "nowhere.pem"))


@pytest.mark.parametrize(
    ("kind", "pem"),
    [
        (0, ""),
        (99, ""),
        (keys_pb2.KEY_KIND_PUBLIC, ""),
        (keys_pb2.KEY_KIND_PUBLIC, "MCow"),
        (keys_pb2.KEY_KIND_PUBLIC, "-----BEGIN PUBLIC KEY-----\nM*\n-----END PUBLIC KEY-----\n"),
    ],
)
def test_a_kind_from_the_future_and_a_garbled_public_key_are_no_keys(kind: int, pem: str) -> None:
    key = keys_pb2.Key(key_id="KEY1", state=keys_pb2.KEY_STATE_ACTIVE, public_key_pem=pem)
    key.MergeFromString(bytes([0x40, kind]))
    with pytest.raises(client_errors.ServerDefect):
        key_record(key)


def test_times_that_are_absent_stay_absent() -> None:
    duty = Duty(already_checked=Duty.AlreadyChecked())
    answer = verify_answer(_verified(duty))
    assert isinstance(answer, VerifiedAnswer)
    assert (answer.signed_time, answer.valid_until) == (None, None)
