"""Every answer that a service may give, and those that it should never give: what is not understood is refused."""

import pytest

from counterseal.v1 import verification_pb2 as pb
from counterseal_client import (
    AlreadyChecked,
    BodyDigests,
    BodySha256,
    ChunkSigned,
    ChunkUnsigned,
    Connection,
    LeftToCaller,
    PayloadDuty,
    Rejected,
    Unsigned,
    Verified,
    VerifierError,
)
from tests.clients.python.asking import Ask
from tests.clients.python.exchange import exchange, http_scope
from tests.clients.python.stub import StubService, rejected, verified

DUTY = pb.PayloadDuty


def _digest(algorithm: str, value: bytes) -> pb.PayloadDuty:
    return DUTY(body_digests=DUTY.BodyDigests(digests=[DUTY.Digest(algorithm=algorithm, value=value)]))


NOT_UNDERSTOOD = {
    "no outcome": pb.VerifyResponse(),
    # Field 15, length 0: an outcome from the future.
    "outcome from the future": pb.VerifyResponse.FromString(b"\x7a\x00"),
    "an empty Verified": pb.VerifyResponse(verified=pb.Verified()),
    "no duty": verified(payload_duty=None),
    "an empty duty": verified(payload_duty=DUTY()),
    "duty from the future": verified(payload_duty=DUTY.FromString(b"\x7a\x00")),
    "a short hash": verified(payload_duty=DUTY(body_sha256=DUTY.BodySha256(sha256=b"x" * 31))),
    "no digest": verified(payload_duty=DUTY(body_digests=DUTY.BodyDigests())),
    "a short digest": verified(payload_duty=_digest("sha-256", b"x" * 31)),
    "an unknown digest": verified(payload_duty=_digest("md5", b"x" * 16)),
    "an unknown digest beside a known one": verified(
        payload_duty=DUTY(
            body_digests=DUTY.BodyDigests(
                digests=[DUTY.Digest(algorithm="sha-256", value=b"x" * 32), DUTY.Digest(algorithm="md5", value=b"x" * 16)]
            )
        )
    ),
    "no key": verified(key_id=None),
    "no scheme": verified(scheme=None),
}


@pytest.mark.parametrize("answer", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD.keys())
def test_what_is_not_understood_is_refused(stub: StubService, ask: Ask, answer: pb.VerifyResponse) -> None:
    stub.behave = lambda _request, _context: answer
    verdict = ask(Connection(address=stub.address, timeout=60))
    assert isinstance(verdict, Rejected)
    assert (verdict.reason, verdict.http_status) == ("NOT_UNDERSTOOD", 403)


@pytest.mark.parametrize(("number", "name"), [(0, "UNSPECIFIED"), (9999, "UNKNOWN_REASON_9999")])
def test_an_unknown_reason_is_still_a_refusal(stub: StubService, ask: Ask, number: int, name: str) -> None:
    stub.behave = lambda _request, _context: rejected(number)
    verdict = ask(Connection(address=stub.address, timeout=60))
    assert isinstance(verdict, Rejected)
    assert verdict.reason == name


@pytest.mark.parametrize("status", [0, 200, 302, 500, 4294967295])
def test_a_refusal_never_becomes_a_success_by_its_status(stub: StubService, ask: Ask, status: int) -> None:
    stub.behave = lambda _request, _context: rejected(pb.REJECTION_REASON_MISMATCH, status=status)
    verdict = ask(Connection(address=stub.address, timeout=60))
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
    (
        DUTY(
            chunk_signed=DUTY.ChunkSigned(
                algorithm="a", signed_trailer=True, trailers=["t"], continuation=b"c", signing_key=b"k"
            )
        ),
        ChunkSigned(
            algorithm="a",
            seed_signature="",
            timestamp="",
            scope="",
            signed_trailer=True,
            decoded_length=None,
            trailers=("t",),
            continuation=b"c",
            signing_key=b"k",
        ),
    ),
    (
        DUTY(body_digests=DUTY.BodyDigests(digests=[DUTY.Digest(algorithm="sha-512", value=b"x" * 64)])),
        BodyDigests(digests=(("sha-512", b"x" * 64),)),
    ),
    (DUTY(unsigned=DUTY.Unsigned()), Unsigned()),
    (DUTY(left_to_caller=DUTY.LeftToCaller()), LeftToCaller()),
]


@pytest.mark.parametrize(("message", "duty"), DUTIES)
def test_every_duty_is_read(stub: StubService, ask: Ask, message: pb.PayloadDuty, duty: PayloadDuty) -> None:
    stub.behave = lambda _request, _context: verified(payload_duty=message)
    verdict = ask(Connection(address=stub.address, timeout=60))
    assert isinstance(verdict, Verified)
    assert verdict.payload_duty == duty


def test_every_reason_and_duty_of_the_contract_is_known() -> None:
    """A member added to the proto has to be added here, or it reads as refused for ever."""
    assert [field.name for field in DUTY.DESCRIPTOR.oneofs_by_name["duty"].fields] == [
        "already_checked", "body_sha256", "chunk_signed", "chunk_unsigned", "unsigned", "left_to_caller", "body_digests",
    ]  # fmt: skip


def out_of_range(name: str) -> pb.VerifyResponse:
    answer = rejected(pb.REJECTION_REASON_TOO_OLD) if name in {"server_time", "allowed_skew"} else verified()
    outcome = answer.rejected if answer.HasField("rejected") else answer.verified
    getattr(outcome, name).seconds = 2**60
    return answer


@pytest.mark.parametrize("name", ["signed_time", "valid_until_time", "server_time", "allowed_skew"])
def test_times_that_are_none_are_an_error_of_the_service(stub: StubService, ask: Ask, name: str) -> None:
    stub.behave = lambda _request, _context: out_of_range(name)
    with pytest.raises(VerifierError, match="that is none"):
        ask(Connection(address=stub.address, timeout=60))
    seen = exchange(stub.address, http_scope())
    assert (seen.status, seen.scopes) == (503, [])
