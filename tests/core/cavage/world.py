"""Keys, requests and verdicts for the tests of draft-cavage."""

from dataclasses import replace

from counterseal.core.model import Claim, Demand, HttpRequest, Key, KeyState, PublicKey, Verdict, Window
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.cavage import CAVAGE, CAVAGE_APISIX, CAVAGE_KONG, Cavage
from counterseal.core.verify import conclude, examine
from tests.core.asymmetric import keys

NOW = 1_790_000_000
DATE = b"Mon, 21 Sep 2026 14:13:20 GMT"
KEY_ID = "client-1"
SECRET = b"a secret of the client, 32 bytes"
SCHEMES = {scheme.name: scheme for scheme in (CAVAGE, CAVAGE_KONG, CAVAGE_APISIX)}
BODY = b'{"hello": "world"}'
POST = HttpRequest(
    method=b"POST",
    target=b"/foo?param=value&pet=dog",
    headers=((b"host", b"example.com"), (b"content-type", b"application/json")),
    content=BODY,
)
GET = HttpRequest(method=b"GET", target=b"/foo", headers=((b"host", b"example.com"),), content=b"")


def symmetric_key(secret: bytes = SECRET, key_id: str = KEY_ID) -> Key:
    allowed = frozenset({*SCHEMES, "acme"})
    return Key(key_id=key_id, tenant="t", secret=secret, allowed_schemes=allowed, state=KeyState.ACTIVE)


def public_key(algorithm: str) -> Key:
    return replace(symmetric_key(b""), public_key=keys.public_key(algorithm))


def with_public(key: PublicKey, key_id: str = KEY_ID) -> Key:
    return replace(symmetric_key(b"", key_id), public_key=key)


def credentials(algorithm: str = "") -> Credentials:
    if algorithm:
        return Credentials(key_id=KEY_ID, private_key=keys.private_key(algorithm))
    return Credentials(key_id=KEY_ID, secret=SECRET)


def sign(scheme: Cavage, request: HttpRequest, given: Credentials | None = None, /, **options: str) -> HttpRequest:
    return scheme.sign(request, given or credentials(), Signing(now=NOW, options=options))


def judge(
    request: HttpRequest,
    key: Key | None = None,
    *,
    scheme: Cavage | None = None,
    demand: Demand | None = None,
    now: float = NOW,
    unknown: bool = False,
) -> Verdict:
    """Return the verdict: with one scheme enabled, or with all of this folder."""
    schemes = SCHEMES if scheme is None else {scheme.name: scheme}
    wanted = demand or Demand()
    known = None if unknown else key or symmetric_key()
    found = examine(request, wanted, schemes=schemes, window=Window(), now=now)
    if not isinstance(found, Claim):
        return found
    return conclude(found, request, known, wanted, schemes=schemes, window=Window(), now=now)


def field(request: HttpRequest, name: bytes) -> bytes:
    (value,) = [value for present, value in request.headers if present == name]
    return value


def changed(request: HttpRequest, name: bytes, old: bytes, new: bytes) -> HttpRequest:
    """Return the request with `old` replaced in one field; it has to be there."""
    assert old in field(request, name), (name, old)
    lines = tuple((n, v.replace(old, new) if n == name else v) for n, v in request.headers)
    return replace(request, headers=lines)


def added(request: HttpRequest, *lines: tuple[bytes, bytes]) -> HttpRequest:
    return replace(request, headers=(*request.headers, *lines))


def without(request: HttpRequest, name: bytes) -> HttpRequest:
    assert any(present == name for present, _ in request.headers)
    return replace(request, headers=tuple(line for line in request.headers if line[0] != name))
