"""Fuzz targets for the parsers around the core: the gateway's message, and raw HTTP in files."""

from google.protobuf.message import DecodeError

from counterseal.core.http import MAX_HEADERS
from counterseal.core.model import HttpRequest
from counterseal.server.cli import raw_http
from counterseal.server.errors import InvalidField
from counterseal.server.rpc.convert import read_demand, read_request_id, read_subject
from counterseal.v1 import verification_pb2 as pb
from tests.fuzz import seeds
from tests.fuzz.checks import check, walk


def verify_message(data: bytes) -> None:
    """Read a VerifyRequest off the wire, and verify what it says."""
    try:
        message = pb.VerifyRequest.FromString(data)
    except DecodeError:
        return
    try:
        subject = read_subject(message)
        demand = read_demand(message)
        request_id = read_request_id(message.request_id)
    except InvalidField:
        return
    check(len(request_id) <= 128 and request_id.isascii(), "request ids are safe to log")
    check("" not in demand.regions | demand.services, "no empty demand, which would demand nothing")
    if isinstance(subject, HttpRequest):
        check(
            [value for _, value in subject.headers]
            == [field.value for field in message.http_request.headers[: MAX_HEADERS + 1]],
            "no field is lost, but of those that are too many",
        )
        check(subject.content is None or subject.content_sha256 is None, "a body comes in one way")
        check(subject.content_sha256 is None or len(subject.content_sha256) == 32, "hashes have their length")
    walk(subject, data, demand)


def raw_request(data: bytes) -> None:
    """Read raw HTTP; what was read is written so that it reads the same."""
    try:
        request = raw_http.read_request(data)
    except raw_http.RawHttpError:
        return
    check(raw_http.read_request(raw_http.write_request(request)) == request, "what was read reads the same when written")
    try:
        raw_http.check_body(request)
    except raw_http.BadBody:
        return
    walk(request, data)


def raw_requests() -> set[bytes]:
    return {raw_http.write_request(case.request()) for case in seeds.all_cases()}


def verify_messages() -> set[bytes]:
    found = set()
    for case in seeds.all_cases():
        request = case.request()
        message = pb.VerifyRequest(request_id=case.id.replace("/", "."))
        message.http_request.target, message.http_request.method = request.target, request.method.decode()
        for name, value in request.headers:
            message.http_request.headers.add(name=name.decode(), value=value)
        message.http_request.content = (request.content or b"")[:100]
        message.demand.regions.append("us-east-1")
        found.add(message.SerializeToString(deterministic=True))
    for packed in seeds.strings_to_sign():
        credential, text, signature, _, token = packed.split(seeds.FIELD)
        message = pb.VerifyRequest()
        message.string_to_sign.scheme, message.string_to_sign.credential = "aws-sigv4", credential.decode()
        message.string_to_sign.string_to_sign, message.string_to_sign.signature = text, signature.decode()
        message.string_to_sign.security_token = token.decode()
        message.string_to_sign.valid_for.FromSeconds(60)
        found.add(message.SerializeToString(deterministic=True))
    return found
