"""`SignedRequests`: the gateway in front of an ASGI application."""

import logging
from collections.abc import Awaitable, Collection
from dataclasses import replace
from typing import Final, TypeVar

from counterseal.core.body import BodyVerifier
from counterseal.core.body.chain import NOTHING_SHA256
from counterseal.core.model import Rejected as BodyRejected
from counterseal.core.payload import BodyDigests, BodySha256, ChunkUnsigned
from counterseal_client.asgi import answers
from counterseal_client.asgi.answers import Answer, ErrorForm, GuardedSend, answer_for, answer_for_body, send_answer
from counterseal_client.asgi.body import Body, BodyMismatch, CheckedBody, ClientGone, WholeBody, drain
from counterseal_client.asgi.chunks import open_chunks
from counterseal_client.asgi.decoded import decoded_headers
from counterseal_client.asgi.exchange import Exchange, new_exchange
from counterseal_client.asgi.framing import framing_fault
from counterseal_client.asgi.head import header_values, may_have_body, with_verified_path
from counterseal_client.asgi.identity import headers_for_application
from counterseal_client.asgi.keeping import Bodies
from counterseal_client.asgi.objections import PARTS, objection, uncovered
from counterseal_client.asgi.room import NoRoom, Room
from counterseal_client.asgi.set_aside import BodyTooLarge, HeldBody, SetAsideBody
from counterseal_client.asgi.types import App, AsksForVerdicts, Receive, Scope, Send
from counterseal_client.errors import VerifierError
from counterseal_client.model import BODY_REQUIRED, Demand, Rejected, Verified
from counterseal_client.model import ChunkSigned as ChunksToVerify

_log: Final = logging.getLogger("counterseal_client")
_T = TypeVar("_T")


