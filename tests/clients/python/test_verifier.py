"""The client against a real gRPC server: verdicts, errors, retries, connections, credentials."""

import asyncio
import datetime
import ipaddress
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.v1 import verification_pb2 as pb
from counterseal.v1.verification_pb2_grpc import add_VerificationServiceServicer_to_server
from counterseal_client import (
    AlreadyChecked,
    AsyncVerifier,
    BodySha256,
    CallerRefused,
    ChunkSigned,
    ChunkUnsigned,
    Connection,
    Demand,
    HttpRequest,
    LeftToCaller,
    PayloadDuty,
    Rejected,
    RequestNotAccepted,
    Tls,
    Unsigned,
    Verdict,
    Verified,
    Verifier,
    VerifierUnavailable,
)
from tests.clients.python.stub import StubService, rejected, running_stub, verified

Ask = Callable[..., Verdict]
REQUEST = HttpRequest(
    method="GET",
    target=b"/b/k%20x?a=%E1%88%B4&a=",
    headers=((b"host", b"h"), (b"x-a", b"1"), (b"x-a", b"\xff 2"), (b"authorization", b"AWS4-HMAC-SHA256 ...")),
    content=b"",
    scheme="http",
    source_address="192.0.2.7",
)


def ask_synchronously(connection: Connection, request: HttpRequest = REQUEST, demand: Demand | None = None) -> Verdict:
    with Verifier(connection) as verifier:
        return verifier.verify(request, demand)


def ask_on_a_loop(connection: Connection, request: HttpRequest = REQUEST, demand: Demand | None = None) -> Verdict:
    async def run() -> Verdict:
        async with AsyncVerifier(connection) as verifier:
            return await verifier.verify(request, demand)

    return asyncio.run(run())


@pytest.fixture(params=[ask_synchronously, ask_on_a_loop], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


def test_the_request_arrives_byte_for_byte(stub: StubService, ask: Ask) -> None:
    ask(Connection(address=stub.address), REQUEST, Demand(services=("s3",), required_headers=("x-a",)))
    (message,) = stub.requests
    sent = message.http_request
    assert (sent.method, sent.target, sent.scheme, sent.source_address) == ("GET", REQUEST.target, "http", "192.0.2.7")
    assert tuple((header.name.encode(), header.value) for header in sent.headers) == REQUEST.headers
    assert sent.WhichOneof("body") == "content"
    assert (list(message.demand.services), list(message.demand.required_headers)) == (["s3"], ["x-a"])
    assert re.fullmatch(r"[0-9a-f]{32}", message.request_id)


def test_neither_body_nor_hash_leaves_the_body_unset(stub: StubService, ask: Ask) -> None:
    ask(Connection(address=stub.address), HttpRequest(method="PUT", target=b"/", headers=()))
    ask(Connection(address=stub.address), HttpRequest(method="PUT", target=b"/", headers=(), content_sha256=b"h" * 32))
    assert [message.http_request.WhichOneof("body") for message in stub.requests] == [None, "content_sha256"]


def test_a_verified_answer(stub: StubService, ask: Ask) -> None:
    stub.behave = lambda _request, _context: verified(labels={"team": "blue"})
    verdict = ask(Connection(address=stub.address))
    assert isinstance(verdict, Verified)
    assert (verdict.key_id, verdict.principal, verdict.labels) == ("AKIDEXAMPLE", "alice", {"team": "blue"})
    assert verdict.signed_time == datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert verdict.scope is not None
    assert verdict.scope.region == "eu-central-1"
    assert (verdict.payload_duty, verdict.verified_path) == (Unsigned(), b"/b/k")


def test_a_rejected_answer(stub: StubService, ask: Ask) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_TOO_OLD, "RequestTimeTooSkewed")
    verdict = ask(Connection(address=stub.address))
    assert isinstance(verdict, Rejected)
    assert (verdict.reason, verdict.code, verdict.http_status) == ("TOO_OLD", "RequestTimeTooSkewed", 403)
    assert verdict.allowed_skew == timedelta(seconds=900)


