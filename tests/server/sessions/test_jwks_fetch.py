"""Fetching the keys of an identity provider over real HTTP and TLS: slow, endless, redirecting, cut short."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from counterseal.server.sessions.jwks_fetch import MAX_BYTES, FetchFailed, fetch
from tests.server.certificates import Authority
from tests.server.sessions.oidc_provider import Provider, jwk_of, private, provider, reply


@pytest.fixture
def idp() -> Iterator[Provider]:
    with provider() as serving:
        serving.keys = [jwk_of(private("p256"), kid="old")]
        yield serving


def _answering(body: bytes, code: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: reply(handler, body, code, **headers)


def _down(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("where", ["head", "body", "silence"])
def test_slow_providers_are_cut_off(idp: Provider, where: str) -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        # Each byte comes long before a timeout of the socket would.
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"" if where == "head" else b"\r\n"))
        end = time.monotonic() + 60
        while not stop.wait(0.05) and time.monotonic() < end:
            try:
                handler.wfile.write(b"" if where == "silence" else b"x")
                handler.wfile.flush()
            except OSError:
                return

    idp.answer = drip
    begun = time.monotonic()
    try:
        with pytest.raises(FetchFailed, match="no answer in time"):
            fetch(idp.url, seconds=0.3)
        assert 0.25 < time.monotonic() - begun < 30
    finally:
        stop.set()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (_answering(b'{"keys": []}' + b" " * MAX_BYTES), "more than 262144 bytes"),
        (_answering(b"", 302, location="/elsewhere"), "answered 302"),
        (_answering(b"", 307, location="http://169.254.169.254/"), "answered 307"),
        (_answering(b'{"keys": []}', 500), "answered 500"),
        (_answering(b'{"keys": []}', 404), "answered 404"),
        (_answering(b'{"keys": []}', 204), "answered 204"),
        (_answering(b"x", content_encoding="gzip"), "compressed"),
        (_answering(b'{"keys": []}', content_length="999"), "cut short|IncompleteRead"),
        (_down, "no answer"),
    ],
)
def test_answers_that_are_none(idp: Provider, answer: Callable[[BaseHTTPRequestHandler], None], problem: str) -> None:
    idp.answer = answer
    with pytest.raises(FetchFailed, match=problem):
        fetch(idp.url, seconds=60)
    assert idp.asked == ["/keys?v=1"]


def test_a_body_without_end(idp: Provider) -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            for _ in range(4096):
                handler.wfile.write(b" " * 65536)
                sent.append(65536)
        except OSError:
            pass

    idp.answer = endless
    with pytest.raises(FetchFailed, match="more than"):
        fetch(idp.url, seconds=60)
    assert sum(sent) < 64 * 1024 * 1024


def test_proxies_of_the_environment_are_not_used(idp: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert b'"old"' in fetch(idp.url, seconds=60)
        assert proxy.asked == []


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(FetchFailed, match="ConnectionRefusedError"):
            fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/", seconds=60)


def test_tls_of_a_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority("CA")
    authority.server("id.example").write(tmp_path / "cert.pem", tmp_path / "key.pem")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            for _ in range(3):
                plain, _address = listening.accept()
                try:
                    with context.wrap_socket(plain, server_side=True) as secure:
                        secure.recv(4096)
                        secure.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"keys":[]}')
                except OSError:
                    plain.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(FetchFailed, match="TLS failed"):
            fetch(f"https://127.0.0.1:{port}/", seconds=60)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert fetch(f"https://127.0.0.1:{port}/", seconds=60) == b'{"keys":[]}'
        # The certificate is for other names.
        with pytest.raises(FetchFailed, match="TLS failed"):
            fetch(f"https://localhost:{port}/", seconds=60)
        thread.join(60)
