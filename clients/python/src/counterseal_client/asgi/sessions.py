"""`SessionEndpoints`: sign-in, refresh and sign-out for the pages of a web application."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Any, Final

from counterseal_client.asgi import session_messages as messages
from counterseal_client.asgi.body import ClientGone
from counterseal_client.asgi.head import source_address
from counterseal_client.asgi.session_cookie import RefreshCookie
from counterseal_client.asgi.session_messages import Malformed, Reply, refusal
from counterseal_client.asgi.session_origin import CSRF_HEADER, Origins, forgeable, values
from counterseal_client.asgi.session_pin import Pin
from counterseal_client.asgi.session_service import BeginsSessions
from counterseal_client.asgi.types import Headers, Receive, Scope, Send
from counterseal_client.errors import RequestNotAccepted, VerifierError
from counterseal_client.session_model import Refused, SignedIn, SignedOut

_log: Final = logging.getLogger("counterseal_client")
# The session of such a refresh token is gone for good, so the cookie goes too.
_GONE: Final = frozenset({"UNKNOWN", "OVER", "REUSED"})
_MOST_COOKIES: Final = 4
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_TOKEN: Final = re.compile(rb"(?:[Bb]earer +)?(cstk_[0-9A-Za-z_]{1,256})")


class SessionEndpoints:
    """An ASGI application of the endpoints below `path`, for pages of the same origin; `clients/web` speaks to it.

    | endpoint | body | answer |
    |---|---|---|
    | `POST /session/sign-in` | `{principal, password, tenant?, publicKey?, accessToken?}` | the session |
    | `POST /session/refresh` | `{publicKey?, accessToken?, requestId?, sessionId?}` | the session |
    | `POST /session/sign-out` | `{}` | `{sessionId, effectiveTime}` |
    | `POST` and `GET /session/credentials` | `{}` or none, with a bearer token | what AWS SDKs read |

    The session is `{sessionId, principal, sessionExpires, serverTime, keyId?, keyExpires?, accessToken?, accessTokenExpires?}`,
    times in Unix milliseconds. The refresh token stands in a cookie alone (`session_cookie.py`). Refused: 401
    `{"error": "refused"}`, whatever the reason; 429 `{"error": "throttled", "retryAfter": seconds}`. No answer of the service:
    503, and nothing has changed for the page.

    A refresh takes no other key than the sign-in did, and gives bearer tokens only where the sign-in asked for one
    (`session_pin.py`): 409 `{"error": "not as begun"}`, and the session goes on. Not prevented: that a script in the page uses
    these endpoints and the page's key while the page is open, ends the session, or signs in with a password it came by.

    Every POST needs `content-type: application/json` and `x-counterseal-csrf: 1`, which no form of another site can send, and
    `Origin` and `Sec-Fetch-Site`, where they are sent, have to be the page's own. Preflights are answered here: no other
    origin is allowed anything unless `allowed_origins` names it, and since the cookie is SameSite=Strict, only origins of the
    same site get far. A sign-in always begins a new session, and ends the one that the cookie was of.

    `origin`: the front's own, needed behind a proxy that ends TLS. `tenant`: the only one to sign in to; None: the page says.
    `client_address`: where the client's address comes from when a proxy that can be believed is in between; sign-ins are
    throttled by it. `credentials_duration`: how long temporary credentials are good, None for the service's hour; AWS SDKs
    fetch new ones for every request when less than ten minutes are left; of more than thirty at once the first are revoked.
    """

    def __init__(
        self,
        sessions: BeginsSessions,
        *,
        path: str = "/session",
        origin: str = "",
        allowed_origins: Collection[str] = (),
        tenant: str | None = None,
        client_address: Callable[[Scope], str] = source_address,
        credentials_duration: timedelta | None = None,
    ) -> None:
        if not _PATH.fullmatch(path):
            raise ValueError("path must begin with / and not end with one: the cookie is sent to what lies below it")
        self._sessions = sessions
        self._path = path
        self._origins = Origins(origin, allowed_origins)
        self._cookie = RefreshCookie(path=path, origins=self._origins)
        self._tenant = tenant
        self._client_address = client_address
        self._duration = credentials_duration
        self._endpoints: dict[str, Callable[[Scope, dict[str, Any]], Awaitable[Reply]]] = {
            f"{path}/sign-in": self._sign_in,
            f"{path}/refresh": self._refresh,
            f"{path}/sign-out": self._sign_out,
            f"{path}/credentials": self._credentials,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises RuntimeError for a scope that is not of HTTP."""
        if scope["type"] != "http":
            raise RuntimeError(f"no endpoint of a session is of type {scope['type']!r}")
        try:
            reply = await self._answer(scope, receive)
        except (Malformed, RequestNotAccepted) as error:
            _log.info("%s refused: %s", scope["path"], error)
            reply = refusal(400, "malformed")
        except VerifierError as error:
            _log.error("%s has no answer: %r", scope["path"], error)
            reply = refusal(503, "unavailable")
            reply.headers.append((b"retry-after", b"1"))
        except ClientGone:
            return
        await self._send(scope, send, reply)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        endpoint = self._endpoints.get(scope["path"])
        if scope["method"] == "OPTIONS":
            return self._preflight(scope)
        if endpoint is None:
            return refusal(404, "not found")
        reading = scope["method"] == "GET" and endpoint == self._credentials
        if scope["method"] != "POST" and not reading:
            return refusal(405, "method not allowed")
        # A GET brings no cookie into play: it is answered by the bearer token, which no other site has.
        fault = self._origins.foreign(scope) or (None if reading else forgeable(scope))
        if fault is not None:
            _log.warning("%s refused: %s", scope["path"], fault)
            return refusal(403, "forbidden")
        return await endpoint(scope, {} if reading else await messages.read_json(receive))

    async def _sign_in(self, scope: Scope, body: dict[str, Any]) -> Reply:
        """Begin a session. A cookie that came along, whoever set it, is of no influence but that its session is ended."""
        key, pin = messages.asked(body)
        tenant = messages.text(body, "tenant", "")
        if self._tenant is not None and tenant not in {"", self._tenant}:
            return refusal(401, "refused")
        answer = await self._sessions.sign_in(
            messages.text(body, "principal"),
            messages.text(body, "password"),
            tenant=tenant if self._tenant is None else self._tenant,
            access_token=pin.bearer,
            public_key=key,
            source_address=self._client_address(scope),
            user_agent=b" ".join(values(scope["headers"], b"user-agent")).decode("latin-1"),
        )
        if isinstance(answer, Refused):
            return self._refused(scope, answer)
        reply = self._signed_in(scope, answer, pin, asked_for_key=key is not None)
        await self._end_earlier(scope, answer)
        return reply

    async def _end_earlier(self, scope: Scope, begun: SignedIn) -> None:
        """End the session that the new one replaces in this browser. Nothing depends on it: it would end by itself."""
        for earlier in self._cookie.read(scope)[:_MOST_COOKIES]:
            if earlier is None or earlier.session_id == begun.session.session_id:
                continue
            try:
                await self._sessions.sign_out(refresh_token=earlier.refresh_token)
            except VerifierError as error:
                _log.warning("the session before %s could not be ended: %r", begun.session.session_id, error)

    async def _refresh(self, scope: Scope, body: dict[str, Any]) -> Reply:
        """Prolong the session of the cookie. `sessionId`, where the page sends it, has to be the cookie's session.

        A sibling domain can set a cookie of this name (cookie tossing), to have the page go on in a session of its own.
        """
        (key, asked), attempt = messages.asked(body), messages.request_id(body)
        cookies = self._cookie.read(scope)
        if len(cookies) > 1:
            # Which one is ours cannot be told, and deleting ours would leave the other.
            _log.warning("%s refused: more than one cookie of its name", scope["path"])
            return refusal(401, "refused")
        kept = cookies[0] if cookies else None
        if kept is None or messages.text(body, "sessionId", kept.session_id) != kept.session_id:
            return refusal(401, "refused")
        if fault := kept.pin.fault(asked):
            _log.warning("%s refused: %s", scope["path"], fault)
            return refusal(409, "not as begun")
        answer = await self._sessions.refresh(kept.refresh_token, request_id=attempt, access_token=asked.bearer, public_key=key)
        if isinstance(answer, Refused):
            return self._refused(scope, answer)
        return self._signed_in(scope, answer, kept.pin, asked_for_key=key is not None)

    async def _sign_out(self, scope: Scope, body: dict[str, Any]) -> Reply:  # noqa: ARG002 - the cookie or the token says it
        """End the sessions of all cookies of the name, or the bearer token's. The cookie goes, unless nobody knows."""
        cookies = {kept.refresh_token for kept in self._cookie.read(scope)[:_MOST_COOKIES] if kept is not None}
        answers = [await self._sessions.sign_out(refresh_token=token) for token in cookies]
        if not cookies and (bearer := _bearer(scope)):
            answers = [await self._sessions.sign_out(access_token=bearer)]
        over = [answer for answer in answers if isinstance(answer, SignedOut)]
        if over:
            last = max(over, key=lambda answer: answer.effective_time)
            reply = Reply(state=200, content=messages.told_of_sign_out(last.session.session_id, last.effective_time))
        else:
            reply = refusal(401, "refused")
        reply.headers.append((b"set-cookie", self._cookie.delete(scope)))
        return reply

    async def _credentials(self, scope: Scope, body: dict[str, Any]) -> Reply:  # noqa: ARG002 - the token says it all
        bearer = _bearer(scope)
        if not bearer:
            return refusal(401, "refused")
        answer = await self._sessions.temporary_credentials(access_token=bearer, duration=self._duration)
        if isinstance(answer, Refused):
            return self._refused(scope, answer, cookie=False)
        return Reply(state=200, content=messages.told_of_credentials(answer))

    def _signed_in(self, scope: Scope, answer: SignedIn, pin: Pin, *, asked_for_key: bool) -> Reply:
        if asked_for_key and answer.key is None:
            _log.error("%s refused: the service registered no key, and was asked to", scope["path"])
            return refusal(401, "refused")
        reply = Reply(state=200, content=messages.told_of_session(answer))
        reply.headers.append((b"set-cookie", self._cookie.write(scope, answer, pin)))
        return reply

    def _refused(self, scope: Scope, answer: Refused, *, cookie: bool = True) -> Reply:
        _log.info("%s refused: %s, %r", scope["path"], answer.reason, answer.detail)
        reply = messages.told_of_refusal(answer)
        if cookie and answer.reason in _GONE:
            reply.headers.append((b"set-cookie", self._cookie.delete(scope)))
        return reply

    def _preflight(self, scope: Scope) -> Reply:
        """Answer a browser that asks whether a page of another origin may. Nothing else is asked, and nobody."""
        if not self._origins.other(scope):
            return refusal(403, "forbidden")
        fields = f"content-type, {CSRF_HEADER.decode()}, authorization".encode()
        allowed = [(b"access-control-allow-methods", b"POST"), (b"access-control-allow-headers", fields)]
        return Reply(state=200, content={}, headers=allowed)

    async def _send(self, scope: Scope, send: Send, reply: Reply) -> None:
        content = json.dumps(reply.content).encode()
        headers: Headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *reply.headers,
        ]
        if reply.state == 405:
            headers.append((b"allow", b"POST"))
        if self._origins.has_others:
            headers.append((b"vary", b"origin"))
        if other := self._origins.other(scope):
            headers.append((b"access-control-allow-origin", other.encode()))
            headers.append((b"access-control-allow-credentials", b"true"))
        await send({"type": "http.response.start", "status": reply.state, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def _bearer(scope: Scope) -> str:
    """Return the bearer token of a request, with or without `Bearer`: AWS SDKs send what they were given, as it is."""
    given = values(scope["headers"], b"authorization")
    match = _TOKEN.fullmatch(given[0]) if len(given) == 1 else None
    return match[1].decode("ascii") if match else ""