DUTY = pb.PayloadDuty
NOT_UNDERSTOOD = {
    "no outcome": pb.VerifyResponse(),
    # Field 15, length 0: an outcome from the future.
    "outcome from the future": pb.VerifyResponse.FromString(b"\x7a\x00"),
    "an empty Verified": pb.VerifyResponse(verified=pb.Verified()),
    "no duty": verified(payload_duty=None),
    "an empty duty": verified(payload_duty=DUTY()),
    "duty from the future": verified(payload_duty=DUTY.FromString(b"\x7a\x00")),
    "a short hash": verified(payload_duty=DUTY(body_sha256=DUTY.BodySha256(sha256=b"x" * 31))),
    "no key": verified(key_id=None),
    "no scheme": verified(scheme=None),
}


@pytest.mark.parametrize("answer", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD.keys())
def test_what_is_not_understood_is_refused(stub: StubService, ask: Ask, answer: pb.VerifyResponse) -> None:
    stub.behave = lambda _request, _context: answer
    verdict = ask(Connection(address=stub.address))
    assert isinstance(verdict, Rejected)
    assert (verdict.reason, verdict.http_status) == ("NOT_UNDERSTOOD", 403)


@pytest.mark.parametrize(("number", "name"), [(0, "UNSPECIFIED"), (9999, "UNKNOWN_REASON_9999")])
def test_an_unknown_reason_is_still_a_refusal(stub: StubService, ask: Ask, number: int, name: str) -> None:
    stub.behave = lambda _request, _context: rejected(number)
    verdict = ask(Connection(address=stub.address))
    assert isinstance(verdict, Rejected)
    assert verdict.reason == name


@pytest.mark.parametrize("status", [0, 200, 302, 500, 4294967295])
def test_a_refusal_never_becomes_a_success_by_its_status(stub: StubService, ask: Ask, status: int) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_MISMATCH, status=status)
    verdict = ask(Connection(address=stub.address))
    assert isinstance(verdict, Rejected)
    assert verdict.http_status == 403


DUTIES = [
    (DUTY(already_checked=DUTY.AlreadyChecked()), AlreadyChecked()),
    (DUTY(body_sha256=DUTY.BodySha256(sha256=b"x" * 32)), BodySha256(sha256=b"x" * 32)),
    (DUTY(chunk_unsigned=DUTY.ChunkUnsigned(trailers=["a"])), ChunkUnsigned(decoded_length=None, trailers=("a",))),
    (
        DUTY(chunk_signed=DUTY.ChunkSigned(algorithm="a", seed_signature="s", timestamp="t", scope="c", decoded_length=0)),
        ChunkSigned(
            algorithm="a", seed_signature="s", timestamp="t", scope="c", signed_trailer=False, decoded_length=0, trailers=()
        ),
    ),
    (DUTY(unsigned=DUTY.Unsigned()), Unsigned()),
    (DUTY(left_to_caller=DUTY.LeftToCaller()), LeftToCaller()),
]


@pytest.mark.parametrize(("message", "duty"), DUTIES)
def test_every_duty_is_read(stub: StubService, ask: Ask, message: pb.PayloadDuty, duty: PayloadDuty) -> None:
    stub.behave = lambda _request, _context: verified(payload_duty=message)
    verdict = ask(Connection(address=stub.address))
    assert isinstance(verdict, Verified)
    assert verdict.payload_duty == duty


def test_every_reason_and_duty_of_the_contract_is_known() -> None:
    """A member added to the proto has to be added here, or it reads as refused for ever."""
    assert [field.name for field in DUTY.DESCRIPTOR.oneofs_by_name["duty"].fields] == [
        "already_checked", "body_sha256", "chunk_signed", "chunk_unsigned", "unsigned", "left_to_caller",
    ]  # fmt: skip


def test_unavailable_is_tried_again_with_the_same_id(stub: StubService, ask: Ask) -> None:
    stub.answer_in_turn(grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE, verified())
    assert isinstance(ask(Connection(address=stub.address, timeout=20)), Verified)
    assert len(stub.requests) == 3
    assert len({message.request_id for message in stub.requests}) == 1


