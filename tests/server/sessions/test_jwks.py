"""The keys of an identity provider, over real HTTP: rotated, down, slow, huge, redirecting, garbage."""

import io
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from counterseal.server.errors import SignInUnavailable
from counterseal.server.sessions.jwk_set import MAX_KEYS, KeySet, NoKeySet, read_key_set
from counterseal.server.sessions.jwks import FRESH_SECONDS, PACE_SECONDS, USABLE_SECONDS, Jwks
from counterseal.server.sessions.jwks_fetch import MAX_BYTES, FetchFailed, fetch
from counterseal.server.telemetry.log import open_log
from tests.server.certificates import Authority
from tests.server.sessions.oidc_provider import Clock, Provider, jwk_of, private, provider, reply

OLD, NEW = private("p256", 1), private("p256", 2)


@pytest.fixture
def idp() -> Iterator[Provider]:
    with provider() as serving:
        serving.keys = [jwk_of(OLD, kid="old")]
        yield serving


class World:
    def __init__(self, idp: Provider, **more: Any) -> None:
        self.clock, self.stream = Clock(1000.0), io.StringIO()
        self.jwks = Jwks(idp.url, log=open_log("info", self.stream), clock=self.clock, **{"fetch_seconds": 0.5} | more)

    def kids(self, kid: str | None) -> list[str]:
        return [key.kid for key in self.jwks.find(kid)]

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.stream.getvalue().splitlines()]


def _answering(body: bytes, code: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: reply(handler, body, code, **headers)


def _down(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def test_kept_for_ten_minutes(idp: Provider) -> None:
    world = World(idp)
    assert world.kids("old") == ["old"]
    world.clock.now += FRESH_SECONDS - 1
    assert world.kids("old") == ["old"]
    assert idp.asked == ["/keys?v=1"]
    # Then the provider is asked first: a key that it has withdrawn is good no more.
    idp.keys = [jwk_of(NEW, kid="new")]
    world.clock.now += 1
    assert world.kids("old") == []
    assert len(idp.asked) == 2
    assert world.events() == ["oidc_keys_read", "oidc_keys_read"]


def test_a_new_key_is_found_at_once_and_strangers_names_ask_rarely(idp: Provider) -> None:
    world = World(idp)
    world.kids("old")
    idp.keys.append(jwk_of(NEW, kid="new"))
    world.clock.now += PACE_SECONDS
    assert world.kids("new") == ["new"]
    assert len(idp.asked) == 2
    for number in range(200):
        assert world.kids(f"made-up-{number}") == []
        assert world.kids("old") == ["old"]
    assert len(idp.asked) == 2
    world.clock.now += PACE_SECONDS
    assert world.kids("made-up") == []
    assert len(idp.asked) == 3


def test_without_a_name_it_is_the_only_key(idp: Provider) -> None:
    world = World(idp)
    assert world.kids(None) == ["old"]
    idp.keys.append(jwk_of(NEW))
    assert World(idp).kids(None) == []
    assert World(idp).kids("") == [""]


def test_a_provider_that_is_down(idp: Provider) -> None:
    idp.answer = _down
    world = World(idp)
    for _ in range(3):
        with pytest.raises(SignInUnavailable):
            world.kids("old")
    assert len(idp.asked) == 1
    world.clock.now += 5
    idp.answer = None
    assert world.kids("old") == ["old"]
    assert world.events() == ["oidc_keys_unavailable", "oidc_keys_read"]


def test_what_is_cached_goes_on_for_a_day_and_no_longer(idp: Provider) -> None:
    world = World(idp)
    world.kids("old")
    idp.answer = _down
    world.clock.now += FRESH_SECONDS
    assert world.kids("old") == ["old"]
    last = json.loads(world.stream.getvalue().splitlines()[-1])
    assert (last["event"], last["level"]) == ("oidc_keys_unavailable", "warning")
    assert (last["cached_seconds"], last["going_on"], last["url"]) == (FRESH_SECONDS, True, idp.url)
    # Nobody knows whether there is such a key: no refusal.
    with pytest.raises(SignInUnavailable):
        world.kids("new")
    asked = len(idp.asked)
    assert world.kids("old") == ["old"]
    assert len(idp.asked) == asked
    world.clock.now = 1000 + USABLE_SECONDS - 1
    assert world.kids("old") == ["old"]
    world.clock.now += 1
    with pytest.raises(SignInUnavailable):
        world.kids("old")
    world.clock.now += PACE_SECONDS
    idp.answer = None
    assert world.kids("old") == ["old"]


def test_one_fetch_for_all_who_wait(idp: Provider) -> None:
    begun = threading.Event()

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        begun.set()
        time.sleep(0.15)
        reply(handler, json.dumps({"keys": idp.keys}).encode())

    idp.answer = slowly
    inside: list[int] = []

    @contextmanager
    def aside() -> Iterator[None]:
        inside.append(1)
        yield

    world = World(idp, aside=aside, fetch_seconds=5)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(world.kids, ["old"] * 8))
    assert found == [["old"]] * 8
    assert len(idp.asked) == 1
    assert begun.is_set()
    # Nobody keeps a permit to work while it waits.
    assert len(inside) >= 1


def test_a_crowd_does_not_take_all_threads(idp: Provider) -> None:
    go = threading.Event()

    def stuck(handler: BaseHTTPRequestHandler) -> None:
        go.wait(5)
        reply(handler, json.dumps({"keys": idp.keys}).encode())

    idp.answer = stuck
    world = World(idp, fetch_seconds=5)

    def one(_: int) -> bool:
        try:
            return world.kids("old") == ["old"]
        except SignInUnavailable:
            return False

    with ThreadPoolExecutor(40) as pool:
        found = [pool.submit(one, number) for number in range(40)]
        until = time.monotonic() + 4
        while sum(future.done() for future in found) < 24 and time.monotonic() < until:
            time.sleep(0.01)
        refused = [future for future in found if future.done()]
        assert len(refused) == 24
        assert not any(future.result() for future in refused)
        go.set()
    assert sum(future.result() for future in found) == 16


@pytest.mark.parametrize("where", ["head", "body", "silence"])
def test_slow_providers_are_cut_off(idp: Provider, where: str) -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        # Each byte comes long before a timeout of the socket would.
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"" if where == "head" else b"\r\n"))
        while not stop.wait(0.05):
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
        assert 0.25 < time.monotonic() - begun < 2
    finally:
        stop.set()


