"""A request with a bearer token that verifies, its key, and the walk."""

import hashlib
from dataclasses import replace

from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Reason, Rejected, Verdict
from tests.core.bearer.making import key_id, rest, token
from tests.core.subjects import NOW
from tests.core.subjects import verdict as walk

AUTH = b"authorization"
KEY_ID = key_id(1)
TOKEN = token(KEY_ID, rest(1))
OTHER_TOKEN = token(KEY_ID, rest(2))
KEY = Key(
    key_id=KEY_ID,
    tenant="acme",
    secret=b"",
    allowed_schemes=frozenset({"bearer"}),
    state=KeyState.ACTIVE,
    bearer_sha256=hashlib.sha256(TOKEN.encode()).digest(),
)
BARE = HttpRequest(
    method=b"POST",
    target=b"/orders?a=1",
    headers=((b"host", b"api.example.com"), (b"content-type", b"application/json")),
    content=b'{"tea": 1}',
)


def sent(value: bytes | str, request: HttpRequest = BARE) -> HttpRequest:
    """Return the request with this value in Authorization."""
    raw = value.encode() if isinstance(value, str) else value
    return replace(request, headers=(*request.headers, (AUTH, raw)))


SENT = sent(f"Bearer {TOKEN}")
NO_DEMAND = Demand()


def verdict(request: HttpRequest = SENT, *, key: Key | None = KEY, demand: Demand = NO_DEMAND, now: float = NOW) -> Verdict:
    return walk(request, key=key, demand=demand, now=now)


def reason(
    request: HttpRequest = SENT, *, key: Key | None = KEY, demand: Demand = NO_DEMAND, now: float = NOW
) -> Reason | None:
    """Return why it is refused, None where it verifies."""
    found = verdict(request, key=key, demand=demand, now=now)
    return found.reason if isinstance(found, Rejected) else None