class SignedRequests:
    """Lets only verified requests through to `app`, and tells it who signed them.

    The application gets the path that the signature covers (`raw_path` and `path`), which need not be the one that arrived. It
    finds the verdict as `scope["counterseal"]` (a `Verified`) and in header fields that begin with `identity_prefix`; fields of
    that name sent by the client never arrive, in whatever spelling.

    The application never has a byte of a body that was signed before that byte is verified, and `more_body: False` is said only
    of a whole body that is right. Signed chunks are handed on as they are verified, decoded; a body that counts only at its end
    (a hash, digests, a checksum) is held until then. `receive` raises ClientGone when the client leaves before the end of its
    body, signed or not, and BodyMismatch when a chunk is wrong or the body is not whole: let both pass through.

    `demand`: what is required beyond a matching signature. `allow_unsigned_payload`: whether a client may leave the body
    unsigned, as a websocket always leaves its frames; S3's presigned URLs always do, and SDKs do over https, so the default is
    yes; the application is told in `<prefix>payload`. `lease_signing_key`: verify signed chunks here, with a key that this
    gateway leases (it needs the permission `lease`), instead of asking the service about them. `bodies`: limits and room.
    `allow_uncovered`: what of `method`, `path` and `query` a signature may leave open, for an application that does not act on
    it: webhooks cover none of them. The application is told what is covered in `<prefix>covers`.
    Bearer tokens cover nothing, so they pass only where `demand.allowed_schemes` names `bearer`; method, path, query and body
    are then whatever arrived, and `Authorization` is dropped: an application that logged it would give the token away. So is
    any field that holds such a token beside a signature. Of a key that ends with a session, the application is told the
    session in `<prefix>session`.
    A request that says twice where its body ends is refused before anybody is asked (`framing.py`).
    No verdict means no access: an outage is answered 503, a mistake of this gateway's own settings 500.
    """

    def __init__(
        self,
        app: App,
        verifier: AsksForVerdicts,
        *,
        demand: Demand | None = None,
        allow_unsigned_payload: bool = True,
        allow_uncovered: Collection[str] = (),
        lease_signing_key: bool = False,
        bodies: Bodies | None = None,
        identity_prefix: str = "x-counterseal-",
        errors: ErrorForm = ErrorForm.AUTO,
    ) -> None:
        if not identity_prefix.strip("-_"):
            raise ValueError("identity_prefix must not be empty: it says which fields of the client are dropped")
        self._app = app
        self._verifier = verifier
        self._demand = demand
        if not PARTS.issuperset(allow_uncovered):
            raise ValueError(f"allow_uncovered must be among {', '.join(sorted(PARTS))}")
        self._allow_unsigned_payload = allow_unsigned_payload
        self._required_parts = PARTS.difference(allow_uncovered)
        self._lease_signing_key = lease_signing_key
        self._bodies = bodies or Bodies()
        self._strangers_room = Room(self._bodies.max_set_aside_total)
        self._held_room = Room(self._bodies.max_held_total)
        self._chunks_room = Room(self._bodies.max_waiting_total)
        self._prefix = identity_prefix.lower()
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the ASGI server. A scope type that is not known is an error: nothing passes unseen."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            raise RuntimeError(f"cannot verify a scope of type {scope['type']!r}")
        exchange = new_exchange(scope, receive, send)
        if (fault := framing_fault(scope, exchange.request)) is not None:
            _log.info("request %s refused: %s", exchange.request_id, fault)
            await self._refuse(exchange, answers.FRAMING, hang_up=True)
            return
        # An absent body is checked like any other: the client may send one all the same.
        if not may_have_body(scope, exchange.request):
            exchange = replace(exchange, request=replace(exchange.request, content=b""))
        outcome = await self._ask(exchange)
        if isinstance(outcome, Rejected) and outcome.reason == BODY_REQUIRED and exchange.request.content is None:
            await self._ask_with_body(exchange)
            return
        await self._go_on(exchange, outcome)

    async def _ask(self, exchange: Exchange) -> Verified | Rejected | Answer:
        try:
            verdict = await self._verifier.verify(
                exchange.request, self._demand, request_id=exchange.request_id, lease_signing_key=self._lease_signing_key
            )
        except VerifierError as error:
            _log.error("request %s has no verdict: %r", exchange.request_id, error)
            return answers.answer_without_verdict(error)
        if isinstance(verdict, Rejected):
            _log.info("request %s refused: %s, %r", exchange.request_id, verdict.reason, verdict.detail)
        return verdict

    async def _ask_with_body(self, exchange: Exchange) -> None:
        """Ask again with the body's hash: the signature covers it, and the head alone does not tell it.

        Webhooks sign the body itself, and forms carry their signature in it: for them the hash is not enough either.
        """
        with SetAsideBody(exchange.receive, self._strangers_room, self._bodies.max_set_aside) as body:
            digest = await self._read_aside(exchange, body.read())
            if digest is None:
                return
            again = exchange.asking_with(body, replace(exchange.request, content_sha256=digest))
            outcome = await self._ask(again)
            if isinstance(outcome, Rejected) and outcome.reason == BODY_REQUIRED:
                if body.length > self._bodies.max_sent:
                    await self._refuse(again, answers.BODY_TOO_LARGE, body_read=True)
                    return
                again = exchange.asking_with(body, replace(exchange.request, content=body.content()))
                outcome = await self._ask(again)
            await self._go_on(again, outcome)

    async def _read_aside(self, exchange: Exchange, reading: Awaitable[_T]) -> _T | None:
        """Read a body to its end, and answer the client where that cannot be done; None then."""
        try:
            return await reading
        except ClientGone:
            _log.info("request %s ended: the client left before the end of its body", exchange.request_id)
        except BodyTooLarge:
            await self._refuse(exchange, answers.BODY_TOO_LARGE)
        except NoRoom:
            _log.warning("request %s turned away: too many bodies lie aside", exchange.request_id)
            await self._refuse(exchange, answers.SLOW_DOWN)
        return None

    async def _go_on(self, exchange: Exchange, outcome: Verified | Rejected | Answer) -> None:
        if isinstance(outcome, Rejected):
            await self._refuse(exchange, answer_for(outcome))
        elif isinstance(outcome, Answer):
            await self._refuse(exchange, outcome)
        elif (refused := self._objection(exchange, outcome)) is not None:
            _log.info("request %s verified, but refused here: %s", exchange.request_id, refused.code)
            await self._refuse(exchange, refused)
        else:
            await self._let_through(exchange, outcome)

    def _objection(self, exchange: Exchange, verified: Verified) -> Answer | None:
        refused = uncovered(verified, self._required_parts, self._demand)
        return refused or objection(verified, exchange.request, exchange.scope, self._allow_unsigned_payload)

    async def _let_through(self, exchange: Exchange, verified: Verified) -> None:
        # Where no path is covered, the application was said not to act on it, and has the one that arrived.
        scope = with_verified_path(exchange.scope, verified.verified_path) if verified.coverage.path else dict(exchange.scope)
        scope["headers"] = headers_for_application(
            exchange.request.headers, verified, self._prefix, frames=scope["type"] == "websocket"
        )
        scope["counterseal"] = verified
        duty, whole = verified.payload_duty, WholeBody(exchange.receive)
        if scope["type"] == "websocket":
            await self._app(scope, exchange.receive, exchange.send)
        elif isinstance(duty, ChunksToVerify):
            await self._with_chunks(exchange, scope, duty)
        elif isinstance(duty, ChunkUnsigned):
            await self._with_held_body(exchange, scope, duty)
        elif exchange.request.content == b"":
            await self._run(exchange, scope, CheckedBody(whole, NOTHING_SHA256))
        elif isinstance(duty, BodySha256) and not self._bodies.hold_hashed:
            await self._run(exchange, scope, CheckedBody(whole, duty.sha256))
        elif isinstance(duty, BodySha256 | BodyDigests):
            await self._with_held_body(exchange, scope, duty)
        else:
            await self._run(exchange, scope, whole)

    async def _with_chunks(self, exchange: Exchange, scope: Scope, duty: ChunksToVerify) -> None:
        """Run the application on a body of which every piece is verified before it has it."""
        whole = WholeBody(exchange.receive)
        try:
            body = open_chunks(whole, duty, self._verifier, self._chunks_room, exchange.request_id, self._bodies.limits)
        except ValueError as error:
            _log.error("request %s: the service's answer about the chunks makes no sense: %r", exchange.request_id, error)
            await self._refuse(exchange, answers.UNAVAILABLE)
            return
        scope["headers"] = decoded_headers(scope["headers"], duty.decoded_length, None)
        with body:
            await self._run(exchange, scope, body)

    async def _with_held_body(self, exchange: Exchange, scope: Scope, duty: BodySha256 | BodyDigests | ChunkUnsigned) -> None:
        """Read a body that counts only at its end, and run the application on it once it has proved right."""
        with HeldBody(exchange.receive, self._held_room, self._bodies.max_held) as body:
            end = await self._read_aside(exchange, body.read(BodyVerifier(duty, limits=self._bodies.limits)))
            chunked = isinstance(duty, ChunkUnsigned)
            if isinstance(end, BodyRejected):
                _log.info("request %s: the body is refused: %s, %r", exchange.request_id, end.reason.value, end.detail)
                await self._refuse(exchange, answer_for_body(end, chunked=chunked), body_read=body.ended, reading=body.begun)
            elif end is not None:
                if chunked:
                    scope["headers"] = decoded_headers(scope["headers"], end.length, dict(end.trailers))
                await self._run(exchange, scope, body)

    async def _run(self, exchange: Exchange, scope: Scope, body: Body) -> None:
        """Run the application on a body, and answer the client when the body proves wrong."""
        send = GuardedSend(exchange.send, lambda: body.failure is not None or body.gone)
        try:
            await self._app(scope, body, send)
        except Exception as error:
            # Whatever an application makes of BodyMismatch or ClientGone, its cause is known here.
            if body.failure is None and not body.gone:
                raise
            if body.failure is not None and send.started:  # the answer is under way: only breaking it off tells the client
                raise BodyMismatch from error
        if body.failure is not None:
            if send.started:
                raise BodyMismatch
            _log.info("request %s refused: the body is not the one that was signed", exchange.request_id)
            await self._refuse(exchange, body.failure, body_read=body.ended, reading=True)
        elif body.gone:
            _log.info("request %s ended: the client left before the end of its body", exchange.request_id)

    async def _refuse(
        self, exchange: Exchange, answer: Answer, *, body_read: bool = False, reading: bool = False, hang_up: bool = False
    ) -> None:
        """Answer the client.

        `body_read`: its body was read to the end; `reading`: at least its beginning was. `hang_up`: end the connection in any
        case, because nobody knows where the body ends.
        """
        request, scope = exchange.request, exchange.scope
        drained = body_read or not may_have_body(scope, request)
        # Who expects 100-continue has not sent the body, and reading it would ask for it.
        if not drained and (reading or not header_values(request, b"expect")):
            drained = await drain(exchange.receive)
        await send_answer(
            exchange.send,
            scope,
            request,
            answer,
            form=self._errors,
            request_id=exchange.request_id,
            drained=drained and not hang_up,
        )
