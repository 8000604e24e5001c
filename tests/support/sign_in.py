"""Principals and sessions on a running server, as an administrator and a front have them."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from google.protobuf.duration_pb2 import Duration

from counterseal.v1 import sessions_pb2 as pb
from counterseal.v1.sessions_pb2_grpc import SessionServiceStub
from tests.server.calls import Metadata, bearer
from tests.support.process import RunningServer

PASSWORD = "correct horse battery"


def run_cli(server: RunningServer, *arguments: str, stdin: str = "") -> str:
    """Run `counterseal` as the server's administrator; return what it printed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSEAL_")}
    env |= {name: os.environ[name] for name in os.environ if name.startswith("COUNTERSEAL_TEST_")}
    env |= {"COUNTERSEAL_SERVER": server.address, "COUNTERSEAL_TOKEN": server.admin_token}
    command = [sys.executable, "-m", "counterseal.server.cli.main", *arguments]
    done = subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{arguments[:2]}: {done.returncode}: {done.stderr}"
    return done.stdout


def add_principal(server: RunningServer, name: str = "alice", password: str = PASSWORD) -> None:
    run_cli(server, "principals", "add", name, "--password-stdin", stdin=password + "\n")


def add_front(server: RunningServer, name: str = "web") -> str:
    """Create a caller of the role `sessions`; return its bearer token."""
    return str(json.loads(run_cli(server, "callers", "create", name, "--role", "sessions", "--json"))["bearer_token"])


@dataclass
class Front:
    """SessionService as a front calls it, without the front."""

    stub: SessionServiceStub
    metadata: Metadata = field(repr=False)

    def sign_in(self, name: str = "alice", password: str = PASSWORD) -> pb.SignedIn:
        request = pb.SignInRequest(principal=name, password=password, access_token=True)
        answer = self.stub.SignIn(request, metadata=self.metadata, timeout=120)
        assert answer.WhichOneof("outcome") == "signed_in", answer.refused
        return answer.signed_in

    def credentials(self, session_id: str, seconds: int = 900) -> pb.TemporaryCredentials:
        request = pb.IssueTemporaryCredentialsRequest(session_id=session_id, duration=Duration(seconds=seconds))
        answer = self.stub.IssueTemporaryCredentials(request, metadata=self.metadata, timeout=120)
        assert answer.WhichOneof("outcome") == "credentials", answer.refused
        return answer.credentials

    def sign_out(self, session_id: str, *, wait: bool = False) -> pb.SignedOut:
        answer = self.stub.SignOut(pb.SignOutRequest(session_id=session_id, wait=wait), metadata=self.metadata, timeout=120)
        assert answer.WhichOneof("outcome") == "signed_out", answer.refused
        return answer.signed_out


@contextlib.contextmanager
def open_front(server: RunningServer, token: str) -> Iterator[Front]:
    with server.channel() as channel:
        yield Front(SessionServiceStub(channel), bearer(token))
