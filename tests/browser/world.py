"""The demonstration as a user meets it: two replicas of the service, and before each a front that serves the page, the session
endpoints and an API behind the gateway."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx

from counterseal.v1 import verification_pb2 as pb
from counterseal.v1 import verification_pb2_grpc as pb_grpc
from tests.server.calls import outcome
from tests.support import leaks
from tests.support.process import RunningServer
from tests.support.sign_in import Front
from tests.support.web_example import running_example


@dataclass(frozen=True)
class Captured:
    """A request as it left the browser: what an eavesdropper has. `origin` is scheme, host and port."""

    method: str
    origin: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        return dict(self.headers)


def resend(captured: Captured) -> httpx.Response:
    """Send it again as it is, from a program that knows nothing else: without the browser's cookies or keys."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        request = client.build_request(
            captured.method, captured.origin + captured.target, headers=captured.fields, content=captured.body or None
        )
        return client.send(request)


def ask(server: RunningServer, captured: Captured) -> str:
    """Have one replica verify it, as its gateway would; return `verified`, or the reason of the refusal."""
    with grpc.insecure_channel(server.address) as channel:
        return outcome(pb_grpc.VerificationServiceStub(channel).Verify(as_message(captured), timeout=60))


def as_message(captured: Captured) -> pb.VerifyRequest:
    scheme, _, authority = captured.origin.partition("://")
    fields = {"host": authority, **captured.fields}
    return pb.VerifyRequest(
        http_request=pb.HttpRequest(
            method=captured.method,
            scheme=scheme,
            target=captured.target.encode(),
            headers=[pb.Header(name=name, value=value.encode()) for name, value in fields.items()],
            content=captured.body,
        )
    )


@dataclass
class Site:
    """`origins[n]` is served by a front that has `servers[n]` verify; `front` calls SessionService without the page."""

    servers: tuple[RunningServer, ...]
    origins: tuple[str, ...]
    logs: tuple[Path, ...]
    front: Front
    _seen: int = 0

    @property
    def url(self) -> str:
        return self.origins[0] + "/"

    def logged(self) -> str:
        """Return what the fronts have logged, all of it."""
        return "".join(log.read_text(errors="replace") for log in self.logs)

    def newly_logged(self) -> str:
        """Return what the first front has logged since it was last asked: it names the reasons of refusals."""
        text = self.logs[0].read_text(errors="replace")
        new, self._seen = text[self._seen :], len(text)
        return new


@contextlib.contextmanager
def running_front(server: RunningServer, token: str, log: Path) -> Iterator[str]:
    """Start `examples/web/serve.py`; yield its origin. What it logged is kept for the search for leaked secrets."""
    try:
        with running_example(server.address, token, log) as origin:
            yield origin
    finally:
        leaks.let_out("front", log.read_text(errors="replace"))
