"""`SignedRequests`: the gateway in front of an ASGI application."""

import logging
import uuid
from dataclasses import dataclass, replace
from typing import Final, assert_never

from counterseal.core.payload import AlreadyChecked, BodySha256, ChunkSigned, ChunkUnsigned, LeftToCaller, Unsigned
from counterseal_client.asgi import answers
from counterseal_client.asgi.answers import Answer, ErrorForm, GuardedSend, answer_for, send_answer
from counterseal_client.asgi.body import BodyMismatch, CheckedBody, ClientGone, WholeBody, drain
from counterseal_client.asgi.head import header_values, may_have_body, read_head, with_verified_path
from counterseal_client.asgi.identity import identity_headers, without_client_claims
from counterseal_client.asgi.set_aside import BodyTooLarge, NoRoom, Room, SetAsideBody
from counterseal_client.asgi.types import App, AsksForVerdicts, Receive, Scope, Send
from counterseal_client.errors import RequestNotAccepted, VerifierError
from counterseal_client.model import BODY_REQUIRED, Demand, HttpRequest, Rejected, Verified

_log: Final = logging.getLogger("counterseal_client")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """One request on its way through."""

    scope: Scope
    receive: Receive
    send: Send
    request: HttpRequest
    request_id: str


class SignedRequests:
    """Lets only verified requests through to `app`, and tells it who signed them.

    The application gets the path that the signature covers (`raw_path` and `path`), which need not be the one that arrived. It
    finds the verdict as `scope["counterseal"]` (a `Verified`) and in header fields that begin with `identity_prefix`; fields of
    that name sent by the client never arrive, in whatever spelling. Bodies whose hash was signed are checked while they stream;
    `more_body: False` is said only of the body that was signed. `receive` raises ClientGone when the client leaves before the
    end of its body, signed or not, and BodyMismatch when it is another body than the signed one: let both pass through.

    `demand`: what is required beyond a matching signature. `allow_unsigned_payload`: whether a client may leave the body
    unsigned, as a websocket always leaves its frames; S3's presigned URLs always do, and SDKs do over https, so the default is
    yes; the application is told in `<prefix>payload`. `allow_signed_chunks`: pass chunk-signed bodies on UNCHECKED, for an
    upstream that checks them itself.
    `max_set_aside`: bytes of a body that has to be hashed before the verdict; larger ones are answered 413.
    `max_set_aside_total`: bytes of all such bodies at once, whoever sends them; what finds no room is answered 503, SlowDown.
    No verdict means no access: an outage is answered 503, a mistake of this gateway's own settings 500.
    """

    def __init__(
        self,
        app: App,
        verifier: AsksForVerdicts,
        *,
        demand: Demand | None = None,
        allow_unsigned_payload: bool = True,
        allow_signed_chunks: bool = False,
        max_set_aside: int = 16 << 20,
        max_set_aside_total: int = 256 << 20,
        identity_prefix: str = "x-counterseal-",
        errors: ErrorForm = ErrorForm.AUTO,
    ) -> None:
        if not identity_prefix.strip("-_"):
            raise ValueError("identity_prefix must not be empty: it says which fields of the client are dropped")
        if max_set_aside_total < max_set_aside:
            raise ValueError("max_set_aside_total must be at least max_set_aside: a body that fits must find room")
        self._app = app
        self._verifier = verifier
        self._demand = demand
        self._allow_unsigned_payload = allow_unsigned_payload
        self._allow_signed_chunks = allow_signed_chunks
        self._max_set_aside = max_set_aside
        self._room = Room(max_set_aside_total)
        self._prefix = identity_prefix.lower()
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the ASGI server. A scope type that is not known is an error: nothing passes unseen."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            raise RuntimeError(f"cannot verify a scope of type {scope['type']!r}")
        exchange = _Exchange(scope=scope, receive=receive, send=send, request=read_head(scope), request_id=uuid.uuid4().hex)
        # An absent body is checked like any other: the client may send one all the same.
        if not may_have_body(scope, exchange.request):
            exchange = replace(exchange, request=replace(exchange.request, content=b""))
        outcome = await self._ask(exchange)
        if isinstance(outcome, Rejected) and outcome.reason == BODY_REQUIRED and exchange.request.content is None:
            await self._ask_with_body(exchange)
            return
        await self._go_on(exchange, outcome)

    async def _ask(self, exchange: _Exchange) -> Verified | Rejected | Answer:
        try:
            verdict = await self._verifier.verify(exchange.request, self._demand, request_id=exchange.request_id)
        except RequestNotAccepted as error:
            _log.error("request %s not accepted: %s", exchange.request_id, error)
            return answers.NOT_ACCEPTED
        except VerifierError as error:
            _log.error("request %s has no verdict: %s", exchange.request_id, error)
            return answers.UNAVAILABLE
        if isinstance(verdict, Rejected):
            _log.info("request %s refused: %s, %s", exchange.request_id, verdict.reason, verdict.detail)
        return verdict

    async def _ask_with_body(self, exchange: _Exchange) -> None:
        """Ask again with the body's hash: the signature covers it, and the head alone does not tell it."""
        with SetAsideBody(exchange.receive, self._room) as body:
            try:
                digest = await body.read(self._max_set_aside)
            except ClientGone:
                return
            except BodyTooLarge:
                await self._refuse(exchange, answers.BODY_TOO_LARGE)
                return
            except NoRoom:
                _log.warning("request %s turned away: too many bodies are set aside", exchange.request_id)
                await self._refuse(exchange, answers.SLOW_DOWN)
                return
            # Another question, so another id: the same id stands for the same answer.
            again = replace(
                exchange,
                receive=body,
                request=replace(exchange.request, content_sha256=digest),
                request_id=uuid.uuid4().hex,
            )
            await self._go_on(again, await self._ask(again))

    async def _go_on(self, exchange: _Exchange, outcome: Verified | Rejected | Answer) -> None:
        if isinstance(outcome, Rejected):
            await self._refuse(exchange, answer_for(outcome))
        elif isinstance(outcome, Answer):
            await self._refuse(exchange, outcome)
        elif (objection := self._objection(exchange, outcome)) is not None:
            _log.info("request %s verified, but refused here: %s", exchange.request_id, objection.code)
            await self._refuse(exchange, objection)
        else:
            await self._let_through(exchange, outcome)

    def _objection(self, exchange: _Exchange, verified: Verified) -> Answer | None:
        """Return why this gateway refuses a request that verified, or None."""
        covered = verified.coverage
        if not (covered.method and covered.path and covered.query and verified.verified_path.startswith(b"/")):
            return answers.NOT_COVERED
        if exchange.scope["type"] == "websocket" and not self._allow_unsigned_payload:
            return answers.UNSIGNED_BODY  # the handshake is signed, its frames are not
        request, duty = exchange.request, verified.payload_duty
        match duty:
            case AlreadyChecked():
                # True only of a body that the service was told about.
                known = request.content is not None or request.content_sha256 is not None
                return None if known else answers.UNSIGNED_BODY
            case BodySha256():
                return None
            case ChunkSigned():
                return None if self._allow_signed_chunks else answers.CHUNKS_NOT_CHECKED
            case ChunkUnsigned() | Unsigned():
                return None if self._allow_unsigned_payload else answers.UNSIGNED_BODY
            case LeftToCaller():
                return answers.UNSIGNED_BODY  # of string-to-sign subjects only, which are never sent from here
            case _:
                assert_never(duty)

    async def _let_through(self, exchange: _Exchange, verified: Verified) -> None:
        headers = without_client_claims(exchange.request.headers, self._prefix, verified.coverage.headers)
        scope = with_verified_path(exchange.scope, verified.verified_path)
        scope["headers"] = headers + identity_headers(verified, self._prefix, frames=scope["type"] == "websocket")
        scope["counterseal"] = verified
        if scope["type"] == "websocket":
            await self._app(scope, exchange.receive, exchange.send)
        else:
            await self._with_its_body(exchange, scope, _expected_sha256(exchange.request, verified))

    async def _with_its_body(self, exchange: _Exchange, scope: Scope, expected: bytes | None) -> None:
        """Run the application on a body that has to be complete and, unless `expected` is None, to hash to it."""
        whole = WholeBody(exchange.receive)
        body = whole if expected is None else CheckedBody(whole, expected)
        send = GuardedSend(exchange.send, lambda: body.mismatched or body.gone)
        try:
            await self._app(scope, body, send)
        except Exception as error:
            # Whatever an application makes of BodyMismatch or ClientGone, its cause is known here.
            if not (body.mismatched or body.gone):
                raise
            if body.mismatched and send.started:  # the answer is under way: only breaking it off tells the client
                raise BodyMismatch from error
        if body.mismatched:
            if send.started:
                raise BodyMismatch
            _log.info("request %s refused: the body is not the one that was signed", exchange.request_id)
            await self._refuse(exchange, answers.BODY_MISMATCH, body_read=True)
        elif body.gone:
            _log.info("request %s ended: the client left before the end of its body", exchange.request_id)

    async def _refuse(self, exchange: _Exchange, answer: Answer, *, body_read: bool = False) -> None:
        request, scope = exchange.request, exchange.scope
        drained = body_read or not may_have_body(scope, request)
        # Who expects 100-continue has not sent the body, and reading it would ask for it.
        if not drained and not header_values(request, b"expect"):
            drained = await drain(exchange.receive)
        await send_answer(
            exchange.send, scope, request, answer, form=self._errors, request_id=exchange.request_id, drained=drained
        )


_NOTHING_SHA256: Final = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def _expected_sha256(request: HttpRequest, verified: Verified) -> bytes | None:
    """Return what the body has to hash to, or None when it is known (set aside and hashed) or not signed."""
    if request.content == b"":
        return _NOTHING_SHA256
    return verified.payload_duty.sha256 if isinstance(verified.payload_duty, BodySha256) else None
