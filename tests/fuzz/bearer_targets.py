"""Fuzz targets for bearer tokens: the token itself, and where it may stand in a request."""

import hashlib
from dataclasses import replace

from counterseal.core.model import HttpRequest, Key, KeyState, Refusal, Rejected, Verified
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.bearer import read_token, write_token
from counterseal.core.verify import conclude, examine
from tests.core.bearer.making import key_id, rest, token
from tests.fuzz import seeds
from tests.fuzz.checks import ANY_TIME, NO_DEMAND, check, walk

KEY_ID = key_id(1)
TOKEN = token(KEY_ID, rest(1)).encode()
REQUEST = HttpRequest(method=b"GET", target=b"/a?b=c", headers=((b"host", b"x"),), content=b"")
KEY = Key(
    key_id=KEY_ID,
    tenant="",
    secret=b"",
    allowed_schemes=frozenset(BUILT_IN),
    state=KeyState.ACTIVE,
    bearer_sha256=hashlib.sha256(TOKEN).digest(),
)


def bearer_token(data: bytes) -> None:
    """Any bytes as a token: what is read is written the same again."""
    try:
        found = read_token(data)
    except Refusal as refusal:
        check(len(refusal.detail) < 200 and "cstk_" not in refusal.detail, "a refusal quotes nothing")
        return
    check(len(data) == 79 and len(found) == 24, "a token has its length")
    check(write_token(found, data.decode("ascii")[30:73]).encode() == data, "what is read prints back as it stood")


def bearer_request(data: bytes) -> None:
    """Any bytes in Authorization, and behind the target: nothing verifies but the token, once, in its place."""
    value, _, query = data.partition(seeds.FIELD)
    request = replace(REQUEST, target=REQUEST.target + query, headers=(*REQUEST.headers, (b"authorization", value)))
    walk(request, data)
    claim = examine(request, NO_DEMAND, schemes=BUILT_IN, window=ANY_TIME, now=1.5e9)
    if isinstance(claim, Rejected):
        return
    key = replace(KEY, allowed_schemes=frozenset({"bearer"}))
    found = conclude(claim, request, key, NO_DEMAND, schemes=BUILT_IN, window=ANY_TIME, now=1.5e9)
    if isinstance(found, Verified):
        kind, _, sent = value.strip(b" \t").partition(b" ")
        check(kind.lower() == b"bearer" and sent.lstrip(b" ") == TOKEN, "nothing but the token verifies")
        beside = [part for part in query.lower().split(b"&")[1:] if part.startswith(b"access_token=cstk_")]
        check(not beside, "and not beside one in the query")


def token_seeds() -> set[bytes]:
    return {TOKEN, TOKEN[:-1], TOKEN + b"0", *(token(key_id(number), rest(number)).encode() for number in range(8))}


def request_seeds() -> set[bytes]:
    values = {b"Bearer " + TOKEN, b"bearer  " + TOKEN, b"Bearer eyJhbGciOiJub25lIn0.e30.", b"Basic eDp5", b"Bearer", TOKEN}
    queries = {b"", b"&access_token=" + TOKEN, b"&Access%5ftoken=" + TOKEN, b"&q=" + TOKEN}
    return {value + seeds.FIELD + query for value in values for query in queries}


TARGETS = {
    "bearer_token": (bearer_token, token_seeds),
    "bearer_request": (bearer_request, request_seeds),
}
