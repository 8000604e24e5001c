"""Run by test_python_stubs in other environments: a call of each service through the committed stubs."""

from concurrent import futures
from importlib.metadata import version

import grpc

from counterseal.v1 import error_reason_pb2, keys_pb2, keys_pb2_grpc, verification_pb2, verification_pb2_grpc


class Keys(keys_pb2_grpc.KeyServiceServicer):
    """Issues nothing."""

    def IssueKey(self, request: keys_pb2.IssueKeyRequest, context: grpc.ServicerContext) -> keys_pb2.IssueKeyResponse:
        return keys_pb2.IssueKeyResponse(key=keys_pb2.Key(key_id=request.imported_secret.key_id))


class Verification(verification_pb2_grpc.VerificationServiceServicer):
    """Verifies nothing: the first header's value comes back as the key id."""

    def Verify(self, request: verification_pb2.VerifyRequest, context: grpc.ServicerContext) -> verification_pb2.VerifyResponse:
        key_id = request.http_request.headers[0].value.decode()
        return verification_pb2.VerifyResponse(verified=verification_pb2.Verified(key_id=key_id))


def main() -> None:
    """Serve, call, print."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    keys_pb2_grpc.add_KeyServiceServicer_to_server(Keys(), server)  # type: ignore[abstract]  # one of its methods is enough
    verification_pb2_grpc.add_VerificationServiceServicer_to_server(Verification(), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    assert error_reason_pb2.ERROR_REASON_UNSPECIFIED == 0
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        imported = keys_pb2.ImportedSecret(key_id="AKID", secret=b"0123456789abcdef")
        issued = keys_pb2_grpc.KeyServiceStub(channel).IssueKey(keys_pb2.IssueKeyRequest(imported_secret=imported))
        header = verification_pb2.Header(name="x", value=issued.key.key_id.encode())
        request = verification_pb2.VerifyRequest(http_request=verification_pb2.HttpRequest(headers=[header]))
        response = verification_pb2_grpc.VerificationServiceStub(channel).Verify(request)
    server.stop(None).wait()
    assert response.WhichOneof("outcome") == "verified"
    print(f"verified {response.verified.key_id} with grpcio {version('grpcio')} protobuf {version('protobuf')}")


if __name__ == "__main__":
    main()
