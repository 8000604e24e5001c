"""Webhooks that verify, and the walk through `examine` and `conclude`."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from counterseal.core import asymmetric
from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Rejected, Verdict, Verified, Window
from counterseal.core.schemes import Scheme
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.webhooks import GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX, WebhookScheme, from_options
from counterseal.core.verify import conclude, examine

NOW = 1_790_000_000
KEY_ID = "hooks"
SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE = bytes.fromhex("302e020100300506032b657004220420") + bytes(range(32))  # PKCS#8 (RFC 8410) of the seed 00..1f
WINDOW = Window(skew=300)
NAMED = {scheme.name: scheme for scheme in (GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, SVIX)}
BODY = b'{"event": "seal.pressed", "nr": 7}'
PLAIN = HttpRequest(
    method=b"POST",
    target=b"/hooks/in?from=vendor",
    headers=((b"host", b"hooks.example.com"), (b"content-type", b"application/json")),
    content=BODY,
)
KEY = Key(key_id=KEY_ID, tenant="acme", secret=SECRET, allowed_schemes=frozenset(NAMED), state=KeyState.ACTIVE)
PUBLIC_KEY = replace(KEY, secret=b"", public_key=asymmetric.public_of(PRIVATE, "ed25519"))
DEMAND = Demand(key_id=KEY_ID)
CREDENTIALS = Credentials(key_id=KEY_ID, secret=SECRET)
PRIVATE_CREDENTIALS = Credentials(key_id=KEY_ID, private_key=PRIVATE)


def configured(name: str = "vendor", **options: object) -> WebhookScheme:
    """Return a scheme out of options."""
    return from_options(name, options)


def signed(
    scheme: WebhookScheme,
    request: HttpRequest = PLAIN,
    credentials: Credentials = CREDENTIALS,
    now: int = NOW,
    **options: str,
) -> HttpRequest:
    """Return the request with the scheme's signature."""
    return scheme.sign(request, credentials, Signing(now=now, options=options))


def verdict(
    request: HttpRequest,
    *schemes: Scheme,
    key: Key | None = KEY,
    demand: Demand = DEMAND,
    now: float = NOW,
    window: Window = WINDOW,
) -> Verdict:
    """Walk through both halves, as a server does; with the named schemes, unless others are given, which the key allows.

    A key for webhooks is for one scheme alone. So that a test need not say for which, a key that allows the request's scheme,
    among others, allows that one alone.
    """
    enabled: Mapping[str, Scheme] = {scheme.name: scheme for scheme in schemes} or NAMED
    claim = examine(request, demand, schemes=enabled, window=window, now=now)
    if isinstance(claim, Rejected):
        return claim
    if key is not None:
        allowed = key.allowed_schemes | (set(enabled) - set(NAMED))
        key = replace(key, allowed_schemes=(allowed & {claim.scheme}) or allowed)
    return conclude(claim, request, key, demand, schemes=enabled, window=window, now=now)


def verifies(request: HttpRequest, *schemes: Scheme, key: Key = KEY, now: float = NOW) -> bool:
    """Say whether the request verifies."""
    return isinstance(verdict(request, *schemes, key=key, now=now), Verified)


def with_secret(secret: bytes) -> Key:
    """Return the key with another secret."""
    return replace(KEY, secret=secret)


def header_of(request: HttpRequest, name: bytes) -> bytes:
    """Return the one value of a field."""
    (value,) = [value for found, value in request.headers if found == name]
    return value


def put_header(request: HttpRequest, name: bytes, *values: bytes) -> HttpRequest:
    """Return the request with these values of a field, in place of those it has."""
    kept = tuple(item for item in request.headers if item[0] != name)
    return replace(request, headers=(*kept, *((name, value) for value in values)))


def noise(*parts: object) -> bytes:
    """Return 32 bytes that look random and are the same on every run."""
    return hashlib.sha256(repr(parts).encode()).digest()
