"""`kill -9` amid changes of principals: a principal is out with all that its sessions gave out, or in with all of it."""

import contextlib
import random
import threading
import time
from pathlib import Path

import grpc

from counterseal.v1 import principals_pb2 as pb
from counterseal.v1 import sessions_pb2, sessions_pb2_grpc
from counterseal.v1.principals_pb2_grpc import PrincipalServiceStub
from tests.server.calls import Client, bearer
from tests.server.sessions.people import with_token
from tests.support.process import RunningServer, start_server
from tests.support.sign_in import PASSWORD

KILLS = 2
PEOPLE = 4
SESSIONS = 3  # of each: the more there are, the longer the transaction


class Life:
    """A server from its start to its end, and an administrator at it."""

    def __init__(self, folder: Path) -> None:
        self.server: RunningServer = start_server(folder / "data", SIGN_INS_AT_ONCE="4")
        self.channel = self.server.channel()
        self.admin = bearer(self.server.admin_token)
        self.principals = PrincipalServiceStub(self.channel)
        self.sessions = sessions_pb2_grpc.SessionServiceStub(self.channel)
        self.client = Client(self.channel, self.admin)

    def add(self, name: str) -> list[str]:
        """Create a principal that is signed in; return the bearer tokens."""
        self.principals.CreatePrincipal(
            pb.CreatePrincipalRequest(principal=pb.Principal(name=name), password=PASSWORD), metadata=self.admin
        )
        wanted = sessions_pb2.SignInRequest(principal=name, password=PASSWORD, access_token=True)
        answers = [self.sessions.SignIn(wanted, metadata=self.admin, timeout=60) for _ in range(SESSIONS)]
        return [answer.signed_in.access_token.token for answer in answers]

    def disable(self, name: str) -> None:
        request = pb.UpdatePrincipalRequest(principal=pb.Principal(name=name, state=pb.PRINCIPAL_STATE_DISABLED))
        request.update_mask.paths.append("state")
        self.principals.UpdatePrincipal(request, metadata=self.admin)

    def is_out(self, name: str, tokens: list[str]) -> bool:
        """Say whether a principal is disabled, once its sessions and their keys were found to say the same."""
        found = self.principals.GetPrincipal(pb.GetPrincipalRequest(name=name), metadata=self.admin).principal
        out: bool = found.state == pb.PRINCIPAL_STATE_DISABLED
        listed = self.sessions.ListSessions(sessions_pb2.ListSessionsRequest(principal=name), metadata=self.admin)
        assert len(listed.sessions) == (0 if out else SESSIONS)
        verdicts = {self.client.verify(with_token(token), self.admin) for token in tokens}
        assert verdicts == {"KEY_REVOKED" if out else "verified"}
        return out

    def end(self) -> None:
        self.channel.close()
        self.server.stop()


def test_all_or_nothing_of_a_change_is_left(tmp_path: Path) -> None:
    tokens: dict[str, list[str]] = {}
    acknowledged: set[str] = set()
    for number in range(KILLS):
        life = Life(tmp_path)
        mine = [f"life{number}-{count}" for count in range(PEOPLE)]
        tokens |= {name: life.add(name) for name in mine}
        _kill_amid(life, mine, acknowledged, seed=number)
        life.channel.close()
    life = Life(tmp_path)
    out = {name for name, given in tokens.items() if life.is_out(name, given)}
    assert acknowledged <= out
    assert len(tokens) == KILLS * PEOPLE
    for name in set(tokens) - out:
        life.disable(name)
        assert life.is_out(name, tokens[name])
    life.end()


def _kill_amid(life: Life, names: list[str], acknowledged: set[str], *, seed: int) -> None:
    """Disable all of them at once, and kill the server within the time that this takes."""

    def disable(name: str) -> None:
        with contextlib.suppress(grpc.RpcError):
            life.disable(name)
            acknowledged.add(name)

    threads = [threading.Thread(target=disable, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    time.sleep(random.Random(seed).uniform(0, 0.03 * PEOPLE))
    life.server.kill()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
