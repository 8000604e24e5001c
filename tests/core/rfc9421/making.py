"""Keys of every algorithm, requests signed with them, and verdicts: what the tests of this folder change one thing in."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, replace
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.core import asymmetric, http
from counterseal.core.model import (
    Demand,
    HttpRequest,
    Key,
    KeyState,
    Reason,
    Refusal,
    Rejected,
    Verified,
    Window,
)
from counterseal.core.schemes import BUILT_IN, Scheme
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.rfc9421 import Rfc9421, read_claim
from counterseal.core.verify import conclude, examine
from tests.core.rfc9421.vectors import suite

SCHEMES: dict[str, Scheme] = {"rfc9421": Rfc9421()}
NOW = 1_700_000_000
KEY_ID = "test-key"
NO_DEMAND = Demand()
HMAC = "hmac-sha256"
PUBLIC = ("ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512", "rsa-v1_5-sha256")
ALGORITHMS = (HMAC, *PUBLIC)
PLAIN = HttpRequest(
    method=b"POST",
    target=b"/a/path?x=1&y=a%20b",
    headers=(
        (b"host", b"example.com"),
        (b"content-type", b"application/json"),
        (b"content-length", b"18"),
        (b"x-list", b"a"),
        (b"x-list", b"b"),
        (b"x-dict", b"a=1,  b=(c   d);q"),
        (b"priority", b"u=1,  i"),
    ),
    content=b'{"hello": "world"}',
    scheme="https",
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What a client signs with, and what the service knows."""

    algorithm: str
    credentials: Credentials
    key: Key


@cache
def pair(algorithm: str) -> Pair:
    """Return a key of an algorithm; always the same one."""
    key = Key(key_id=KEY_ID, tenant="", secret=b"", allowed_schemes=frozenset(BUILT_IN) | {"rfc9421"}, state=KeyState.ACTIVE)
    if algorithm == HMAC:
        secret = base64.b64decode(suite("rfc9421")["keys"]["test-shared-secret"]["secret_base64"])
        return Pair(algorithm=algorithm, credentials=Credentials(key_id=KEY_ID, secret=secret), key=replace(key, secret=secret))
    private = private_pem(algorithm)
    public = asymmetric.public_of(private, algorithm)
    credentials = Credentials(key_id=KEY_ID, private_key=private)
    return Pair(algorithm=algorithm, credentials=credentials, key=replace(key, public_key=public))


@cache
def private_pem(algorithm: str) -> bytes:
    names = {
        "ed25519": "test-key-ed25519",
        "ecdsa-p256-sha256": "test-key-ecc-p256",
        "rsa-pss-sha512": "test-key-rsa-pss",
        "rsa-v1_5-sha256": "test-key-rsa",
    }
    if algorithm in names:
        return str(suite("rfc9421")["keys"][names[algorithm]]["private_key_pem"]).encode()
    return ec.derive_private_key(9421, ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(algorithm: str) -> bytes:
    return (
        serialization.load_pem_private_key(private_pem(algorithm), None)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def signed(algorithm: str = HMAC, request: HttpRequest = PLAIN, now: int = NOW, **options: str) -> HttpRequest:
    """Return the request, signed. RSA is told which of its algorithms."""
    options = {"algorithm": algorithm} | options
    return Rfc9421().sign(request, pair(algorithm).credentials, Signing(now=now, options=options))


def verdict(
    request: HttpRequest,
    key: Key | None = None,
    demand: Demand = NO_DEMAND,
    now: float = NOW,
    schemes: dict[str, Scheme] = SCHEMES,
) -> Verified | Rejected:
    """Return the verdict under one key."""
    claim = examine(request, demand, schemes=SCHEMES, window=Window(), now=now)
    if isinstance(claim, Rejected):
        return claim
    return conclude(claim, request, key or pair(HMAC).key, demand, schemes=SCHEMES, window=Window(), now=now)


def reason(request: HttpRequest, key: Key | None = None, demand: Demand = NO_DEMAND, now: float = NOW) -> Reason:
    """Return the reason of a refusal; a request that verifies is a failure."""
    found = verdict(request, key, demand, now)
    assert isinstance(found, Rejected), "verified"
    return found.reason


def with_header(request: HttpRequest, name: bytes, *values: bytes) -> HttpRequest:
    """Return the request with the lines of one header replaced."""
    kept = tuple(pair for pair in request.headers if pair[0] != name)
    return replace(request, headers=kept + tuple((name, value) for value in values))


def header(request: HttpRequest, name: bytes) -> bytes:
    return b", ".join(value for found, value in request.headers if found == name)


def resigned(request: HttpRequest, signature_input: bytes, algorithm: str = HMAC) -> HttpRequest:
    """Return the request with another Signature-Input for `sig1`, signed: a client's doing, not a stranger's."""
    unsigned = with_header(with_header(request, b"signature-input", signature_input), b"signature", b"sig1=:AAAA:")
    text = read_claim(unsigned, Demand(label="sig1")).base
    if algorithm == HMAC:
        octets = hmac.digest(pair(HMAC).key.secret, text, hashlib.sha256)
    else:
        octets = asymmetric.sign(private_pem(algorithm), algorithm, text)
    return with_header(unsigned, b"signature", b"sig1=:" + base64.b64encode(octets) + b":")


def refusal(request: HttpRequest, demand: Demand = NO_DEMAND) -> Reason:
    """Return why the claim cannot be read."""
    try:
        read_claim(request, demand)
    except Refusal as found:
        return found.reason
    raise AssertionError("read")


def http_read(request: HttpRequest) -> http.ReadRequest:
    return http.read_request(request)


def beside(request: HttpRequest, label: str) -> HttpRequest:
    """Return the request with its first signature once more, under another label."""
    again = [
        (name, label.encode() + b"=" + next(value for found, value in request.headers if found == name).partition(b"=")[2])
        for name in (b"signature-input", b"signature")
    ]
    return replace(request, headers=(*request.headers, *again))


def base(request: HttpRequest) -> bytes:
    return read_claim(request).base
