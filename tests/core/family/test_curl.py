"""curl itself, with `--aws-sigv4 provider1:provider2[:region[:service]]`: what it sends to a socket verifies here."""

import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from counterseal.core.model import HttpRequest, Key, KeyState, Reason, Rejected, Verified
from counterseal.core.schemes import BUILT_IN, Scheme
from counterseal.core.sigv4.custom import from_options
from tests.core.subjects import verdict
from tests.support.require import require, require_program

SECRET = "a-secret-of-thirty-two-characters"
ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


def version() -> tuple[int, int]:
    curl = require_program("curl")
    said = subprocess.run([curl, "--version"], capture_output=True, check=True, timeout=120).stdout
    found = re.match(rb"curl ([0-9]+)\.([0-9]+)", said)
    assert found is not None
    numbers = (int(found[1]), int(found[2]))
    require(numbers >= (7, 76), "curl has had a working --aws-sigv4 since 7.76")
    return numbers


def path_rule() -> str:
    """How this curl signs a path: encoded again since 8.9, before that as it is sent."""
    return "encoded-twice" if version() >= (8, 9) else "as-sent"


def receive(listener: socket.socket, kept: list[bytes]) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(120)
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: ([0-9]+)", head)
        while length and len(body) < int(length[1]):
            body += connection.recv(65536)
        kept.append(head + b"\r\n\r\n" + body)
        connection.sendall(ANSWER)


def parse(raw: bytes) -> HttpRequest:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    method, target, _ = first.split(b" ")
    fields = [line.split(b":", 1) for line in lines]
    headers = tuple((name.lower(), value.strip()) for name, value in fields)
    return HttpRequest(method=method, target=target, headers=headers, content=body)


def curl(providers: str, path: str, folder: Path, *options: str, key_id: str = "AKIDEXAMPLE") -> HttpRequest:
    """Return what curl sent. The secret goes in through standard input."""
    kept: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(120)
        thread = threading.Thread(target=receive, args=(listener, kept))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
        command = [require_program("curl"), "-sS", "--noproxy", "*", "-K", "-", "--aws-sigv4", providers, *options, url]
        user = f'user = "{key_id}:{SECRET}"'.encode()
        done = subprocess.run(command, input=user, capture_output=True, timeout=240, check=False, cwd=folder)
        thread.join(timeout=240)
    assert done.returncode == 0, done.stderr
    return parse(kept[0])


def judge(request: HttpRequest, scheme: Scheme) -> Reason | None:
    import time

    key = Key(
        key_id="AKIDEXAMPLE",
        tenant="acme",
        secret=SECRET.encode(),
        allowed_schemes=frozenset({scheme.name}),
        state=KeyState.ACTIVE,
    )
    found = verdict(request, key=key, schemes={**BUILT_IN, scheme.name: scheme}, now=time.time())
    assert isinstance(found, Verified | Rejected)
    return found.reason if isinstance(found, Rejected) else None


PROVIDERS = {
    "osc:osc:eu-west-2:api": {"provider1": "osc"},
    "OSC:Abc:eu-west-2:api": {"provider1": "osc", "provider2": "abc"},
    "acme:amz:r1:things": {"provider1": "acme", "provider2": "amz"},
    "x1:y2:r1:s3": {"provider1": "x1", "provider2": "y2"},
}
REQUESTS: dict[str, tuple[str, list[str]]] = {
    "get": ("/", []),
    "a path and a query": ("/a/b.txt?a=1&b=2", []),
    "an encoded path": ("/a%20b/c", []),
    "headers": ("/", ["-H", "X-Note: 1  2", "-H", "Accept: text/plain"]),
    "a form": ("/submit", ["-d", "a=1&b=2"]),
    "json": ("/submit", ["-H", "Content-Type: application/json", "-d", '{"a": 1}']),
    "delete": ("/x", ["-X", "DELETE"]),
}


@pytest.mark.parametrize("providers", PROVIDERS)
@pytest.mark.parametrize("name", REQUESTS)
def test_custom_providers(name: str, providers: str, tmp_path: Path) -> None:
    path, options = REQUESTS[name]
    request = curl(providers, path, tmp_path, *options)
    scheme = from_options("custom", {**PROVIDERS[providers], "path": path_rule()})
    assert judge(request, scheme) is None
    for other, words in PROVIDERS.items():
        if other != providers:
            wrong = from_options("custom", {**words, "path": path_rule()})
            assert judge(request, wrong) is not None, other


@pytest.mark.parametrize("name", ["get", "a path and a query", "headers", "form"])
def test_google(name: str, tmp_path: Path) -> None:
    path, options = REQUESTS["a form" if name == "form" else name]
    request = curl("goog:goog:auto:storage", path, tmp_path, *options)
    assert judge(request, BUILT_IN["goog4"]) is None


@pytest.mark.parametrize("place", [b"/", b"a=1", b"a=2"])
def test_one_change(place: bytes, tmp_path: Path) -> None:
    request = curl("osc:osc:eu-west-2:api", "/?a=1", tmp_path, "-d", "a=2")
    scheme = from_options("osc", {"provider1": "osc", "path": path_rule()})
    assert judge(request, scheme) is None
    target, body = request.target, request.content or b""
    changed = HttpRequest(
        method=request.method,
        target=b"/x" + target[1:] if place == b"/" else target.replace(place, b"a=3"),
        headers=request.headers,
        content=body.replace(place, b"a=3"),
    )
    assert judge(changed, scheme) is Reason.MISMATCH
