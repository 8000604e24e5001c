"""What the page says and is told: JSON, read strictly."""

import asyncio
import json
import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from counterseal_client.asgi.body import ClientGone
from counterseal_client.asgi.session_pin import Pin, required_members, thumbprint
from counterseal_client.asgi.types import Headers, Receive
from counterseal_client.session_model import Refused, SignedIn, TemporaryCredentials

_MOST_BYTES: Final = 64 << 10
_READING_SECONDS: Final = 20.0
# RFC 7518 section 6: members that hold a private key, or a secret.
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_DEFAULT_PAUSE: Final = 60


class Malformed(Exception):
    """What the page sent is not what this endpoint reads. The text shows nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of an endpoint. `content` may hold a bearer token or a secret."""

    state: int
    content: dict[str, Any] = field(repr=False)
    headers: Headers = field(default_factory=list, repr=False)


def refusal(state: int, error: str, **more: Any) -> Reply:
    """Return an answer that says no, or that nobody knows."""
    return Reply(state=state, content={"error": error, **more})


async def read_json(receive: Receive) -> dict[str, Any]:
    """Return the JSON object of the body. Raises Malformed and ClientGone."""
    body, more = b"", True
    try:
        async with asyncio.timeout(_READING_SECONDS):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGone
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > _MOST_BYTES:
                    raise Malformed("the body is too large")
        read = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError, TimeoutError):
        raise Malformed("the body is not JSON") from None
    if not isinstance(read, dict):
        raise Malformed("the body is not a JSON object")
    return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two members of one name are two answers to one question (RFC 8259 section 4)."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    """Return a member that is a text. Raises Malformed."""
    value = body.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise Malformed(f"{name} is not a text")
    return value


def flag(body: dict[str, Any], name: str) -> bool:
    """Return a member that is true or false, and false where it is missing. Raises Malformed."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise Malformed(f"{name} is not true or false")
    return value


def request_id(body: dict[str, Any]) -> str | None:
    """Return the page's id of this attempt, None where it gave none. Raises Malformed."""
    if body.get("requestId") is None:
        return None
    value = text(body, "requestId")
    if not _REQUEST_ID.fullmatch(value):
        raise Malformed("requestId is not of the form of a request id")
    return value


def public_key(body: dict[str, Any]) -> str | None:
    """Return the public JWK with its required members and no other, None where there is none. Raises Malformed."""
    jwk = body.get("publicKey")
    if jwk is None:
        return None
    if not isinstance(jwk, dict) or not _PRIVATE.isdisjoint(jwk):
        raise Malformed("publicKey is not a public JWK")
    try:
        return json.dumps(required_members(jwk))
    except ValueError:
        raise Malformed("publicKey is not a public JWK") from None


def asked(body: dict[str, Any]) -> tuple[str | None, Pin]:
    """Return the public key, and what a session that begins with this has for a pin. Raises Malformed."""
    key = public_key(body)
    return key, Pin(thumbprint="" if key is None else thumbprint(json.loads(key)), bearer=flag(body, "accessToken"))


def told_of_session(signed_in: SignedIn) -> dict[str, Any]:
    """Return what the page is told of its session. Times are Unix milliseconds. Never the refresh token."""
    session = signed_in.session
    content: dict[str, Any] = {
        "sessionId": session.session_id,
        "principal": session.principal,
        "sessionExpires": _milliseconds(session.expire_time),
        "serverTime": _milliseconds(signed_in.server_time),
    }
    if signed_in.key is not None:
        content |= {"keyId": signed_in.key.key_id, "keyExpires": _milliseconds(signed_in.key.expire_time)}
    if signed_in.access_token is not None:
        token = signed_in.access_token
        content |= {"accessToken": token.token, "accessTokenExpires": _milliseconds(token.expire_time)}
    return content


def told_of_credentials(credentials: TemporaryCredentials) -> dict[str, Any]:
    """Return what AWS SDKs read from AWS_CONTAINER_CREDENTIALS_FULL_URI."""
    return {
        "AccessKeyId": credentials.key_id,
        "SecretAccessKey": credentials.secret,
        "Token": credentials.security_token,
        "Expiration": credentials.expire_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def told_of_sign_out(session_id: str, effective_time: datetime) -> dict[str, Any]:
    """Return what the page is told of a session that is over."""
    return {"sessionId": session_id, "effectiveTime": _milliseconds(effective_time)}


def told_of_refusal(refused: Refused) -> Reply:
    """Return what the page is told of a refusal: that it was one, never why."""
    if refused.reason == "THROTTLED":
        after = _DEFAULT_PAUSE if refused.retry_after is None else max(1, math.ceil(refused.retry_after.total_seconds()))
        reply = refusal(429, "throttled", retryAfter=after)
        reply.headers.append((b"retry-after", str(after).encode()))
        return reply
    # The session goes on: the page must not take this for its end.
    return refusal(409, "too many keys") if refused.reason == "TOO_MANY_KEYS" else refusal(401, "refused")


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else math.floor(time.timestamp() * 1000)