def test_a_fetch_that_hangs_keeps_nobody_else_waiting(idp: Provider) -> None:
    hangs = threading.Event()

    def fetching(url: str, *, seconds: float) -> bytes:
        hangs.wait(10)  # as a name server may
        raise FetchFailed("no answer")

    world = World(idp, fetching=fetching, fetch_seconds=0.1)
    try:
        with pytest.raises(SignInUnavailable):
            world.kids("old")
        world.clock.now += 1
        begun = time.monotonic()
        for _ in range(20):
            with pytest.raises(SignInUnavailable):
                world.kids("old")
        assert time.monotonic() - begun < 0.1
    finally:
        hangs.set()


def test_a_bug_is_an_outage_and_is_asked_again(idp: Provider) -> None:
    calls: list[str] = []

    def fetching(url: str, *, seconds: float) -> bytes:
        calls.append(url)
        if len(calls) == 1:
            raise RuntimeError("secret text")
        return json.dumps({"keys": idp.keys}).encode()

    world = World(idp, fetching=fetching)
    with pytest.raises(SignInUnavailable):
        world.kids("old")
    world.clock.now += 5
    assert world.kids("old") == ["old"]
    assert "secret text" not in world.stream.getvalue()


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
        fetch(idp.url, seconds=1)
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
        fetch(idp.url, seconds=5)
    assert sum(sent) < 64 * 1024 * 1024


