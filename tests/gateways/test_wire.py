"""What a gateway has to get right on the wire, by requests that no client library would send."""

import json
import re
import socket
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.aws_sigv4 import Credentials as SigningCredentials
from counterseal.core.schemes.aws_sigv4 import sign_headers
from tests.gateways.clients import BODY, BUCKET, KEY, PATH, REGION, Where, aws, fetch
from tests.gateways.tamper import Proxy, exchange
from tests.gateways.world import PATIENT, Credentials, World, running_gateway
from tests.support.process import running_server

Fields = tuple[tuple[bytes, bytes], ...]


def signed(
    world: World,
    credentials: Credentials,
    method: bytes,
    target: bytes,
    *,
    body: bytes = b"",
    service: str = "s3",
    extra: Fields = (),
) -> list[tuple[bytes, bytes]]:
    """Header fields of a request signed by our own signer."""
    headers: Fields = ((b"host", f"127.0.0.1:{world.port}".encode()), *extra)
    request = HttpRequest(method=method, target=target, headers=headers, content=body)
    key = SigningCredentials(key_id=credentials.key_id, secret=credentials.secret.encode())
    return [*headers, *sign_headers(request, key, region=REGION, service=service, now=int(time.time()))]


def send(
    world: World, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes = b""
) -> tuple[int, bytes]:
    lines = [method + b" " + target + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    return exchange(world.port, b"\r\n".join(lines) + b"\r\n\r\n" + body)


@pytest.fixture(autouse=True)
def _object(proxy: Proxy) -> None:
    """An object in the bucket, and nothing written down yet."""


@pytest.mark.parametrize(
    "target",
    [
        b"/bucket//a%20dir/../x", b"/bucket/./x", b"/bucket/%2e%2e/%2E%2Fx", b"/bucket/a%252Fb", b"/bucket/%5Cx",
        b"/bucket/;x;y", b"/bucket/x?a=b%20c&a&A=&%C3%BC=%2B", b"/bucket/x?", b"//bucket//x//",
    ],
)  # fmt: skip
def test_the_upstream_gets_the_target_that_was_verified(world: World, credentials: Credentials, target: bytes) -> None:
    """S3 signs the path as it stands, so it has to stand so at the upstream: no dot segment resolved, nothing unescaped."""
    status, _ = send(world, b"GET", target, signed(world, credentials, b"GET", target))
    assert status != 403
    (request,) = world.passed_on()
    path, _, query = target.partition(b"?")
    assert request["target"].encode().partition(b"?") == (path, b"?" if query else b"", query)


@pytest.mark.parametrize("sent", [b"/x/../b", b"//b", b"/./b", b"/b/c/.."])
def test_where_the_scheme_normalises_the_upstream_gets_the_normal_path(
    world: World, credentials: Credentials, sent: bytes
) -> None:
    """SeaweedFS CVE-2026-54917. Signed as `/b`, sent as something else: SigV4 for other services cannot tell them apart."""
    headers = signed(world, credentials, b"GET", b"/b", service="execute-api")
    status, _ = send(world, b"GET", sent, headers)
    assert status != 403
    assert [request["target"] for request in world.passed_on()] == ["/b"]


@pytest.mark.parametrize(
    "target",
    [
        b"*",
        b"bucket/x",
        b"/bucket/x#fragment",
        b"/bucket/%zz",
        b"/bucket/%e",
        b"/bucket/x y",
        b"/bucket/\xc3\xbc",
        b"/bucket/\x00",
    ],
)
def test_targets_out_of_grammar_go_nowhere(world: World, credentials: Credentials, target: bytes) -> None:
    status, _ = send(world, b"GET", target, signed(world, credentials, b"GET", b"/bucket/x"))
    assert 400 <= status < 500
    assert world.passed_on() == []


def test_the_absolute_form_goes_nowhere(world: World, credentials: Credentials) -> None:
    headers = signed(world, credentials, b"GET", PATH.encode())
    status, _ = send(world, b"GET", f"http://127.0.0.1:{world.port}{PATH}".encode(), headers)
    assert (400 <= status < 500, world.passed_on()) == (True, [])


@pytest.mark.parametrize("name", [b"x-counterseal-principal", b"X_Counterseal_Principal", b"x-http-method-override"])
def test_unsigned_claims_of_the_client_stop_here(world: World, credentials: Credentials, name: bytes) -> None:
    headers = [*signed(world, credentials, b"GET", PATH.encode()), (name, b"DELETE")]
    assert send(world, b"GET", PATH.encode(), headers)[0] == 200
    (request,) = world.passed_on()
    assert "DELETE" not in [value for _, value in request["headers"]]


@pytest.mark.parametrize("name", [b"x-amz-meta-a", b"authorization"])
def test_connection_that_names_what_is_signed_goes_nowhere(world: World, credentials: Credentials, name: bytes) -> None:
    headers = signed(world, credentials, b"GET", PATH.encode(), extra=((b"x-amz-meta-a", b"kept"),))
    status, _ = send(world, b"GET", PATH.encode(), [*headers, (b"connection", b"close, " + name)])
    assert (status, world.passed_on()) == (400, [])


def test_connection_cannot_name_identity_fields_away(credentials: Credentials, world: World, folder: Path) -> None:
    """`Connection: x-counterseal-principal` would make a proxy drop what the middleware says about the signer."""
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        port = upstream.getsockname()[1]
        with running_gateway(world.server, f"http://127.0.0.1:{port}", folder / "echo", "h11") as other:
            headers = signed(
                other, credentials, b"GET", b"/x", extra=((b"x-amz-meta-a", b"kept"), (b"x-own", b"1"), (b"x-gone", b"1"))
            )
            names = b"close, X-Counterseal-Principal, x-counterseal-key-id, x-late"
            request = b"\r\n".join(
                [b"GET /x HTTP/1.1", *(name + b": " + value for name, value in headers), b"Connection: " + names]
            )
            with socket.create_connection(("127.0.0.1", other.port), timeout=60) as client:
                client.sendall(request + b"\r\nx-late: 1\r\nTE: trailers\r\n\r\n")
                upstream.settimeout(60)
                accepted, _ = upstream.accept()
                with accepted:
                    head = b""
                    while b"\r\n\r\n" not in head:
                        head += accepted.recv(65536)
                    accepted.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                assert b" 204 " in client.recv(65536)
    arrived = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
    assert {b"x-counterseal-principal", b"x-counterseal-key-id", b"x-amz-meta-a", b"host"} <= arrived
    assert not {b"x-late", b"te", b"connection"} & arrived


def test_a_body_smuggled_behind_one_that_was_signed(world: World, credentials: Credentials) -> None:
    """Two framings of one body: whoever reads the other one sees another request."""
    path = b"/bucket/smuggled"
    headers = signed(world, credentials, b"PUT", path, body=b"0\r\n\r\n")
    status, _ = send(
        world, b"PUT", path, [*headers, (b"content-length", b"5"), (b"transfer-encoding", b"chunked")], b"0\r\n\r\n"
    )
    assert 400 <= status < 500
    assert world.passed_on() == []


def test_a_chunked_body_streams_and_is_checked(world: World, credentials: Credentials, moto: str) -> None:
    path = b"/bucket/chunked"
    headers = [*signed(world, credentials, b"PUT", path, body=b"hello world"), (b"transfer-encoding", b"chunked")]
    status, _ = send(world, b"PUT", path, headers, b"6\r\nhello \r\n5\r\nworlD\r\n0\r\n\r\n")
    assert status == 400
    status, _ = send(world, b"PUT", path, headers, b"6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n")
    assert status == 200
    assert [request["target"] for request in world.passed_on()] == ["/bucket/chunked"]


@pytest.mark.parametrize("word", [b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"])
def test_a_body_without_the_chunks_that_were_announced(world: World, credentials: Credentials, word: bytes) -> None:
    """MinIO CVE-2025-31489 let such bodies in: the head is right, and nothing of the body was signed."""
    path = b"/bucket/chunks"
    request = HttpRequest(
        method=b"PUT",
        target=path,
        headers=(
            (b"host", f"127.0.0.1:{world.port}".encode()),
            (b"x-amz-decoded-content-length", b"5"),
            (b"content-encoding", b"aws-chunked"),
            *(((b"x-amz-trailer", b"x-amz-checksum-crc32"),) if word.endswith(b"TRAILER") else ()),
        ),
    )
    key = SigningCredentials(key_id=credentials.key_id, secret=credentials.secret.encode())
    fields = sign_headers(request, key, region=REGION, service="s3", now=int(time.time()), payload=word.decode())
    world.handed_over()
    status, body = send(world, b"PUT", path, [*request.headers, *fields, (b"content-length", b"5")], b"hello")
    assert status == 400, body
    assert all(not whole for _, whole in world.handed_over())
    assert world.passed_on() == []


@pytest.mark.parametrize(
    ("method", "target", "count"),
    [(b"GET", b"/%zz", 0), (b"M" * 33, b"/", 0), (b"GET", b"/" + b"x" * 9000, 0), (b"GET", b"/", 400)],
)
def test_what_breaks_a_grammar_or_a_limit_is_told_so(world: World, method: bytes, target: bytes, count: int) -> None:
    """A verdict of the service, and not an error of its gateway: docs/decisions/0012."""
    headers = [
        (b"host", b"h"),
        (b"authorization", b"AWS4-HMAC-SHA256 x"),
        *((b"x-%d" % number, b"1") for number in range(count)),
    ]
    status, answer = send(world, method, target, headers)
    assert status == 400
    assert ET.fromstring(answer.partition(b"\r\n\r\n")[2]).findtext("Code")
    request_id = re.search(rb"x-amz-request-id: (\w+)", answer)
    assert request_id is not None
    assert f"request {request_id[1].decode()} refused: MALFORMED" in world.gateway_log.read_text()


def test_unsigned_requests_and_foreign_credentials(world: World, credentials: Credentials) -> None:
    host = (b"host", f"127.0.0.1:{world.port}".encode())
    for headers in (
        [host],
        [host, (b"authorization", b"Basic dTpw")],
        [host, (b"authorization", b"Bearer x")],
        [*signed(world, credentials, b"GET", PATH.encode())] * 2,
    ):
        assert 400 <= send(world, b"GET", PATH.encode(), headers)[0] < 500
    assert world.passed_on() == []


def test_an_outage_is_503_and_nothing_passes(moto: str, tmp_path: Path, credentials: Credentials) -> None:
    with running_server(tmp_path / "data", PATIENT) as server, running_gateway(server, moto, tmp_path / "gateway") as world:
        s3 = aws("s3", Where(world.endpoint, world.issue(), tmp_path))
        s3.get_object(Bucket=BUCKET, Key=KEY)
        world.passed_on()
        server.kill()
        with pytest.raises(s3.exceptions.ClientError) as caught:
            s3.get_object(Bucket=BUCKET, Key=KEY)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
        assert world.passed_on() == []


def bound(one: socket.socket) -> int:
    one.bind(("127.0.0.1", 0))
    return int(one.getsockname()[1])


def test_an_upstream_that_is_gone_is_502(world: World, credentials: Credentials, folder: Path) -> None:
    with (
        socket.socket() as deaf,  # takes no connections, and keeps the port from others
        running_gateway(world.server, f"http://127.0.0.1:{bound(deaf)}", folder / "gone") as other,
    ):
        for body in (b"", BODY):
            headers = signed(other, credentials, b"PUT", PATH.encode(), body=body)
            assert send(other, b"PUT", PATH.encode(), [*headers, (b"content-length", str(len(body)).encode())], body)[0] == 502


def test_a_refusal_is_logged_with_its_reason_and_the_id_that_the_client_got(world: World) -> None:
    status, answer = send(world, b"GET", PATH.encode(), [(b"host", f"127.0.0.1:{world.port}".encode())])
    assert status == 403
    fields = dict(line.split(b": ", 1) for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n")[1:])
    request_id = fields[b"x-amz-request-id"].decode()
    lines = [json.loads(line) for line in world.server.log().splitlines() if request_id in line]
    assert [line["reason"] for line in lines] == ["UNSIGNED"]
    assert f"request {request_id} refused: UNSIGNED" in world.gateway_log.read_text()


def test_no_signature_stays_in_the_logs(world: World, credentials: Credentials, tmp_path: Path) -> None:
    """A presigned URL is as good as a credential, and access logs are where such URLs end up."""
    url = aws("s3", Where(world.endpoint, credentials, tmp_path)).generate_presigned_url(
        "get_object", {"Bucket": BUCKET, "Key": KEY}
    )
    fetch(url, "GET")
    signature = re.search("X-Amz-Signature=([0-9a-f]{64})", url)
    assert signature is not None
    assert signature[1] not in world.gateway_log.read_text() + world.server.log()
