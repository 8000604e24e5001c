"""A gRPC server that answers Verify with given bytes: what no real server of this contract sends."""

import contextlib
from collections.abc import Iterator
from concurrent import futures

import grpc

from counterseal.v1 import keys_pb2


@contextlib.contextmanager
def answering(verify_response: bytes) -> Iterator[str]:
    """Serve on a free port of loopback and yield its address."""
    issued = keys_pb2.IssueKeyResponse(key=keys_pb2.Key(key_id="FAKE")).SerializeToString()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(
        (
            _always("counterseal.v1.KeyService", "IssueKey", issued),
            _always("counterseal.v1.VerificationService", "Verify", verify_response),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def _always(service: str, method: str, answer: bytes) -> grpc.GenericRpcHandler:
    def handler(request: bytes, context: grpc.ServicerContext) -> bytes:
        return answer

    return grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(handler)})
