"""An identity provider on this machine: keys, tokens of them, and a JWK Set over real HTTP that can be made to misbehave."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from counterseal.server.settings.oidc import ALGORITHMS, OidcSetting

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey
NOW = 1_790_000_000.0
AUDIENCE = "shop"


def private(name: str, number: int = 0) -> Private:
    """Return a key: `rsa`, `rsa1024`, `p256`, `p384`, `ed25519`. Numbers tell several of one kind apart."""
    return _made(name, number)


@cache
def _made(name: str, _number: int) -> Private:
    if name.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(name[3:] or 2048))
    if name == "ed25519":
        return Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1() if name == "p256" else ec.SECP384R1())


def key_for(alg: str, number: int = 0) -> Private:
    """Return a key that the algorithm is for."""
    return private({"ES256": "p256", "ES384": "p384", "EdDSA": "ed25519"}.get(alg, "rsa"), number)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int, size: int = 0) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def jwk_of(key: Private, **more: Any) -> dict[str, Any]:
    """Return the public JWK, written by hand."""
    public: Any = key.public_key()
    if isinstance(key, Ed25519PrivateKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())} | more
    numbers = public.public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)} | more
    size = key.key_size // 8
    return {"kty": "EC", "crv": f"P-{key.key_size}", "x": _number(numbers.x, size), "y": _number(numbers.y, size)} | more


def pem_of(key: Private) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign(key: Private, alg: str, message: bytes) -> bytes:
    """Sign as RFC 7518 section 3 and RFC 8037 say, by `cryptography` alone."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[alg[2:]]
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return key.sign(message, pss if alg.startswith("PS") else padding.PKCS1v15(), digest)
    size = key.key_size // 8
    return b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(key.sign(message, ec.ECDSA(digest))))


def assemble(header: bytes, payload: bytes, signer: Callable[[bytes], bytes]) -> str:
    signed = f"{b64(header)}.{b64(payload)}"
    return f"{signed}.{b64(signer(signed.encode()))}"


def claims_of(issuer: str, **changes: Any) -> dict[str, Any]:
    """Return claims that are good at NOW; a change to None leaves the claim out."""
    base = {"iss": issuer, "aud": AUDIENCE, "sub": "alice", "iat": int(NOW) - 5, "exp": int(NOW) + 300}
    return {name: value for name, value in (base | changes).items() if value is not None}


def token_of(
    claims: Mapping[str, Any] | bytes, alg: str = "RS256", key: Private | None = None, kid: Any = "k1", **header: Any
) -> str:
    """Write a token by hand. `header_alg`: what the header states, where that is not what it is signed with."""
    named = {} if kid is None else {"kid": kid}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    stated = {"alg": header.pop("header_alg", alg), "typ": "JWT"}
    head = json.dumps(stated | named | header).encode()
    return assemble(head, payload, lambda message: sign(key or key_for(alg), alg, message))


def setting_of(url: str, issuer: str = "https://id.example", **changes: Any) -> OidcSetting:
    given: dict[str, Any] = {
        "issuer": issuer,
        "audiences": frozenset({AUDIENCE, "shop-app"}),
        "jwks_url": url,
        "algorithms": frozenset(ALGORITHMS),
        "tenant": "acme",
        "principal_claim": "sub",
        "principal_prefix": "id:",
    }
    return OidcSetting(**given | changes)


class Provider:
    """What the server answers, and how often it was asked. `answer` writes a whole answer; None: the set."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.port = 0

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        if self.answer is not None:
            self.answer(handler)
            return
        reply(handler, json.dumps({"keys": self.keys}).encode())


def reply(handler: BaseHTTPRequestHandler, body: bytes, code: int = 200, **headers: str) -> None:
    handler.send_response(code)
    for name, value in ({"content_length": str(len(body))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def provider() -> Iterator[Provider]:
    """Serve on a free port of the loopback address, until the end."""
    serving = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            serving.serve(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving.port = server.server_port
    serving.url = f"http://127.0.0.1:{server.server_port}/keys?v=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield serving
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
