"""A database that is away: nobody is signed in, out or refused, and what people hold is good again afterwards."""

import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.v1 import sessions_pb2 as pb
from tests.server.calls import read_failure
from tests.server.sessions.people import PASSWORD, People, public, serving_people
from tests.support.mariadb import MariaDB, shared_mariadb
from tests.support.postgres import Postgres, shared_postgres
from tests.support.tcp_proxy import tcp_proxy

SERVERS: dict[str, Callable[[], Postgres | MariaDB]] = {"postgres": shared_postgres, "mariadb": shared_mariadb}
PATIENCE = 60
AWAY = ("UNAVAILABLE", "STORE_UNAVAILABLE")


def asked(call: Callable[[], object]) -> tuple[str, str]:
    """Return how a call fails; empty when it is answered."""
    try:
        call()
    except grpc.RpcError as error:
        failure = read_failure(error)
        return failure.code, failure.reason
    return "", ""


def until_back(call: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while asked(call) != ("", ""):
        assert time.monotonic() < end
        time.sleep(0.05)


def calls(people: People, given: pb.SignedIn) -> dict[str, Callable[[], object]]:
    session = given.session.session_id
    key = public(ec.generate_private_key(ec.SECP256R1()))
    return {
        "SignIn": people.try_sign_in,
        "SignIn of a name that nobody has": lambda: people.try_sign_in("nobody"),
        "SignIn with another password": lambda: people.try_sign_in(password="wrong"),
        "Refresh": lambda: people.try_refresh(given.refresh_token),
        "SignOut": lambda: people.sign_out(session_id=session),
        "SignOut by a refresh token": lambda: people.sign_out(refresh_token=given.refresh_token),
        "ListSessions": people.listed,
        "RegisterSessionKey": lambda: people.register(key, session_id=session),
        "IssueTemporaryCredentials": lambda: people.credentials(session_id=session),
    }


@pytest.mark.parametrize("engine", sorted(SERVERS))
def test_an_outage_is_no_refusal(engine: str, tmp_path: Path, cheap: None) -> None:
    server = SERVERS[engine]()
    with tcp_proxy("127.0.0.1", server.port) as proxy:
        url = proxy.through(server.new_database())
        with serving_people(tmp_path / "data", DATABASE_URL=url, STORE_TIMEOUT="10", SIGN_IN_FAILURES="1") as people:
            people.add()
            given = people.sign_in()
            proxy.refuse()
            for _ in range(2):
                assert {name: asked(call) for name, call in calls(people, given).items()} == dict.fromkeys(
                    calls(people, given), AWAY
                )
            proxy.let_pass()
            until_back(people.listed)
            # The session is as it was: nobody was signed out, and the refresh token was not used up.
            assert people.verify_token(given.access_token.token) == "verified"
            again = people.refresh(given.refresh_token)
            # No attempt was held against anybody: one failure would be too many here.
            people.sign_in("alice", PASSWORD)
            assert people.sign_out(refresh_token=again.refresh_token).WhichOneof("outcome") == "signed_out"
            assert people.verify_token(again.access_token.token) == "KEY_REVOKED"
