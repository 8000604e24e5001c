"""Verdicts on the wire: total mappings, and an outside that cannot tell keys apart."""

import hashlib

import pytest

from counterseal.core import payload
from counterseal.core.model import (
    Coverage,
    Demand,
    HttpRequest,
    Key,
    KeyState,
    Reason,
    Rejected,
    Scope,
    StringToSignSubject,
    Verified,
)
from counterseal.server.rpc.answers import MAX_DETAIL, REASONS, put_rejected, verified_answer
from counterseal.server.rpc.public_errors import KEY_UNUSABLE, s3_error
from counterseal.v1 import verification_pb2 as pb

HEADER = HttpRequest(method=b"GET", target=b"/", headers=((b"authorization", b"AWS4-HMAC-SHA256 x"),))
QUERY = HttpRequest(method=b"GET", target=b"/?X-Amz-Signature=00", headers=())
STS = StringToSignSubject(scheme="aws-sigv4", credential=b"c", string_to_sign=b"s", signature=b"0")
PRESIGNED_STS = StringToSignSubject(scheme="aws-sigv4", credential=b"c", string_to_sign=b"s", signature=b"0", valid_for=60)
DUTIES = {
    payload.AlreadyChecked(): "already_checked",
    payload.BodySha256(sha256=b"h" * 32): "body_sha256",
    payload.BodyDigests(digests=(("sha-256", b"h" * 32), ("sha-512", b"i" * 64))): "body_digests",
    payload.ChunkSigned(
        algorithm="A", seed_signature="00", timestamp="T", scope="S", signed_trailer=True, decoded_length=0, trailers=("t",)
    ): "chunk_signed",
    payload.ChunkUnsigned(decoded_length=None, trailers=()): "chunk_unsigned",
    payload.Unsigned(): "unsigned",
    payload.LeftToCaller(): "left_to_caller",
}


def test_every_reason_has_a_number_of_its_own() -> None:
    assert set(REASONS) == set(Reason)
    names = {pb.RejectionReason.Name(number) for number in REASONS.values()}
    assert names == {f"REJECTION_REASON_{reason.name}" for reason in Reason}
    assert 0 not in REASONS.values()


def test_every_number_is_sent_by_something() -> None:
    assert set(REASONS.values()) | {0} == set(pb.RejectionReason.values())


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_never_reads_as_verified(reason: Reason) -> None:
    public = s3_error(reason, HEADER, Demand(), key_asked=False)
    answer = pb.VerifyResponse()
    put_rejected(answer.rejected, Rejected(reason=reason, detail="d" * 2000), public, now=1_700_000_000.25, skew=900)
    read = pb.VerifyResponse.FromString(answer.SerializeToString())
    assert read.WhichOneof("outcome") == "rejected"
    assert read.rejected.reason == REASONS[reason]
    assert len(read.rejected.detail) == MAX_DETAIL
    assert (read.rejected.server_time.seconds, read.rejected.server_time.nanos) == (1_700_000_000, 250_000_000)
    assert read.rejected.allowed_skew.seconds == 900
    assert 400 <= read.rejected.public_error.http_status <= 499
    assert read.rejected.public_error.code
    assert read.rejected.public_error.message


def _verified(duty: payload.PayloadDuty) -> Verified:
    key = Key(
        key_id="CSAAAA", tenant="t", secret=b"s" * 32, allowed_schemes=frozenset({"aws-sigv4"}), state=KeyState.ACTIVE,
        principal="p", labels={"a": "b"},
    )  # fmt: skip
    return Verified(
        key=key,
        scheme="aws-sigv4",
        scope=Scope(date="20261121", region="r", service="s3"),
        signed_time=1,
        valid_until=901,
        coverage=Coverage(headers=(b"host", b"x-amz-date"), method=True, path=True, query=True),
        payload_duty=duty,
        verified_path=b"/%ff",
    )


@pytest.mark.parametrize(("duty", "member"), DUTIES.items(), ids=DUTIES.values())
def test_a_verified_answer_carries_its_duty(duty: payload.PayloadDuty, member: str) -> None:
    read = pb.VerifyResponse.FromString(verified_answer(_verified(duty)).SerializeToString()).verified
    assert read.payload_duty.WhichOneof("duty") == member
    assert (read.key_id, read.tenant, read.principal, dict(read.labels)) == ("CSAAAA", "t", "p", {"a": "b"})
    assert (read.signed_time.seconds, read.valid_until_time.seconds) == (1, 901)
    assert list(read.coverage.headers) == ["host", "x-amz-date"]
    assert (read.coverage.method, read.coverage.path, read.coverage.query) == (True, True, True)
    assert (read.scope.date, read.scope.region, read.scope.service) == ("20261121", "r", "s3")
    assert read.verified_path == b"/%ff"


def test_every_duty_is_tested() -> None:
    assert {type(duty) for duty in DUTIES} == set(payload.PayloadDuty.__args__)
    assert set(DUTIES.values()) == {field.name for field in pb.PayloadDuty.DESCRIPTOR.oneofs_by_name["duty"].fields}


