"""The real server, with one more service on it: a null handler that reads the same message and gives a fixed answer.

python -m tests.bench.server CPU     settings come from the environment; CPU is the core to stay on
"""

import os
import sys
from unittest import mock

import grpc

from counterseal.server import app
from counterseal.server.config import load_config
from counterseal.server.rpc import server as rpc_server
from counterseal.v1 import verification_pb2

NULL_SERVICE = "counterseal.bench.NullService"
NULL_METHOD = f"/{NULL_SERVICE}/Verify"


def _answer() -> verification_pb2.VerifyResponse:
    response = verification_pb2.VerifyResponse()
    verified = response.verified
    verified.key_id = "CSAK" + "A" * 20
    verified.tenant, verified.scheme = "default", "aws-sigv4"
    verified.signed_time.seconds = verified.valid_until_time.seconds = 1_700_000_000
    verified.coverage.headers.extend(["host", "x-amz-content-sha256", "x-amz-date"])
    verified.payload_duty.already_checked.SetInParent()
    return response


def _add_null(server: grpc.Server) -> grpc.Server:
    answer = _answer()

    def verify(request: verification_pb2.VerifyRequest, context: grpc.ServicerContext) -> verification_pb2.VerifyResponse:
        return answer

    handler = grpc.unary_unary_rpc_method_handler(
        verify,
        request_deserializer=verification_pb2.VerifyRequest.FromString,
        response_serializer=verification_pb2.VerifyResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NULL_SERVICE, {"Verify": handler}),))
    server.add_registered_method_handlers(NULL_SERVICE, {"Verify": handler})
    return server


def main() -> int:
    os.sched_setaffinity(0, {int(sys.argv[1])})
    with mock.patch.object(app, "build_server", lambda *given: _add_null(rpc_server.build_server(*given))):
        return app.run(load_config(os.environ))


if __name__ == "__main__":
    sys.exit(main())