def test_unavailable_to_the_end_is_an_error(stub: StubService, ask: Ask) -> None:
    stub.answer_in_turn(grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(VerifierUnavailable) as caught:
        ask(Connection(address=stub.address, timeout=20, attempts=4))
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
        ask(Connection(address=stub.address, timeout=20))
    assert len(stub.requests) == 1


def test_the_deadline_holds_for_all_attempts_together(stub: StubService, ask: Ask) -> None:
    """gRPC rounds a deadline up on its way: hence attempts that cost 300 ms each."""
    seen: list[float] = []

    def behave(_request: pb.VerifyRequest, context: grpc.ServicerContext) -> grpc.StatusCode:
        seen.append(context.time_remaining())
        time.sleep(0.3)
        return grpc.StatusCode.UNAVAILABLE

    stub.behave = behave
    with pytest.raises(VerifierUnavailable):
        ask(Connection(address=stub.address, timeout=5, attempts=3, backoff=0))
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
    with running_stub() as gone:
        address = gone.address
    with pytest.raises(VerifierUnavailable):
        ask(Connection(address=address, timeout=1))


def test_a_service_that_comes_back_is_found_again() -> None:
    with running_stub() as first:
        address = first.address
    with Verifier(Connection(address=address, timeout=1)) as verifier:
        with pytest.raises(VerifierUnavailable):
            verifier.verify(REQUEST)
        server = grpc.server(ThreadPoolExecutor(2))
        add_VerificationServiceServicer_to_server(StubService(), server)
        assert server.add_insecure_port(address)
        server.start()
        try:
            until = time.monotonic() + 20
            verdict: Verdict | None = None
            while verdict is None and time.monotonic() < until:
                try:
                    verdict = verifier.verify(REQUEST)
                except VerifierUnavailable:
                    time.sleep(0.1)
            assert isinstance(verdict, Verified)
        finally:
            server.stop(None).wait()


def test_channels_are_connections(stub: StubService) -> None:
    """Without pools of their own, four channels to one address would share one connection."""
    with Verifier(Connection(address=stub.address, channels=4, timeout=20)) as verifier:
        for _ in range(8):
            verifier.verify(REQUEST)

    async def run() -> None:
        async with AsyncVerifier(Connection(address=stub.address, channels=4, timeout=20)) as other:
            for _ in range(8):
                await other.verify(REQUEST)

    assert len(set(stub.peers)) == 4
    asyncio.run(run())
    assert len(set(stub.peers)) == 8


def test_the_bearer_token_is_sent_and_never_shown(stub: StubService, ask: Ask) -> None:
    connection = Connection(address=stub.address, bearer_token="tell-nobody")
    ask(connection)
    assert stub.metadata[0]["authorization"] == "Bearer tell-nobody"
    assert "tell-nobody" not in repr(connection)


@pytest.mark.parametrize("address", ["10.0.0.1:50051", "counterseal.example:50051", "[2001:db8::1]:50051", "0.0.0.0:50051"])
def test_plaintext_stays_on_this_machine(address: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Connection(address=address)
    Connection(address=address, allow_plaintext=True)
    Connection(address=address, tls=Tls())


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/run/x", "dns:///localhost:1", "ipv4:127.0.0.1:1"]
)
def test_local_addresses(address: str) -> None:
    Connection(address=address)


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"channels": 0}, {"attempts": 0}, {"backoff": -1}])
def test_settings_that_make_no_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Connection(address="localhost:1", **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest(method="GET", target=b"/", headers=(), content=b"", content_sha256=b"x" * 32),
        HttpRequest(method="\ud800", target=b"/", headers=()),
    ],
)
def test_a_request_that_fits_no_message(stub: StubService, ask: Ask, request_: HttpRequest) -> None:
    with pytest.raises(RequestNotAccepted):
        ask(Connection(address=stub.address), request_)
    assert not stub.requests


def make_certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    now = datetime.datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, certificate.public_bytes(serialization.Encoding.PEM)


def test_mutual_tls(ask: Ask) -> None:
    key, chain = make_certificate()
    credentials = grpc.ssl_server_credentials([(key, chain)], root_certificates=chain, require_client_auth=True)
    with running_stub(credentials) as stub:
        mutual = Tls(root_certificates=chain, private_key=key, certificate_chain=chain)
        assert isinstance(ask(Connection(address=stub.address, tls=mutual, timeout=20)), Verified)
        for wrong in (Tls(root_certificates=chain), Tls(private_key=key, certificate_chain=chain)):
            with pytest.raises(VerifierUnavailable):
                ask(Connection(address=stub.address, tls=wrong, timeout=2))
        assert len(stub.requests) == 1


def test_half_a_certificate() -> None:
    with pytest.raises(ValueError, match="mutual"):
        Verifier(Connection(address="localhost:1", tls=Tls(private_key=b"x")))
