"""Generated messages -> plain records, for the administrator's client.

A member, enum value or state that this release does not know raises ServerDefect: nothing unknown is ever read as verified.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from counterseal.core.model import Coverage, KeyState
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
from counterseal.server.rpc.admin_messages import policy_of, public_key_of, secrets_of, utc
from counterseal.server.rpc.client_errors import ServerDefect
from counterseal.server.store.records import KeyRecord
from counterseal.v1 import keys_pb2, verification_pb2

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAnswer:
    """The service's verdict: verified. `scope` is (date, region, service), None for schemes without one, as are the times."""

    key_id: str
    principal: str
    tenant: str
    labels: Mapping[str, str]
    scheme: str
    scope: tuple[str, str, str] | None
    signed_time: dt.datetime | None
    valid_until: dt.datetime | None
    coverage: Coverage
    payload_duty: PayloadDuty
    verified_path: bytes
    session_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedAnswer:
    """The service's verdict: rejected. `reason` is a name without prefix; `allowed_skew` is in seconds.

    `public_headers` are fields to send along with the answer, such as `accept-signature`.
    """

    reason: str
    detail: str
    server_time: dt.datetime | None
    allowed_skew: int
    public_code: str
    public_http_status: int
    public_message: str = field(default="")
    public_headers: tuple[tuple[str, bytes], ...] = ()


VerifyAnswer = VerifiedAnswer | RejectedAnswer

_STATES = {
    keys_pb2.KEY_STATE_ACTIVE: KeyState.ACTIVE,
    keys_pb2.KEY_STATE_DISABLED: KeyState.DISABLED,
    keys_pb2.KEY_STATE_REVOKED: KeyState.REVOKED,
}
STATE_NUMBERS = {state: number for number, state in _STATES.items()}


def key_record(key: keys_pb2.Key) -> KeyRecord:
    """Return the key of an answer.

    Raises:
        ServerDefect: the key is in a state, or of a kind, that this release does not know.
    """
    state = _STATES.get(key.state)
    if state is None:
        raise ServerDefect(
            f"the server sent a key state that this release does not know (number {key.state}); upgrade counterseal"
        )
    return KeyRecord(
        key_id=key.key_id,
        tenant=key.tenant,
        principal=key.principal,
        description=key.description,
        labels=dict(key.labels),
        allowed_schemes=frozenset(key.allowed_schemes),
        state=state,
        not_before=utc(key.not_before_time) if key.HasField("not_before_time") else None,
        expires=utc(key.expire_time) if key.HasField("expire_time") else None,
        created=utc(key.create_time),
        updated=utc(key.update_time),
        revoked=utc(key.revoke_time) if key.HasField("revoke_time") else None,
        revoke_reason=key.revoke_reason,
        etag=key.etag,
        has_security_token=key.has_security_token,
        public_key=public_key_of(key),
        policy=policy_of(key),
        bearer=key.kind == keys_pb2.KEY_KIND_BEARER,
        session_id=key.session_id,
        **secrets_of(key),
    )


def verify_answer(response: verification_pb2.VerifyResponse) -> VerifyAnswer:
    """Return the verdict of an answer.

    Raises:
        ServerDefect: there is no outcome, or not one that this release knows. That is *not verified*.
    """
    outcome = response.WhichOneof("outcome")
    if outcome == "verified":
        return _verified(response.verified)
    if outcome == "rejected":
        return _rejected(response.rejected)
    raise ServerDefect("the server's answer holds no verdict that this release knows: not verified")


def _verified(message: verification_pb2.Verified) -> VerifiedAnswer:
    coverage = message.coverage
    scope = (message.scope.date, message.scope.region, message.scope.service) if message.HasField("scope") else None
    return VerifiedAnswer(
        key_id=message.key_id,
        principal=message.principal,
        tenant=message.tenant,
        labels=dict(message.labels),
        scheme=message.scheme,
        scope=scope,
        signed_time=utc(message.signed_time) if message.HasField("signed_time") else None,
        valid_until=utc(message.valid_until_time) if message.HasField("valid_until_time") else None,
        coverage=Coverage(
            headers=tuple(name.encode() for name in coverage.headers),
            method=coverage.method,
            path=coverage.path,
            query=coverage.query,
            components=tuple(coverage.components),
        ),
        payload_duty=_duty(message.payload_duty),
        verified_path=message.verified_path,
        session_id=message.session_id,
    )


def _duty(message: verification_pb2.PayloadDuty) -> PayloadDuty:
    match message.WhichOneof("duty"):
        case "already_checked":
            return AlreadyChecked()
        case "body_sha256":
            return BodySha256(sha256=message.body_sha256.sha256)
        case "body_digests":
            return _body_digests(message.body_digests)
        case "chunk_signed":
            return _chunk_signed(message.chunk_signed)
        case "chunk_unsigned":
            unsigned = message.chunk_unsigned
            length = unsigned.decoded_length if unsigned.HasField("decoded_length") else None
            return ChunkUnsigned(decoded_length=length, trailers=tuple(unsigned.trailers))
        case "unsigned":
            return Unsigned()
        case "left_to_caller":
            return LeftToCaller()
        case _:
            raise ServerDefect("the server's answer holds no payload duty that this release knows: not verified")


def _body_digests(message: verification_pb2.PayloadDuty.BodyDigests) -> BodyDigests:
    if not message.digests:
        raise ServerDefect("the server's answer holds a payload duty without digests: not verified")
    return BodyDigests(digests=tuple((digest.algorithm, digest.value) for digest in message.digests))


def _chunk_signed(message: verification_pb2.PayloadDuty.ChunkSigned) -> ChunkSigned:
    return ChunkSigned(
        algorithm=message.algorithm,
        seed_signature=message.seed_signature,
        timestamp=message.timestamp,
        scope=message.scope,
        signed_trailer=message.signed_trailer,
        decoded_length=message.decoded_length if message.HasField("decoded_length") else None,
        trailers=tuple(message.trailers),
    )


def _rejected(message: verification_pb2.Rejected) -> RejectedAnswer:
    return RejectedAnswer(
        reason=_reason_name(message.reason),
        detail=message.detail,
        server_time=utc(message.server_time) if message.HasField("server_time") else None,
        allowed_skew=message.allowed_skew.seconds,
        public_code=message.public_error.code,
        public_http_status=message.public_error.http_status,
        public_message=message.public_error.message,
        public_headers=tuple((header.name, header.value) for header in message.public_error.headers),
    )


def _reason_name(number: int) -> str:
    """Return the reason without its prefix. A number from the future is still a refusal, and is shown as a number."""
    enum = verification_pb2.RejectionReason.DESCRIPTOR.values_by_number
    if number not in enum:
        return f"UNKNOWN_REASON_{number}"
    return str(enum[number].name).removeprefix("REJECTION_REASON_")
