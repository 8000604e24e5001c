"""`examples/store.py` as a user starts it: what it keeps, what it says at the start, and what its log does not hold."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.aws_sigv4 import Credentials as SigningCredentials
from counterseal.core.schemes.aws_sigv4 import presign, sign_headers
from tests.gateways.tamper import exchange
from tests.gateways.world import PATIENT, Credentials, World
from tests.support.process import running_server

STORE = Path(__file__).parents[2] / "examples" / "store.py"
REGION = "us-east-1"


@dataclass
class Store:
    port: int
    log: Path
    credentials: Credentials

    def signed(self, method: bytes, path: bytes, body: bytes = b"") -> bytes:
        """The head of a request, signed by our own signer."""
        headers = ((b"host", f"127.0.0.1:{self.port}".encode()), (b"content-length", str(len(body)).encode()))
        request = HttpRequest(method=method, target=path, headers=headers, content=body)
        fields = sign_headers(request, self._key(), region=REGION, service="s3", now=int(time.time()))
        lines = [method + b" " + path + b" HTTP/1.1", *(name + b": " + value for name, value in (*headers, *fields))]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def presigned(self, path: bytes) -> bytes:
        request = HttpRequest(method=b"GET", target=path, headers=((b"host", f"127.0.0.1:{self.port}".encode()),))
        return presign(request, self._key(), region=REGION, service="s3", now=int(time.time()), expires=60)

    def _key(self) -> SigningCredentials:
        return SigningCredentials(key_id=self.credentials.key_id, secret=self.credentials.secret.encode())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("store")
    log = folder / "store.log"
    with running_server(folder / "data", PATIENT) as server, log.open("wb") as output:
        credentials = World(server, 0, folder, log, folder).issue()
        env = {**os.environ, "COUNTERSEAL_SERVER": server.address, "LISTEN": "127.0.0.1:0"}
        process = subprocess.Popen([sys.executable, str(STORE)], env=env, stdout=output, stderr=output)
        try:
            yield Store(_port(process, log), log, credentials)
        finally:
            process.terminate()
            process.wait(120)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if match := re.search(r"running on http://127\.0\.0\.1:(\d+)\s", log.read_text()):
            return int(match[1])
        time.sleep(0.05)
    raise RuntimeError(f"the store did not say where it listens: {log.read_text()}")


def test_an_object_that_was_signed_is_kept(store: Store) -> None:
    body = b"GOOD" * 50_000
    assert exchange(store.port, store.signed(b"PUT", b"/b/whole", body) + body)[0] == 200
    assert exchange(store.port, store.signed(b"GET", b"/b/whole"))[1].endswith(body)


def test_an_upload_broken_off_leaves_nothing(store: Store) -> None:
    """With somebody else's head and bytes of one's own, this used to keep the bytes under the name of who signed."""
    body = b"GOOD" * 50_000
    refused = "the client left before the end of its body"
    before = store.log.read_text().count(refused)
    with socket.create_connection(("127.0.0.1", store.port), timeout=60) as client:
        client.sendall(store.signed(b"PUT", b"/b/half", body) + b"EVIL" * 20_000)
    until = time.monotonic() + 60
    while store.log.read_text().count(refused) == before and time.monotonic() < until:
        time.sleep(0.05)
    assert store.log.read_text().count(refused) == before + 1
    assert exchange(store.port, store.signed(b"GET", b"/b/half"))[0] == 404


def test_no_presigned_url_stays_in_the_log(store: Store) -> None:
    target = store.presigned(b"/")
    host = f"127.0.0.1:{store.port}".encode()
    status, answer = exchange(store.port, b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert (status, answer.endswith(b"your request is verified.\n")) == (200, True)
    signature = re.search(r"X-Amz-Signature=([0-9a-f]{64})", target.decode())
    assert signature is not None
    assert signature[1] not in store.log.read_text()
