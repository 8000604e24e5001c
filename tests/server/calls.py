"""Calls that tests make over and over: issue a key, sign a request, ask for the verdict, read an error."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from counterseal.core.model import HttpRequest
from counterseal.core.schemes import aws_sigv4
from counterseal.v1 import keys_pb2, keys_pb2_grpc
from counterseal.v1 import verification_pb2 as pb
from counterseal.v1 import verification_pb2_grpc as pb_grpc

Metadata = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True)
class Issued:
    key_id: str
    secret: bytes = field(repr=False)
    session: str | None = field(default=None, repr=False)


def bearer(secret: str) -> Metadata:
    return (("authorization", f"Bearer {secret}"),)


class Client:
    """The two services on one channel. `admin` is what KeyService calls carry."""

    def __init__(self, channel: grpc.Channel, admin: Metadata = ()) -> None:
        self.channel = channel
        self.keys = keys_pb2_grpc.KeyServiceStub(channel)
        self.verification = pb_grpc.VerificationServiceStub(channel)
        self.admin = admin

    def issue(self, **fields: Any) -> Issued:
        answer = self.keys.IssueKey(keys_pb2.IssueKeyRequest(**fields), metadata=self.admin)
        return Issued(answer.key.key_id, answer.secret.encode())

    def revoke(self, key_id: str) -> keys_pb2.RevokeResponse:
        return self.keys.Revoke(keys_pb2.RevokeRequest(key_id=key_id, reason="a test"), metadata=self.admin)

    def update(self, key_id: str, *mask: str, **fields: Any) -> None:
        request = keys_pb2.UpdateKeyRequest(key=keys_pb2.Key(key_id=key_id, **fields))
        request.update_mask.paths.extend(mask)
        self.keys.UpdateKey(request, metadata=self.admin)

    def verify(self, message: pb.VerifyRequest, metadata: Metadata = ()) -> str:
        """Return `verified`, or the reason of the refusal."""
        return outcome(self.verification.Verify(message, metadata=metadata))


def outcome(answer: pb.VerifyResponse) -> str:
    if answer.WhichOneof("outcome") == "verified":
        return "verified"
    assert answer.WhichOneof("outcome") == "rejected"
    return pb.RejectionReason.Name(answer.rejected.reason).removeprefix("REJECTION_REASON_")


def signed(
    issued: Issued,
    *,
    target: bytes = b"/bucket/a/key?list-type=2",
    region: str = "us-east-1",
    service: str = "s3",
    at: float | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    body: bytes = b"",
    **message: Any,
) -> pb.VerifyRequest:
    """Return a request signed by our own signer, as a gateway hands it over."""
    request = HttpRequest(method=b"PUT", target=target, headers=((b"host", b"s3.example.com"), *headers), content=body)
    credentials = aws_sigv4.Credentials(key_id=issued.key_id, secret=issued.secret, security_token=issued.session)
    now = int(time.time() if at is None else at)
    added = aws_sigv4.sign_headers(request, credentials, region=region, service=service, now=now)
    return pb.VerifyRequest(
        http_request=pb.HttpRequest(
            method="PUT",
            target=target,
            content=body,
            headers=[pb.Header(name=name.decode(), value=value) for name, value in (*request.headers, *added)],
        ),
        **message,
    )


@dataclass(frozen=True)
class RpcFailure:
    """What a client sees of a failed call."""

    code: str
    reason: str
    field: str
    text: str


@contextmanager
def failing() -> Iterator[list[RpcFailure]]:
    """Expect the call inside to fail, with one ErrorInfo of ours; the list holds what the client saw."""
    seen: list[RpcFailure] = []
    try:
        yield seen
    except grpc.RpcError as error:
        seen.append(read_failure(error))
    else:
        raise AssertionError("the call did not fail")


def read_failure(error: Any) -> RpcFailure:
    status = rpc_status.from_call(error)
    assert status is not None, f"no google.rpc.Status: {error.code()}"
    (packed,) = status.details
    info = error_details_pb2.ErrorInfo()
    assert packed.Unpack(info)
    assert info.domain == "counterseal"
    assert set(info.metadata) <= {"field"}
    return RpcFailure(error.code().name, info.reason, info.metadata.get("field", ""), error.details())
