"""`examples/web/serve.py` in a process of its own, and a client of it that is no browser but keeps to the page's ways."""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.rfc9421 import sign
from tests.support.sign_in import PASSWORD

SERVE = Path(__file__).parents[2] / "examples" / "web" / "serve.py"
JSON = {"content-type": "application/json", "x-counterseal-csrf": "1"}
SECONDS = 120


@contextlib.contextmanager
def running_example(server: str, token: str, log: Path) -> Iterator[str]:
    """Start it on a free port; yield its origin."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSEAL_")}
    env |= {"COUNTERSEAL_SERVER": server, "COUNTERSEAL_TOKEN": token, "LISTEN": "127.0.0.1:0"}
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, str(SERVE)], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield _origin(process, log)
    finally:
        process.terminate()
        process.wait(SECONDS)


def _origin(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        if match := re.search(r"running on (http://127\.0\.0\.1:\d+)\s", log.read_text()):
            return match[1]
        time.sleep(0.05)
    raise RuntimeError(f"the example did not say where it listens: {log.read_text()}")


@dataclass
class Visitor:
    """Somebody with a key and a cookie jar. `session` is what the last sign-in or refresh told."""

    origin: str
    http: httpx.Client
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)
    session: dict[str, Any] = field(default_factory=dict, repr=False)
    page_id: str = "a page that nobody else knows"

    def jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        x, y = (base64.urlsafe_b64encode(one.to_bytes(32, "big")).rstrip(b"=").decode() for one in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def post(self, endpoint: str, **body: Any) -> httpx.Response:
        return self.http.post(f"{self.origin}/session/{endpoint}", headers=JSON, json=body)

    def sign_in(self, password: str = PASSWORD, **more: Any) -> httpx.Response:
        body = {"principal": "alice", "password": password, "publicKey": self.jwk(), "accessToken": True, **more}
        return self._told(self.post("sign-in", **body))

    def refresh(self, **more: Any) -> httpx.Response:
        return self._told(self.post("refresh", publicKey=self.jwk(), accessToken=True, **more))

    def _told(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 200:
            self.session = answer.json()
        return answer

    def bearer(self, method: str = "GET", note: str | None = None, path: str = "/api/notes") -> httpx.Request:
        fields = {"authorization": f"Bearer {self.session['accessToken']}", "x-page-id": self.page_id}
        content = None if note is None else json.dumps({"text": note})
        return self.http.build_request(method, self.origin + path, headers=fields, content=content)

    def signed(self, method: str = "GET", note: str | None = None, path: str = "/api/notes") -> httpx.Request:
        content = b"" if note is None else json.dumps({"text": note}).encode()
        host = self.origin.removeprefix("http://").encode()
        body = ((b"content-type", b"application/json"),) if content else ()
        request = HttpRequest(
            method=method.encode(), scheme="http", target=path.encode(), headers=((b"host", host), *body), content=content
        )
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        options = {"alg": "yes", "nonce": os.urandom(16).hex(), "tag": "counterseal-web"}
        credentials = Credentials(key_id=self.session["keyId"], private_key=pem)
        signed = sign(request, credentials, Signing(now=int(time.time()), options=options))
        fields = {name.decode(): value.decode() for name, value in signed.headers if name != b"host"}
        fields["x-page-id"] = self.page_id
        return self.http.build_request(method, self.origin + path, headers=fields, content=content or None)

    def send(self, request: httpx.Request) -> int:
        return self.http.send(request).status_code

    def told(self) -> list[dict[str, Any]]:
        answer = self.http.get(f"{self.origin}/api/told", headers={"x-page-id": self.page_id})
        return list(answer.json()["told"])


@contextlib.contextmanager
def open_visitor(origin: str) -> Iterator[Visitor]:
    with httpx.Client(trust_env=False, timeout=SECONDS) as http:
        yield Visitor(origin, http)
