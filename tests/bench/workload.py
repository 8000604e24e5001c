"""What is sent: a PUT as boto3 sends it, signed by our signer with each of many keys, or with a bearer token instead."""

import time
from dataclasses import replace

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.aws_sigv4 import Credentials, sign_headers
from counterseal.v1 import verification_pb2

_PLAIN = HttpRequest(
    method=b"PUT",
    target=b"/bucket/photos/2026/holiday%20picture.jpg?partNumber=1&uploadId=VXBsb2FkIElE",
    headers=(
        (b"host", b"storage.example.com"),
        (b"user-agent", b"Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11.7 cfg/retry-mode#legacy"),
        (b"accept-encoding", b"identity"),
        (b"content-type", b"image/jpeg"),
        (b"content-length", b"1024"),
        (b"amz-sdk-invocation-id", b"3f1c0a52-9c1e-4a7b-8a44-0d9a3c6f5b11"),
        (b"amz-sdk-request", b"attempt=1"),
        (b"x-amz-meta-camera", b"pinhole"),
    ),
    content_sha256=bytes(range(32)),
)


def message(credentials: Credentials) -> bytes:
    """Return a serialised VerifyRequest, signed now."""
    added = sign_headers(_PLAIN, credentials, region="eu-central-1", service="s3", now=int(time.time()))
    signed = replace(_PLAIN, headers=_PLAIN.headers + added)
    return _serialised(signed)


def bearer_message(token: str) -> bytes:
    """Return a serialised VerifyRequest of the same request with a bearer token."""
    return _serialised(replace(_PLAIN, headers=(*_PLAIN.headers, (b"authorization", b"Bearer " + token.encode()))))


def _serialised(signed: HttpRequest) -> bytes:
    return verification_pb2.VerifyRequest(
        http_request=verification_pb2.HttpRequest(
            method=signed.method.decode(),
            target=signed.target,
            headers=[verification_pb2.Header(name=name.decode(), value=value) for name, value in signed.headers],
            content_sha256=signed.content_sha256,
        ),
        request_id="bench",
    ).SerializeToString()