def test_lengths_that_are_not_stated_stay_unset() -> None:
    unsigned = verified_answer(_verified(payload.ChunkUnsigned(decoded_length=None, trailers=("x",))))
    assert not unsigned.verified.payload_duty.chunk_unsigned.HasField("decoded_length")
    stated = verified_answer(_verified(payload.ChunkUnsigned(decoded_length=0, trailers=())))
    assert stated.verified.payload_duty.chunk_unsigned.HasField("decoded_length")


def test_an_unknown_duty_is_no_answer() -> None:
    with pytest.raises(KeyError):
        verified_answer(_verified("a duty from the future"))  # type: ignore[arg-type]


ALIKE = (Reason.UNKNOWN_KEY, Reason.MISMATCH, Reason.KEY_DISABLED, Reason.KEY_REVOKED, Reason.KEY_EXPIRED)


@pytest.mark.parametrize("subject", [HEADER, QUERY, STS, PRESIGNED_STS])
@pytest.mark.parametrize("demand", [Demand(), Demand(services=frozenset({"execute-api"}))])
def test_keys_that_do_not_verify_are_alike(subject: HttpRequest | StringToSignSubject, demand: Demand) -> None:
    assert {s3_error(reason, subject, demand, key_asked=True) for reason in ALIKE} == {KEY_UNUSABLE}
    # A key that exists, and does not allow the scheme, must not stand out either.
    assert s3_error(Reason.UNSUPPORTED_SCHEME, subject, demand, key_asked=True) == KEY_UNUSABLE
    assert (KEY_UNUSABLE.code, KEY_UNUSABLE.http_status) == ("SignatureDoesNotMatch", 403)
    assert KEY_UNUSABLE.message == "The access key is not usable, or the signature does not match it."


TABLE = [
    (Reason.UNSIGNED, HttpRequest(method=b"GET", target=b"/", headers=()), "AccessDenied", 403),
    (Reason.MALFORMED, HEADER, "AuthorizationHeaderMalformed", 400),
    (Reason.MALFORMED, QUERY, "AuthorizationQueryParametersError", 400),
    (Reason.MALFORMED, PRESIGNED_STS, "AuthorizationQueryParametersError", 400),
    (Reason.AMBIGUOUS, HEADER, "InvalidArgument", 400),
    (Reason.UNSUPPORTED_SCHEME, HEADER, "InvalidRequest", 400),
    (Reason.TOO_OLD, HEADER, "RequestTimeTooSkewed", 403),
    (Reason.TOO_OLD, STS, "RequestTimeTooSkewed", 403),
    (Reason.TOO_OLD, QUERY, "AccessDenied", 403),
    (Reason.TOO_OLD, PRESIGNED_STS, "AccessDenied", 403),
    (Reason.TOO_NEW, HEADER, "RequestTimeTooSkewed", 403),
    (Reason.TOO_NEW, QUERY, "RequestTimeTooSkewed", 403),
    (Reason.NOT_COVERED, HEADER, "AccessDenied", 403),
    (Reason.BODY_REQUIRED, HEADER, "InvalidRequest", 400),
    (Reason.THROTTLED, HEADER, "SlowDown", 429),
    (Reason.OUT_OF_SCOPE, HEADER, "AccessDenied", 403),
    (Reason.PAYLOAD_MISMATCH, HEADER, "XAmzContentSHA256Mismatch", 400),
    (Reason.REPLAYED, HEADER, "AccessDenied", 403),
]


@pytest.mark.parametrize(("reason", "subject", "code", "http_status"), TABLE)
def test_public_errors(reason: Reason, subject: HttpRequest, code: str, http_status: int) -> None:
    public = s3_error(reason, subject, Demand(), key_asked=False)
    assert (public.code, public.http_status) == (code, http_status)


def test_the_table_is_complete() -> None:
    assert {row[0] for row in TABLE} | set(ALIKE) == set(Reason)


def test_an_expired_presigned_url_says_so() -> None:
    assert s3_error(Reason.TOO_OLD, QUERY, Demand(), key_asked=False).message == "Request has expired"


def test_unsigned_outside_s3() -> None:
    unsigned = HttpRequest(method=b"GET", target=b"/", headers=())
    elsewhere = s3_error(Reason.UNSIGNED, unsigned, Demand(services=frozenset({"execute-api"})), key_asked=False)
    assert elsewhere.code == "MissingAuthenticationToken"
    either = s3_error(Reason.UNSIGNED, unsigned, Demand(services=frozenset({"execute-api", "s3"})), key_asked=False)
    assert either.code == "AccessDenied"


def test_no_answer_holds_a_signature_or_secret() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    answer = verified_answer(_verified(payload.AlreadyChecked())).SerializeToString()
    assert b"s" * 32 not in answer
    assert digest.encode() not in answer
