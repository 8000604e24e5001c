"""A real gRPC server whose answers a test chooses: what a service may say, and what it should never say."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent import futures

import grpc

from counterseal.server.rpc.errors import Failure, wire_status
from counterseal.v1 import verification_pb2 as pb
from counterseal.v1 import verification_pb2_grpc as pb_grpc

# A failure of the service's own comes with its reason, a mere code without one.
Answer = pb.VerifyResponse | grpc.StatusCode | Failure
ChunkBehaviour = Callable[[pb.VerifyChunksRequest], pb.VerifyChunksResponse | grpc.StatusCode | Failure]
Behaviour = Callable[[pb.VerifyRequest, grpc.ServicerContext], Answer]

SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def verified(**changes: object) -> pb.VerifyResponse:
    """A complete Verified, with fields of its message replaced by `changes`."""
    message = pb.Verified(
        key_id="AKIDEXAMPLE", principal="alice", tenant="default", scheme="aws-sigv4", verified_path=b"/b/k",
        coverage=pb.Coverage(headers=["host", "x-amz-date"], method=True, path=True, query=True),
        payload_duty=pb.PayloadDuty(unsigned=pb.PayloadDuty.Unsigned()),
        scope=pb.Scope(date="20261121", region="eu-central-1", service="s3"),
    )  # fmt: skip
    message.signed_time.FromSeconds(1_700_000_000)
    for name, value in changes.items():
        message.ClearField(name)
        if value is not None:
            message.MergeFrom(pb.Verified(**{name: value}))  # type: ignore[arg-type]
    return pb.VerifyResponse(verified=message)


def rejected(reason: int, code: str = "SignatureDoesNotMatch", status: int = 403) -> pb.VerifyResponse:
    message = pb.Rejected(
        detail="for the log", public_error=pb.PublicError(code=code, http_status=status, message="No <entry> & so.")
    )
    # Through the wire, as a newer service would: the generated enum refuses numbers that it does not know.
    message.MergeFromString(bytes([0x08]) + _varint(reason))
    message.server_time.FromSeconds(1_700_000_000)
    message.allowed_skew.FromSeconds(900)
    return pb.VerifyResponse(rejected=message)


def _varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


class StubService(pb_grpc.VerificationServiceServicer):
    """Answers with `behave`, and remembers what it was asked, by whom and over which connection."""

    def __init__(self) -> None:
        self.behave: Behaviour = lambda _request, _context: verified()
        self.requests: list[pb.VerifyRequest] = []
        self.behave_about_chunks: ChunkBehaviour = lambda _request: grpc.StatusCode.UNIMPLEMENTED
        self.chunk_requests: list[pb.VerifyChunksRequest] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.peers: list[str] = []
        self.address = ""
        self._lock = threading.Lock()

    def Verify(self, request: pb.VerifyRequest, context: grpc.ServicerContext) -> pb.VerifyResponse:
        with self._lock:
            self.requests.append(request)
            self.metadata.append({item[0]: item[1] for item in context.invocation_metadata()})
            self.peers.append(context.peer())
        answer = self.behave(request, context)
        if isinstance(answer, Failure):
            context.abort_with_status(wire_status(answer))
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "the stub says so")
        return answer

    def ListSchemes(self, request: pb.ListSchemesRequest, context: grpc.ServicerContext) -> pb.ListSchemesResponse:
        return pb.ListSchemesResponse()

    def VerifyChunks(self, request: pb.VerifyChunksRequest, context: grpc.ServicerContext) -> pb.VerifyChunksResponse:
        with self._lock:
            self.chunk_requests.append(request)
        answer = self.behave_about_chunks(request)
        if isinstance(answer, Failure):
            context.abort_with_status(wire_status(answer))
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "the stub says so")
        return answer

    def answer_in_turn(self, *answers: Answer) -> None:
        """Give these answers one after the other, the last one for ever."""
        left = list(answers)
        self.behave = lambda _request, _context: left.pop(0) if len(left) > 1 else left[0]


@contextlib.contextmanager
def running_stub(credentials: grpc.ServerCredentials | None = None) -> Iterator[StubService]:
    service = StubService()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    pb_grpc.add_VerificationServiceServicer_to_server(service, server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    service.address = f"127.0.0.1:{port}"
    server.start()
    try:
        yield service
    finally:
        server.stop(None).wait()


@contextlib.contextmanager
def held_address() -> Iterator[str]:
    """An address where nobody listens, and nobody else's server comes to; a gRPC server started there is let in."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"
