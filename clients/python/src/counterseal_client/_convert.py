"""Between the client's own types and the messages of `counterseal.v1`. Whatever is not understood reads as refused."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from counterseal.core import payload
from counterseal.core.body import Link
from counterseal.v1 import verification_pb2 as pb
from counterseal_client.errors import VerifierError
from counterseal_client.model import (
    NOT_UNDERSTOOD,
    ChunkSigned,
    ChunksVerified,
    Coverage,
    Demand,
    HttpRequest,
    Rejected,
    Scope,
    Verdict,
    Verified,
)

_DIGEST_BYTES = {"sha-256": 32, "sha-512": 64}
_REASON_PREFIX = "REJECTION_REASON_"


def to_message(
    request: HttpRequest, demand: Demand | None, request_id: str, *, lease_signing_key: bool = False
) -> pb.VerifyRequest:
    """Return the message for `request`. Raises ValueError or TypeError when a field cannot be put into it at all."""
    http_request = pb.HttpRequest(
        method=request.method,
        scheme=request.scheme,
        target=request.target,
        # Names are ASCII by RFC 9110; latin-1 hands anything else over to the service, which refuses it by its grammar.
        headers=[pb.Header(name=name.decode("latin-1"), value=value) for name, value in request.headers],
        trailers=[pb.Header(name=name.decode("latin-1"), value=value) for name, value in request.trailers],
        source_address=request.source_address,
    )
    if request.content is not None and request.content_sha256 is not None:
        raise ValueError("content and content_sha256 exclude each other")
    if request.content is not None:
        http_request.content = request.content
    elif request.content_sha256 is not None:
        http_request.content_sha256 = request.content_sha256
    message = pb.VerifyRequest(http_request=http_request, request_id=request_id, lease_signing_key=lease_signing_key)
    if demand is not None:
        message.demand.CopyFrom(
            pb.Demand(
                allowed_schemes=demand.allowed_schemes,
                regions=demand.regions,
                services=demand.services,
                required_headers=demand.required_headers,
                tenants=demand.tenants,
                key_id=demand.key_id,
                label=demand.label,
                tag=demand.tag,
                required_components=demand.required_components,
            )
        )
    return message


def to_verdict(response: pb.VerifyResponse) -> Verdict:
    """Return the verdict in `response`. An unset or unknown outcome, duty or required field is a refusal.

    Raises VerifierError when a time or duration is out of every range.
    """
    outcome = response.WhichOneof("outcome")
    if outcome == "rejected":
        return _rejected(response.rejected)
    if outcome == "verified":
        return _verified(response.verified)
    return _not_understood("the answer holds no outcome that this client knows")


def _verified(message: pb.Verified) -> Verdict:
    duty = _duty(message.payload_duty)
    if duty is None:
        return _not_understood("the answer holds no payload duty that this client knows")
    if not message.key_id or not message.scheme:
        return _not_understood("the answer names no key or no scheme")
    return Verified(
        key_id=message.key_id,
        principal=message.principal,
        tenant=message.tenant,
        labels=dict(message.labels),
        scheme=message.scheme,
        scope=_scope(message.scope) if message.HasField("scope") else None,
        signed_time=_time(message.signed_time) if message.HasField("signed_time") else None,
        valid_until_time=_time(message.valid_until_time) if message.HasField("valid_until_time") else None,
        coverage=Coverage(
            headers=tuple(message.coverage.headers),
            method=message.coverage.method,
            path=message.coverage.path,
            query=message.coverage.query,
            components=tuple(message.coverage.components),
        ),
        payload_duty=duty,
        verified_path=message.verified_path,
        session_id=message.session_id,
    )


def _duty(message: pb.PayloadDuty) -> payload.PayloadDuty | None:
    match message.WhichOneof("duty"):
        case "already_checked":
            return payload.AlreadyChecked()
        case "body_sha256":
            digest = message.body_sha256.sha256
            return payload.BodySha256(sha256=digest) if len(digest) == 32 else None
        case "body_digests":
            digests = tuple((digest.algorithm, digest.value) for digest in message.body_digests.digests)
            known = digests and all(_DIGEST_BYTES.get(name) == len(value) for name, value in digests)
            return payload.BodyDigests(digests=digests) if known else None
        case "chunk_signed":
            return _chunk_signed(message.chunk_signed)
        case "chunk_unsigned":
            chunks = message.chunk_unsigned
            length = chunks.decoded_length if chunks.HasField("decoded_length") else None
            return payload.ChunkUnsigned(decoded_length=length, trailers=tuple(chunks.trailers))
        case "unsigned":
            return payload.Unsigned()
        case "left_to_caller":
            return payload.LeftToCaller()
        case _:
            return None


def _chunk_signed(message: pb.PayloadDuty.ChunkSigned) -> ChunkSigned:
    return ChunkSigned(
        algorithm=message.algorithm,
        seed_signature=message.seed_signature,
        timestamp=message.timestamp,
        scope=message.scope,
        signed_trailer=message.signed_trailer,
        decoded_length=message.decoded_length if message.HasField("decoded_length") else None,
        trailers=tuple(message.trailers),
        continuation=message.continuation,
        signing_key=message.signing_key,
    )


def to_chunks_message(
    continuation: bytes, chunks: Sequence[Link], trailer: Link | None, request_id: str
) -> pb.VerifyChunksRequest:
    """Return the message for further links of a chain. Raises ValueError or TypeError when a field cannot be put into it."""
    message = pb.VerifyChunksRequest(
        continuation=continuation,
        chunks=[pb.Chunk(sha256=link.sha256, signature=link.signature) for link in chunks],
        request_id=request_id,
    )
    if trailer is not None:
        message.trailer.CopyFrom(pb.Trailer(sha256=trailer.sha256, signature=trailer.signature))
    return message


def to_chunks_verdict(response: pb.VerifyChunksResponse) -> ChunksVerified | Rejected:
    """Return the verdict in `response`. An unset or unknown outcome is a refusal, and so is a chain that cannot go on."""
    outcome = response.WhichOneof("outcome")
    if outcome == "rejected":
        return _rejected(response.rejected)
    if outcome != "verified":
        return _not_understood("the answer holds no outcome that this client knows")
    verified = response.verified
    if not verified.complete and not verified.continuation:
        return _not_understood("the answer holds nothing to continue from")
    return ChunksVerified(continuation=verified.continuation, complete=verified.complete)


def _rejected(message: pb.Rejected) -> Rejected:
    public = message.public_error
    return Rejected(
        reason=_reason_name(message.reason),
        detail=message.detail,
        code=public.code or "AccessDenied",
        http_status=public.http_status if 400 <= public.http_status <= 499 else 403,
        message=public.message or "Access denied.",
        server_time=_time(message.server_time) if message.HasField("server_time") else None,
        allowed_skew=_duration(message.allowed_skew) if message.HasField("allowed_skew") else None,
        headers=tuple((header.name.encode("latin-1", "replace"), header.value) for header in public.headers),
    )


def _reason_name(number: int) -> str:
    """Return the reason by name. A number from the future keeps its number: it is a refusal all the same."""
    if number not in pb.RejectionReason.values():
        return f"UNKNOWN_REASON_{number}"
    name: str = pb.RejectionReason.Name(pb.RejectionReason.ValueType(number))
    return name.removeprefix(_REASON_PREFIX)


def _not_understood(detail: str) -> Rejected:
    return Rejected(reason=NOT_UNDERSTOOD, detail=detail, code="AccessDenied", http_status=403, message="Access denied.")


def _scope(message: pb.Scope) -> Scope:
    return Scope(date=message.date, region=message.region, service=message.service)


def _time(stamp: Timestamp) -> datetime:
    """Return the time in `stamp`. Raises VerifierError when there is none: a service that says this is broken, not newer."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise VerifierError(f"the answer holds a time that is none: {error}") from None


def _duration(length: Duration) -> timedelta:
    try:
        return length.ToTimedelta()
    except (ValueError, OverflowError) as error:
        raise VerifierError(f"the answer holds a duration that is none: {error}") from None
