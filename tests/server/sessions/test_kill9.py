"""`kill -9` amid sign-ins, refreshes and sign-outs: a session and its keys change together, and what was answered holds.

COUNTERSEAL_TEST_SESSION_KILLS says how many lives the folder has; each is ended at a random moment.
"""

import os
import random
import threading
import time
from pathlib import Path

import grpc

from counterseal.v1 import keys_pb2
from counterseal.v1 import principals_pb2 as ppb
from counterseal.v1 import sessions_pb2 as pb
from counterseal.v1.principals_pb2_grpc import PrincipalServiceStub
from counterseal.v1.sessions_pb2_grpc import SessionServiceStub
from tests.server.calls import Client, bearer
from tests.server.sessions.people import with_token
from tests.support.process import RunningServer, start_server

KILLS = int(os.environ.get("COUNTERSEAL_TEST_SESSION_KILLS", "2"))
PASSWORD = "correct horse battery"


def live(server: RunningServer, over: list[str], number: int) -> None:
    """Sign in, refresh and sign out until the server is gone; `over` are bearer tokens whose end was answered."""
    with server.channel() as channel:
        sessions, metadata = SessionServiceStub(channel), bearer(server.admin_token)
        request = pb.SignInRequest(principal=f"user-{number}", password=PASSWORD, access_token=True)
        try:
            while True:
                given = sessions.SignIn(request, metadata=metadata).signed_in
                for _ in range(2):
                    before = given.access_token.token
                    again = pb.RefreshRequest(refresh_token=given.refresh_token, access_token=True, request_id="again")
                    given = sessions.Refresh(again, metadata=metadata).signed_in
                    over.append(before)
                token = given.access_token.token
                sessions.SignOut(pb.SignOutRequest(access_token=token), metadata=metadata)
                over.append(token)
        except grpc.RpcError:
            return


def check(server: RunningServer, over: list[str]) -> None:
    with server.channel() as channel:
        client, metadata = Client(channel, bearer(server.admin_token)), bearer(server.admin_token)
        for token in over:
            assert client.verify(with_token(token)) in {"MISMATCH", "KEY_REVOKED"}
        listed = SessionServiceStub(channel).ListSessions(
            pb.ListSessionsRequest(page_size=1000, include_over=True), metadata=metadata
        )
        states = {session.session_id: session.state for session in listed.sessions}
        keys = client.keys.ListKeys(keys_pb2.ListKeysRequest(page_size=1000), metadata=metadata).keys
        assert {key.session_id for key in keys} == set(states), "a key without its session, or the other way round"
        for key in keys:
            ended = states[key.session_id] == pb.SESSION_STATE_ENDED
            assert (key.state == keys_pb2.KEY_STATE_REVOKED) is ended, "a session that is over has a key that is not"


def test_nothing_is_half_done(tmp_path: Path) -> None:
    over: list[str] = []
    for life in range(KILLS + 1):
        server = start_server(tmp_path / "data")
        try:
            if life == 0:
                with server.channel() as channel:
                    for number in range(2):
                        request = ppb.CreatePrincipalRequest(principal=ppb.Principal(name=f"user-{number}"), password=PASSWORD)
                        PrincipalServiceStub(channel).CreatePrincipal(request, metadata=bearer(server.admin_token))
            check(server, over)
            if life == KILLS:
                return
            known = len(over)
            threads = [threading.Thread(target=live, args=(server, over, number)) for number in range(2)]
            for thread in threads:
                thread.start()
            threading.Event().wait(1.0 + random.random())
            _wait_for_more(over, known)
        finally:
            server.kill()
        for thread in threads:
            thread.join()
    assert over


def _wait_for_more(over: list[str], known: int) -> None:
    """Let a machine that is slow come as far as an answer: a life without any shows nothing."""
    end = time.monotonic() + 60
    while len(over) == known:
        assert time.monotonic() < end, "no refresh was answered"
        time.sleep(random.uniform(0.001, 0.1))
