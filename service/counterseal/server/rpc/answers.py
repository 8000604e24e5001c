"""Verdict -> VerifyResponse. What cannot be put into the answer's terms is never answered as verified.

Fields are assigned in place: building nested messages by constructor costs several times as much, on every call.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from counterseal.core import payload
from counterseal.core.model import Coverage, Reason, Rejected, Verified
from counterseal.server.rpc.public_errors import Public
from counterseal.v1 import verification_pb2 as pb

MAX_DETAIL: Final = 512

# Total, and a test says so. A reason without a number would be a KeyError, hence INTERNAL: refused by every gateway.
REASONS: Final[Mapping[Reason, pb.RejectionReason]] = {
    reason: getattr(pb, f"REJECTION_REASON_{reason.value}") for reason in Reason
}


def verified_answer(verdict: Verified) -> pb.VerifyResponse:
    """Return the answer for a verified request. It never holds the signature, but in the seed of a chunk chain."""
    response = pb.VerifyResponse()
    answer = response.verified
    key = verdict.key
    answer.key_id = key.key_id
    answer.principal = key.principal
    answer.tenant = key.tenant
    if key.labels:
        answer.labels.update(key.labels)
    answer.scheme = verdict.scheme
    if verdict.signed_time is not None:
        answer.signed_time.seconds = verdict.signed_time
    if verdict.valid_until is not None:
        answer.valid_until_time.seconds = verdict.valid_until
    answer.secret_version = key.secret_version
    if key.session_id:
        answer.session_id = key.session_id
    if verdict.verified_path:
        answer.verified_path = verdict.verified_path
    if verdict.scope is not None:
        scope = answer.scope
        scope.date = verdict.scope.date
        scope.region = verdict.scope.region
        scope.service = verdict.scope.service
    _put_coverage(answer.coverage, verdict.coverage)
    _DUTIES[type(verdict.payload_duty)](answer.payload_duty, verdict.payload_duty)
    return response


def put_rejected(answer: pb.Rejected, verdict: Rejected, public: Public, *, now: float, skew: int) -> None:
    """Fill in a refusal. `now` is the service's clock in Unix seconds, `skew` in seconds."""
    answer.reason = REASONS[verdict.reason]
    answer.detail = verdict.detail[:MAX_DETAIL]
    seconds = math.floor(now)
    answer.server_time.seconds = seconds
    answer.server_time.nanos = int((now - seconds) * 1_000_000) * 1000
    answer.allowed_skew.seconds = skew
    answer.public_error.code = public.code
    answer.public_error.http_status = public.http_status
    answer.public_error.message = public.message
    for name, value in public.headers:
        answer.public_error.headers.add(name=name, value=value)


def _put_coverage(message: pb.Coverage, coverage: Coverage) -> None:
    message.headers.extend([name.decode("ascii") for name in coverage.headers])
    message.method = coverage.method
    message.path = coverage.path
    message.query = coverage.query
    if coverage.components:
        message.components.extend(coverage.components)


def _put_already_checked(message: pb.PayloadDuty, _: payload.AlreadyChecked) -> None:
    message.already_checked.SetInParent()


def _put_body_sha256(message: pb.PayloadDuty, duty: payload.BodySha256) -> None:
    message.body_sha256.sha256 = duty.sha256


def _put_body_digests(message: pb.PayloadDuty, duty: payload.BodyDigests) -> None:
    if not duty.digests:
        raise ValueError("a body without digests would be let through unchecked")
    for algorithm, value in duty.digests:
        message.body_digests.digests.add(algorithm=algorithm, value=value)


def _put_chunk_signed(message: pb.PayloadDuty, duty: payload.ChunkSigned) -> None:
    chunks = message.chunk_signed
    chunks.algorithm = duty.algorithm
    chunks.seed_signature = duty.seed_signature
    chunks.timestamp = duty.timestamp
    chunks.scope = duty.scope
    chunks.signed_trailer = duty.signed_trailer
    if duty.decoded_length is not None:
        chunks.decoded_length = duty.decoded_length
    chunks.trailers.extend(duty.trailers)


def _put_chunk_unsigned(message: pb.PayloadDuty, duty: payload.ChunkUnsigned) -> None:
    chunks = message.chunk_unsigned
    chunks.SetInParent()
    if duty.decoded_length is not None:
        chunks.decoded_length = duty.decoded_length
    chunks.trailers.extend(duty.trailers)


def _put_unsigned(message: pb.PayloadDuty, _: payload.Unsigned) -> None:
    message.unsigned.SetInParent()


def _put_left_to_caller(message: pb.PayloadDuty, _: payload.LeftToCaller) -> None:
    message.left_to_caller.SetInParent()


# A duty that is not here is a KeyError, hence INTERNAL: an answer without its duty must not leave the service.
_DUTIES: Final[Mapping[type[Any], Callable[[pb.PayloadDuty, Any], None]]] = {
    payload.AlreadyChecked: _put_already_checked,
    payload.BodySha256: _put_body_sha256,
    payload.BodyDigests: _put_body_digests,
    payload.ChunkSigned: _put_chunk_signed,
    payload.ChunkUnsigned: _put_chunk_unsigned,
    payload.Unsigned: _put_unsigned,
    payload.LeftToCaller: _put_left_to_caller,
}
