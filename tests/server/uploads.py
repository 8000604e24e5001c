"""Uploads signed chunk by chunk, as a gateway hands them over; chunks are signed by hand, not by the code under test."""

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import Any

from counterseal.core import asymmetric
from counterseal.core.model import HttpRequest
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Client, Issued

EMPTY = hashlib.sha256(b"").hexdigest()
WORDS = {
    ("aws-sigv4", False): "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    ("aws-sigv4", True): "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    ("aws-sigv4a", False): "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    ("aws-sigv4a", True): "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
}


@dataclass
class Upload:
    """The head of an upload, and what its chunks are signed with. Each link that is signed moves `previous` on."""

    message: pb.VerifyRequest
    issued: Issued
    scheme: str
    previous: str = ""
    duty: pb.PayloadDuty.ChunkSigned = field(default_factory=pb.PayloadDuty.ChunkSigned)

    def begin(self, answer: pb.VerifyResponse) -> bytes:
        """Take over what the service says about the chunks; return what to continue from."""
        assert answer.WhichOneof("outcome") == "verified", answer.rejected.reason
        duty = answer.verified.payload_duty
        assert duty.WhichOneof("duty") == "chunk_signed"
        self.duty = duty.chunk_signed
        self.previous = self.duty.seed_signature
        return self.duty.continuation

    def chunk(self, content: bytes) -> pb.Chunk:
        digest = hashlib.sha256(content)
        lines = (self.duty.algorithm, self.duty.timestamp, self.duty.scope, self.previous, EMPTY, digest.hexdigest())
        return pb.Chunk(sha256=digest.digest(), signature=self._sign(lines))

    def trailer(self, text: bytes = b"x-amz-checksum-crc32:AAAAAA==\n") -> pb.Trailer:
        digest = hashlib.sha256(text)
        algorithm = self.duty.algorithm.removesuffix("PAYLOAD") + "TRAILER"
        lines = (algorithm, self.duty.timestamp, self.duty.scope, self.previous, digest.hexdigest())
        return pb.Trailer(sha256=digest.digest(), signature=self._sign(lines))

    def _sign(self, lines: tuple[str, ...]) -> str:
        text = "\n".join(lines).encode()
        if self.scheme == "aws-sigv4a":
            from counterseal.core.sigv4.ecdsa import private_scalar

            signature = asymmetric.p256_sign(private_scalar(self.issued.key_id, self.issued.secret), text).hex()
            self.previous = signature
            return signature.ljust(144, "*")
        key = b"AWS4" + self.issued.secret
        for part in self.duty.scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        self.previous = hmac.new(key, text, hashlib.sha256).hexdigest()
        return self.previous


def upload(
    issued: Issued, *, trailer: bool = False, scheme: str = "aws-sigv4", region: str = "us-east-1", **message: Any
) -> Upload:
    """Return a signed request that announces signed chunks."""
    headers = [(b"host", b"s3.example.com"), (b"x-amz-decoded-content-length", b"10")]
    if trailer:
        headers.append((b"x-amz-trailer", b"x-amz-checksum-crc32"))
    request = HttpRequest(method=b"PUT", target=b"/bucket/key", headers=tuple(headers))
    options = {"region": region, "service": "s3", "payload": WORDS[scheme, trailer]}
    credentials = Credentials(key_id=issued.key_id, secret=issued.secret)
    signed = BUILT_IN[scheme].sign(request, credentials, Signing(now=int(time.time()), options=options))
    fields = [pb.Header(name=name.decode(), value=value) for name, value in signed.headers]
    http_request = pb.HttpRequest(method="PUT", target=signed.target, headers=fields)
    return Upload(pb.VerifyRequest(http_request=http_request, **message), issued, scheme)


def begun(client: Client, issued: Issued, **options: Any) -> tuple[Upload, bytes]:
    """Return an upload whose request was verified, and what to continue from."""
    made = upload(issued, **options)
    return made, made.begin(client.verification.Verify(made.message))


def further(
    client: Client, continuation: bytes, *chunks: pb.Chunk, trailer: pb.Trailer | None = None, metadata: Any = ()
) -> pb.VerifyChunksResponse:
    request = pb.VerifyChunksRequest(continuation=continuation, chunks=chunks, trailer=trailer)
    return client.verification.VerifyChunks(request, metadata=metadata)


def outcome_of(answer: pb.VerifyChunksResponse) -> str:
    if answer.WhichOneof("outcome") == "verified":
        return "complete" if answer.verified.complete else "verified"
    assert answer.WhichOneof("outcome") == "rejected"
    return pb.RejectionReason.Name(answer.rejected.reason).removeprefix("REJECTION_REASON_")
