"""A server inside the test's process with people who sign in, a clock that the test moves, and requests that they send."""

import dataclasses
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from google.protobuf.duration_pb2 import Duration
from prometheus_client import generate_latest

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.core.schemes.rfc9421.sign import sign
from counterseal.server import app
from counterseal.server.callers import ADMIN_FILE
from counterseal.server.config import load_config
from counterseal.server.telemetry.log import open_log
from counterseal.v1 import audit_pb2, audit_pb2_grpc, callers_pb2, callers_pb2_grpc
from counterseal.v1 import principals_pb2 as ppb
from counterseal.v1 import sessions_pb2 as pb
from counterseal.v1 import verification_pb2 as vpb
from counterseal.v1.principals_pb2_grpc import PrincipalServiceStub
from counterseal.v1.sessions_pb2_grpc import SessionServiceStub
from tests.server.calls import Client, Metadata, bearer, outcome
from tests.support import leaks

PASSWORD = "correct horse battery"
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclasses.dataclass
class Clock:
    """Unix seconds, moved by the test; and once it is stopped, by nothing else."""

    ahead: float = 0.0
    stopped: float | None = None

    def __call__(self) -> float:
        return (time.time() if self.stopped is None else self.stopped) + self.ahead

    def stop(self) -> None:
        self.stopped = time.time()


class People:
    """SessionService and what stands around it. `metadata` is what calls carry: the administrator's, unless it is changed."""

    def __init__(self, service: app.Service, channel: grpc.Channel, admin: Metadata, clock: Clock, stream: io.StringIO) -> None:
        self.service = service
        self.channel = channel
        self.admin = self.metadata = admin
        self.clock = clock
        self.stream = stream
        self.sessions = SessionServiceStub(channel)
        self.principals = PrincipalServiceStub(channel)
        self.client = Client(channel, admin)

    def log(self) -> str:
        return self.stream.getvalue()

    def add(self, name: str = "alice", **fields: Any) -> None:
        request = ppb.CreatePrincipalRequest(principal=ppb.Principal(name=name, **fields), password=PASSWORD)
        self.principals.CreatePrincipal(request, metadata=self.admin)

    def caller(self, name: str, role: str = "SESSIONS", *tenants: str) -> Metadata:
        caller = callers_pb2.Caller(
            name=name,
            role=getattr(callers_pb2, f"CALLER_ROLE_{role}"),
            limits=callers_pb2.CallerLimits(tenants=tenants),
        )
        request = callers_pb2.CreateCallerRequest(caller=caller, bearer_token=True)
        return bearer(callers_pb2_grpc.CallerServiceStub(self.channel).CreateCaller(request, metadata=self.admin).bearer_token)

    def try_sign_in(self, name: str = "alice", password: str = PASSWORD, source: str = "", **fields: Any) -> pb.SignInResponse:
        request = pb.SignInRequest(principal=name, password=password, client=pb.ClientDetails(source_address=source), **fields)
        return self.sessions.SignIn(request, metadata=self.metadata)

    def sign_in(self, name: str = "alice", password: str = PASSWORD, source: str = "", **fields: Any) -> pb.SignedIn:
        answer = self.try_sign_in(name, password, source, **({"access_token": True} | fields))
        assert answer.WhichOneof("outcome") == "signed_in", answer.refused
        return answer.signed_in

    def try_refresh(self, token: str, request_id: str = "", *, access_token: bool = True, **fields: Any) -> pb.RefreshResponse:
        request = pb.RefreshRequest(refresh_token=token, request_id=request_id, access_token=access_token, **fields)
        return self.sessions.Refresh(request, metadata=self.metadata)

    def refresh(self, token: str, request_id: str = "", **fields: Any) -> pb.SignedIn:
        answer = self.try_refresh(token, request_id, **fields)
        assert answer.WhichOneof("outcome") == "signed_in", answer.refused
        return answer.signed_in

    def sign_out(self, **which: Any) -> pb.SignOutResponse:
        return self.sessions.SignOut(pb.SignOutRequest(**which), metadata=self.metadata)

    def register(self, key: pb.SessionPublicKey, **which: Any) -> pb.RegisterSessionKeyResponse:
        request = pb.RegisterSessionKeyRequest(public_key=key, **which)
        return self.sessions.RegisterSessionKey(request, metadata=self.metadata)

    def credentials(self, seconds: int = 900, **fields: Any) -> pb.IssueTemporaryCredentialsResponse:
        request = pb.IssueTemporaryCredentialsRequest(duration=Duration(seconds=seconds), **fields)
        return self.sessions.IssueTemporaryCredentials(request, metadata=self.metadata)

    def listed(self, **fields: Any) -> list[pb.Session]:
        answer = self.sessions.ListSessions(pb.ListSessionsRequest(**fields), metadata=self.metadata)
        return list(answer.sessions)

    def verify_token(self, token: str) -> str:
        return outcome(self.client.verification.Verify(with_token(token)))

    def verify_signed(self, key: PrivateKey, key_id: str) -> vpb.VerifyResponse:
        answer: vpb.VerifyResponse = self.client.verification.Verify(signed(key, key_id, int(self.clock())))
        return answer

    def audit(self) -> list[audit_pb2.AuditEntry]:
        request = audit_pb2.ListAuditEntriesRequest(page_size=1000)
        stub = audit_pb2_grpc.AuditServiceStub(self.channel)
        return list(stub.ListAuditEntries(request, metadata=self.admin).entries)


