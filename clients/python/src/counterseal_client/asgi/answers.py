"""What a refused client is answered: S3's XML form, or JSON. Never more than the service calls public."""

import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape

from counterseal.core import model as core
from counterseal.core.model import Reason
from counterseal_client._reasons import CALLER_LIMIT
from counterseal_client.asgi.head import header_values
from counterseal_client.asgi.types import Message, Scope, Send
from counterseal_client.errors import RequestNotAccepted, VerifierError
from counterseal_client.model import HttpRequest, Rejected


class ErrorForm(enum.Enum):
    """The form of an error's body. AUTO: JSON for clients that sent or want JSON, else XML."""

    AUTO = "auto"
    XML = "xml"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An error as the client gets it. Times are there when a clock is the problem, so that SDKs can correct theirs."""

    status: int
    code: str
    message: str
    server_time: datetime | None = None
    allowed_skew: timedelta | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


UNAVAILABLE: Final = Answer(status=503, code="ServiceUnavailable", message="Please try again.")
# S3's name for it, which SDKs know as a reason to pause and try again.
SLOW_DOWN: Final = Answer(status=503, code="SlowDown", message="Please reduce your request rate.")
NOT_ACCEPTED: Final = Answer(status=500, code="InternalError", message="The request could not be verified.")
BODY_MISMATCH: Final = Answer(
    status=400,
    code="XAmzContentSHA256Mismatch",
    message="The provided x-amz-content-sha256 header does not match what was computed.",
)
BODY_TOO_LARGE: Final = Answer(status=413, code="EntityTooLarge", message="The body is too large to be verified.")
CHUNKS_NOT_CHECKED: Final = Answer(
    status=501, code="NotImplemented", message="Signed chunks are not checked here: sign the whole body."
)
CHUNK_MISMATCH: Final = Answer(
    status=403, code="SignatureDoesNotMatch", message="A chunk of the body, or its trailer, is not what was signed."
)
CHUNKS_MALFORMED: Final = Answer(
    status=400, code="InvalidRequest", message="The body's chunks or trailer are malformed or cut short."
)
CHECKSUM_MISMATCH: Final = Answer(
    status=400, code="BadDigest", message="The body's length or checksum is not the one that was announced."
)
CHECKSUM_UNKNOWN: Final = Answer(
    status=501, code="NotImplemented", message="The body's checksum cannot be computed here: choose another one."
)
FRAMING: Final = Answer(
    status=400, code="InvalidRequest", message="Content-Length and Transfer-Encoding must say once where the body ends."
)
UNSIGNED_BODY: Final = Answer(status=403, code="AccessDenied", message="The body must be signed.")
NOT_SIGNED: Final = Answer(status=403, code="AccessDenied", message="Requests must be signed here.")
NOT_COVERED: Final = Answer(status=403, code="AccessDenied", message="The signature must cover method, path and query.")


_OF_CHUNKS: Final = {
    Reason.MISMATCH: CHUNK_MISMATCH,
    Reason.PAYLOAD_MISMATCH: CHECKSUM_MISMATCH,
    Reason.UNSUPPORTED_SCHEME: CHECKSUM_UNKNOWN,
}


def answer_for_body(rejected: core.Rejected, *, chunked: bool) -> Answer:
    """Return what the client is told about a body that was refused here. `chunked`: it came in chunks."""
    if not chunked and rejected.reason is Reason.PAYLOAD_MISMATCH:
        return BODY_MISMATCH
    return _OF_CHUNKS.get(rejected.reason, CHUNKS_MALFORMED)


def answer_without_verdict(error: VerifierError) -> Answer:
    """Return what the client is told when nobody knows. It never learns more than whether to try again."""
    if isinstance(error, RequestNotAccepted):
        return NOT_ACCEPTED
    # The gateway makes more calls than it may: fewer requests are what helps, and SDKs slow down at this name.
    return SLOW_DOWN if error.reason == CALLER_LIMIT else UNAVAILABLE


def answer_for(rejected: Rejected) -> Answer:
    """Return what the client is told about a refusal."""
    skewed = rejected.code == "RequestTimeTooSkewed"
    return Answer(
        status=rejected.http_status,
        code=rejected.code,
        message=rejected.message,
        server_time=rejected.server_time if skewed else None,
        allowed_skew=rejected.allowed_skew if skewed else None,
        headers=rejected.headers,
    )


async def send_answer(
    send: Send, scope: Scope, request: HttpRequest, answer: Answer, *, form: ErrorForm, request_id: str, drained: bool
) -> None:
    """Answer the client and end the exchange: a response for HTTP, a refused handshake for a websocket.

    `drained` says whether the client's body was read to its end.
    """
    body, fields = _body(answer, _wants_json(form, request), request_id)
    headers = [
        *fields,
        *answer.headers,
        (b"content-length", str(len(body)).encode()),
        (b"x-amz-request-id", request_id.encode()),
        (b"cache-control", b"no-store"),
    ]
    if answer.status == 503:
        headers.append((b"retry-after", b"1"))
    if not drained and str(scope.get("http_version", "1.1")).startswith("1"):
        # A connection that is closed cannot take the rest of the body for the next request.
        headers.append((b"connection", b"close"))
    if scope["type"] == "websocket":
        await _refuse_websocket(send, scope, answer.status, headers, body)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _refuse_websocket(send: Send, scope: Scope, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
        return
    await send({"type": "websocket.close", "code": 1008})  # before accept: the server answers 403


def _wants_json(form: ErrorForm, request: HttpRequest) -> bool:
    if form is not ErrorForm.AUTO:
        return form is ErrorForm.JSON
    seen = header_values(request, b"content-type") + header_values(request, b"accept")
    return any(b"json" in value.lower() for value in seen)


def _body(answer: Answer, as_json: bool, request_id: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    times = _times(answer)
    if as_json:
        # `__type` is where the JSON protocols of AWS look for the code, `message` where they look for the text.
        content = {"__type": answer.code, "message": answer.message, **times, "requestId": request_id}
        return json.dumps(content).encode(), [
            (b"content-type", b"application/json"),
            (b"x-amzn-errortype", answer.code.encode()),
        ]
    fields = {"Code": answer.code, "Message": answer.message, **times, "RequestId": request_id}
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode(), [(b"content-type", b"application/xml")]


def _times(answer: Answer) -> dict[str, str]:
    times = {}
    if answer.server_time is not None:
        times["ServerTime"] = answer.server_time.strftime("%Y-%m-%dT%H:%M:%SZ")
    if answer.allowed_skew is not None:
        times["MaxAllowedSkewMilliseconds"] = str(int(answer.allowed_skew.total_seconds() * 1000))
    return times


class GuardedSend:
    """A `send` that can be closed: what the application says after its body proved wrong does not reach the client."""

    def __init__(self, send: Send, silenced: Callable[[], bool]) -> None:
        self._send = send
        self._silenced = silenced
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Pass `message` on, or drop it."""
        if self._silenced():
            return
        self.started = self.started or message["type"] == "http.response.start"
        await self._send(message)
