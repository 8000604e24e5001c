"""A session service whose answers a test chooses, over real gRPC: what it may say, and what it should never say."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any, cast

import grpc

from counterseal.v1 import sessions_pb2 as pb
from counterseal.v1 import sessions_pb2_grpc as pb_grpc

NOW = 1_700_000_000
SESSION_ID = "MINE" + "A" * 20
OTHER_ID = "HERS" + "B" * 20
PASSWORD = "correct horse battery staple"
TOKEN = "cstk_CSBT" + "C" * 20 + "_" + "t" * 49


def refresh_token(session_id: str = SESSION_ID, fill: str = "r") -> str:
    return f"csrt_{session_id}_{fill * 71}"


def session(session_id: str = SESSION_ID, state: int = pb.SESSION_STATE_ACTIVE) -> pb.Session:
    message = pb.Session(session_id=session_id, tenant="default", principal="alice", method="password")
    message.MergeFromString(bytes([0x20, state]))  # as a newer service would: the enum refuses numbers that it does not know
    message.expire_time.FromSeconds(NOW + 43_200)
    message.idle_expire_time.FromSeconds(NOW + 3_600)
    return message


def signed_in(session_id: str = SESSION_ID, *, with_token: bool = True, with_key: bool = True, **changes: Any) -> pb.SignedIn:
    """A complete SignedIn; `changes` replace its fields, and None leaves one out."""
    message = pb.SignedIn(session=session(session_id), refresh_token=refresh_token(session_id, "n"))
    message.server_time.FromSeconds(NOW)
    if with_token:
        message.access_token.CopyFrom(pb.AccessToken(token=TOKEN, key_id="CSBT" + "C" * 20))
        message.access_token.expire_time.FromSeconds(NOW + 900)
    if with_key:
        message.key.CopyFrom(pb.SessionKey(key_id="CSPK" + "K" * 20, algorithm="ecdsa-p256-sha256"))
        message.key.expire_time.FromSeconds(NOW + 3_600)
    for name, value in changes.items():
        message.ClearField(name)
        if value is not None:
            message.MergeFrom(pb.SignedIn(**{name: value}))
    return message


def refused(reason: int, **fields: Any) -> pb.SessionRefused:
    message = pb.SessionRefused(detail="for the log alone", **fields)
    message.MergeFromString(bytes([0x08, reason]))
    return message


def credentials() -> pb.TemporaryCredentials:
    message = pb.TemporaryCredentials(key_id="CSTC" + "D" * 20, secret="the secret of it", security_token="the token of it")
    message.expire_time.FromSeconds(NOW + 3_600)
    return message


def signed_out(session_id: str = SESSION_ID, state: int = pb.SESSION_STATE_ENDED) -> pb.SignedOut:
    message = pb.SignedOut(session=session(session_id, state))
    message.effective_time.FromSeconds(NOW + 1)
    return message


class SessionStub(pb_grpc.SessionServiceServicer):
    """Answers each method with what `answers` holds for it: a message, a code, or a function of the request."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "SignIn": pb.SignInResponse(signed_in=signed_in()),
            "Exchange": pb.ExchangeResponse(signed_in=signed_in()),
            "Refresh": pb.RefreshResponse(signed_in=signed_in()),
            "SignOut": pb.SignOutResponse(signed_out=signed_out()),
            "ListSessions": pb.ListSessionsResponse(sessions=[session()]),
            "RegisterSessionKey": pb.RegisterSessionKeyResponse(key=signed_in().key),
            "IssueTemporaryCredentials": pb.IssueTemporaryCredentialsResponse(credentials=credentials()),
        }
        self.asked: list[tuple[str, Any]] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.address = ""
        self._lock = threading.Lock()

    def requests(self, method: str) -> list[Any]:
        return [request for name, request in self.asked if name == method]

    def answer(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        with self._lock:
            self.asked.append((method, request))
            self.metadata.append({item[0]: item[1] for item in context.invocation_metadata()})
            found = self.answers[method]
            if isinstance(found, list):
                found = found.pop(0)
        answer = found(request) if callable(found) and not isinstance(found, grpc.StatusCode) else found
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "the stub says so")
        return answer

    def SignIn(self, request: pb.SignInRequest, context: grpc.ServicerContext) -> pb.SignInResponse:
        return cast("pb.SignInResponse", self.answer("SignIn", request, context))

    def Exchange(self, request: pb.ExchangeRequest, context: grpc.ServicerContext) -> pb.ExchangeResponse:
        return cast("pb.ExchangeResponse", self.answer("Exchange", request, context))

    def Refresh(self, request: pb.RefreshRequest, context: grpc.ServicerContext) -> pb.RefreshResponse:
        return cast("pb.RefreshResponse", self.answer("Refresh", request, context))

    def SignOut(self, request: pb.SignOutRequest, context: grpc.ServicerContext) -> pb.SignOutResponse:
        return cast("pb.SignOutResponse", self.answer("SignOut", request, context))

    def ListSessions(self, request: pb.ListSessionsRequest, context: grpc.ServicerContext) -> pb.ListSessionsResponse:
        return cast("pb.ListSessionsResponse", self.answer("ListSessions", request, context))

    def RegisterSessionKey(
        self, request: pb.RegisterSessionKeyRequest, context: grpc.ServicerContext
    ) -> pb.RegisterSessionKeyResponse:
        return cast("pb.RegisterSessionKeyResponse", self.answer("RegisterSessionKey", request, context))

    def IssueTemporaryCredentials(
        self, request: pb.IssueTemporaryCredentialsRequest, context: grpc.ServicerContext
    ) -> pb.IssueTemporaryCredentialsResponse:
        return cast("pb.IssueTemporaryCredentialsResponse", self.answer("IssueTemporaryCredentials", request, context))


@contextlib.contextmanager
def running_session_stub() -> Iterator[SessionStub]:
    service = SessionStub()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    pb_grpc.add_SessionServiceServicer_to_server(service, server)
    service.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield service
    finally:
        server.stop(None).wait()