@contextmanager
def serving_people(data_dir: Path, **settings: str) -> Iterator[People]:
    """Serve inside this process. At the end its log and metrics are kept for the search for leaked secrets."""
    given = {"DATA_DIR": str(data_dir), "LISTEN": "127.0.0.1:0", "METRICS_LISTEN": "", "STORE_TIMEOUT": "60", **settings}
    config = load_config({f"COUNTERSEAL_{name}": value for name, value in given.items()})
    stream, clock = io.StringIO(), Clock()
    try:
        with (
            app.serving(config, open_log("debug", stream), clock=clock) as service,
            grpc.insecure_channel(str(service.address)) as channel,
        ):
            admin = bearer((data_dir / ADMIN_FILE).read_text().strip())
            yield People(service, channel, admin, clock, stream)
            leaks.let_out("metrics", generate_latest(service.metrics.registry).decode())
    finally:
        leaks.let_out("in-process", stream.getvalue())


def cheap_hasher() -> PasswordHasher:
    """Hash passwords at a price that tests can pay, where they are not about the price."""
    return PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def with_token(token: str) -> vpb.VerifyRequest:
    """A request with a bearer token, as a gateway hands it over."""
    headers = [("host", b"api.example.com"), ("authorization", b"Bearer " + token.encode())]
    return vpb.VerifyRequest(
        http_request=vpb.HttpRequest(
            method="GET", target=b"/orders", headers=[vpb.Header(name=name, value=value) for name, value in headers]
        )
    )


def public(key: PrivateKey) -> pb.SessionPublicKey:
    """The public half of a key, as a client sends it."""
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pb.SessionPublicKey(pem=pem.decode())


def signed(key: PrivateKey, key_id: str, now: int) -> vpb.VerifyRequest:
    """A request signed with a key that a client made (RFC 9421), as a gateway hands it over."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    request = HttpRequest(method=b"GET", target=b"/orders", headers=((b"host", b"api.example.com"),), content=b"")
    credentials = Credentials(key_id=key_id, private_key=pem)
    sent = sign(request, credentials, Signing(now=now))
    return vpb.VerifyRequest(
        http_request=vpb.HttpRequest(
            method="GET",
            target=b"/orders",
            headers=[vpb.Header(name=name.decode(), value=value) for name, value in sent.headers],
        )
    )


def reason(refused: pb.SessionRefused) -> str:
    return pb.SessionReason.Name(refused.reason).removeprefix("SESSION_REASON_")
