"""What the gateway is told, kept for the page to show. A real application would tell its users none of this."""

import hashlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from answering import answer_json

from counterseal_client import (
    AlreadyChecked,
    AsyncVerifier,
    BodyDigests,
    BodySha256,
    ChunksVerified,
    Demand,
    HttpRequest,
    Link,
    Rejected,
    Verdict,
    VerifierError,
)

# The page makes up an id that nobody can guess, and sends it along: it is told about its own requests and no others.
PAGE_ID = b"x-page-id"
LEAST_ID = 16
KEPT = 300
SHOWN = 20


class Told:
    """A verifier that writes down what it is asked and told; and `GET /api/told`, which reads it out."""

    def __init__(self, verifier: AsyncVerifier) -> None:
        self.verifier = verifier
        self.kept: deque[tuple[bytes, dict[str, Any]]] = deque(maxlen=KEPT)
        self.seen: deque[bytes] = deque(maxlen=KEPT)

    async def verify(
        self,
        request: HttpRequest,
        demand: Demand | None = None,
        *,
        request_id: str | None = None,
        lease_signing_key: bool = False,
    ) -> Verdict:
        """Pass the question on, and keep the answer."""
        try:
            verdict = await self.verifier.verify(request, demand, request_id=request_id, lease_signing_key=lease_signing_key)
        except VerifierError as error:
            self.keep(request, {"verdict": "no answer", "reason": error.code})
            raise
        self.keep(request, self.described(request, verdict))
        return verdict

    async def verify_chunks(
        self, continuation: bytes, chunks: Sequence[Link], trailer: Link | None = None, *, request_id: str | None = None
    ) -> ChunksVerified | Rejected:
        """Pass the question on: no browser sends such bodies."""
        return await self.verifier.verify_chunks(continuation, chunks, trailer, request_id=request_id)

    def keep(self, request: HttpRequest, answer: dict[str, Any]) -> None:
        pages = [value for name, value in request.headers if name.lower() == PAGE_ID]
        if len(pages) == 1 and len(pages[0]) >= LEAST_ID:
            target = request.target[:200].decode("latin-1")
            asked = {"time": int(time.time() * 1000), "method": request.method, "target": target}
            self.kept.append((hashlib.sha256(pages[0]).digest(), asked | answer))

    def described(self, request: HttpRequest, verdict: Verdict) -> dict[str, Any]:
        """Return what a verdict says, without anything that lets in: no token, no signature."""
        if isinstance(verdict, Rejected):
            return {"verdict": "rejected", "reason": verdict.reason, "detail": verdict.detail, "publicCode": verdict.code}
        return {
            "verdict": "verified",
            "scheme": verdict.scheme,
            "principal": verdict.principal,
            "keyId": verdict.key_id,
            "session": verdict.session_id,
            "covered": list(verdict.coverage.components),
            "body": body_of(verdict.payload_duty),
            "again": self.again(request, verdict.scheme),
        }

    def again(self, request: HttpRequest, scheme: str) -> str:
        """Say whether this same request was verified before: it is, where no guard remembers it."""
        if scheme == "bearer":
            return "a bearer token may be used again"
        signature = b"".join(value for name, value in request.headers if name.lower() in {b"signature", b"signature-input"})
        digest = hashlib.sha256(signature).digest()
        if digest not in self.seen:
            self.seen.append(digest)
            return "seen for the first time"
        return "seen before, and verified again"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        if scope["method"] != "GET":
            await answer_json(send, 405, {"error": "GET"})
            return
        pages = [hashlib.sha256(value).digest() for name, value in scope["headers"] if name == PAGE_ID]
        mine = [told for page, told in self.kept if pages == [page]]
        await answer_json(send, 200, {"told": mine[: -SHOWN - 1 : -1]})


def body_of(duty: Any) -> str:
    """Say what the gateway still has to check about the body."""
    match duty:
        case AlreadyChecked():
            return "checked"
        case BodySha256() | BodyDigests():
            return "must have the digest that was signed: the gateway compares it before the application sees it"
        case _:
            return "not covered"
