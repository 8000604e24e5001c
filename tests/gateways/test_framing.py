"""Two framings of one body on the wire, through the example gateway, with either of uvicorn's parsers.

The upstream here counts the bytes of a content-length, and takes what follows for its next request.
"""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.aws_sigv4 import Credentials as SigningCredentials
from counterseal.core.schemes.aws_sigv4 import sign_headers
from tests.gateways.clients import REGION
from tests.gateways.world import PATIENT, World, running_gateway
from tests.support.process import running_server

INNER = b"DELETE /everything HTTP/1.1\r\nhost: x\r\nx-counterseal-principal: root\r\nx-pad: %b\r\n\r\n"
# 250 bytes: the size line of their chunk, `fa` CR LF, is as long as the content-length beside it says.
SMUGGLED = INNER % (b"A" * (250 - len(INNER) + 2))
CHUNKED = b"fa\r\n" + SMUGGLED + b"\r\n0\r\n\r\n"


@dataclass
class Upstream:
    port: int = 0
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    seen = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            seen.requests.append((self.command, self.path, self.headers.get("x-counterseal-principal")))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_PUT = do_DELETE = answer  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield seen
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module", params=["h11", "httptools"])
def gateway(request: pytest.FixtureRequest, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("framing")
    with (
        running_server(folder / "data", PATIENT) as server,
        running_gateway(server, f"http://127.0.0.1:{upstream.port}", folder / "gateway", request.param) as world,
    ):
        yield world


def put(world: World, body: bytes, framing: list[bytes], on_wire: bytes) -> bytes:
    """Send a PUT whose signature is right for `body`, and return all that comes back until the gateway hangs up."""
    credentials = world.issue()
    headers = ((b"host", f"127.0.0.1:{world.port}".encode()),)
    signed = HttpRequest(method=b"PUT", target=b"/b/k", headers=headers, content=body)
    key = SigningCredentials(key_id=credentials.key_id, secret=credentials.secret.encode())
    fields = [*headers, *sign_headers(signed, key, region=REGION, service="s3", now=int(time.time()))]
    lines = [b"PUT /b/k HTTP/1.1", *(name + b": " + value for name, value in fields), *framing]
    answer = b""
    with socket.create_connection(("127.0.0.1", world.port), timeout=60) as client:
        client.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + on_wire)
        while piece := client.recv(65536):
            answer += piece
            if answer.startswith(b"HTTP/1.1 200"):
                break
    return answer


@pytest.mark.parametrize(
    "framing",
    [
        [b"content-length: 4", b"transfer-encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 4"],
        [b"content-length: 4", b"transfer-encoding: Chunked"],
        [b"content-length: 4", b"content-length: 260"],
        [b"transfer-encoding: chunked", b"transfer-encoding: chunked"],
        [b"transfer-encoding: gzip, chunked"],
        [b"content_length: 4", b"transfer-encoding: chunked"],
    ],
)
def test_a_second_request_inside_a_signed_body(gateway: World, upstream: Upstream, framing: list[bytes]) -> None:
    upstream.requests.clear()
    answer = put(gateway, SMUGGLED, framing, CHUNKED)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer.lower()
    assert upstream.requests == []
    assert gateway.passed_on() == []


def test_one_framing_passes(gateway: World, upstream: Upstream) -> None:
    """The request behind which another one hid is a good one without its second framing."""
    assert len(SMUGGLED) == 250
    upstream.requests.clear()
    assert put(gateway, SMUGGLED, [b"content-length: 250"], SMUGGLED).startswith(b"HTTP/1.1 200 ")
    assert upstream.requests == [("PUT", "/b/k", "alice")]