def test_proxies_of_the_environment_are_not_used(idp: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert b'"old"' in fetch(idp.url, seconds=1)
        assert proxy.asked == []


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(FetchFailed, match="ConnectionRefusedError"):
            fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/", seconds=1)


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
            fetch(f"https://127.0.0.1:{port}/", seconds=2)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert fetch(f"https://127.0.0.1:{port}/", seconds=2) == b'{"keys":[]}'
        # The certificate is for other names.
        with pytest.raises(FetchFailed, match="TLS failed"):
            fetch(f"https://localhost:{port}/", seconds=2)
        thread.join(2)


def _set(*keys: dict[str, Any]) -> KeySet:
    return read_key_set(json.dumps({"keys": keys}).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>sign in</html>",
        b"[]",
        b'{"keys": {}}',
        b'{"keys": [], "keys": []}',
        b'{"key": []}',
        b"[" * 200_000,
        b'{"keys":' + b"[" * 200_000,
        b"\xff\xfe",
        b'{"keys": NaN}',
        json.dumps({"keys": [jwk_of(OLD)] * (MAX_KEYS + 1)}).encode(),
    ],
)
def test_what_is_no_set(text: bytes) -> None:
    with pytest.raises(NoKeySet):
        read_key_set(text)


def test_garbage_leaves_the_cache_alone(idp: Provider) -> None:
    world = World(idp)
    world.kids("old")
    idp.answer = _answering(b"<html>down for maintenance</html>")
    world.clock.now += FRESH_SECONDS
    assert world.kids("old") == ["old"]
    assert "maintenance" not in world.stream.getvalue()


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("text", "malformed"),
        ({}, "malformed"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "symmetric"),
        (jwk_of(OLD) | {"k": "c2VjcmV0"}, "private"),
        (jwk_of(OLD) | {"d": "AAAA"}, "private"),
        (jwk_of(OLD) | {"use": "enc"}, "not_for_signatures"),
        (jwk_of(OLD) | {"key_ops": ["encrypt"]}, "not_for_signatures"),
        (jwk_of(OLD) | {"key_ops": "verify"}, "not_for_signatures"),
        (jwk_of(OLD) | {"kid": 7}, "malformed"),
        (jwk_of(OLD) | {"kid": "k" * 256}, "malformed"),
        (jwk_of(OLD) | {"crv": "P-521"}, "malformed"),
        (jwk_of(OLD) | {"crv": "P-384"}, "malformed"),
        (jwk_of(OLD) | {"crv": "secp256k1"}, "malformed"),
        (jwk_of(OLD) | {"y": jwk_of(NEW)["y"]}, "malformed"),
        (jwk_of(OLD) | {"alg": "ES384"}, "other_algorithm"),
        (jwk_of(OLD) | {"alg": "HS256"}, "other_algorithm"),
        (jwk_of(OLD) | {"alg": None}, "other_algorithm"),
        (jwk_of(private("rsa1024")), "weak"),
        (jwk_of(private("rsa")) | {"e": "AQ"}, "malformed"),
        (jwk_of(private("rsa")) | {"e": "Aw"}, "weak"),
        (jwk_of(private("rsa")) | {"n": "AQAB"}, "malformed"),
        (jwk_of(private("rsa")) | {"alg": "RSA-OAEP"}, "other_algorithm"),
        (jwk_of(private("ed25519")) | {"crv": "X25519"}, "malformed"),
        (jwk_of(private("ed25519")) | {"x": "A" * 43}, "weak"),
    ],
)
def test_keys_that_vouch_for_nothing(key: Any, reason: str) -> None:
    found = _set(key, jwk_of(NEW, kid="new"))
    assert [kept.kid for kept in found.keys] == ["new"]
    assert found.left_out == {reason: 1}


def test_what_keys_are_for() -> None:
    rsa_ones = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    for name, algorithms in (("rsa", rsa_ones), ("p256", {"ES256"}), ("p384", {"ES384"}), ("ed25519", {"EdDSA"})):
        (found,) = _set(jwk_of(private(name), use="sig", x5c=["AAAA"], key_ops=["verify"])).keys
        assert found.algorithms == algorithms
        assert found.key == private(name).public_key()
    for alg in rsa_ones:
        (found,) = _set(jwk_of(private("rsa"), alg=alg)).keys
        assert found.algorithms == {alg}


def test_a_private_key_in_the_set_is_an_alarm(idp: Provider) -> None:
    idp.keys.append(jwk_of(NEW, kid="leaked", d="AAAA"))
    world = World(idp)
    assert world.kids("leaked") == []
    assert world.events() == ["oidc_keys_read", "oidc_private_key_published"]
