"""SignOut: every token and key of the session is refused at once here, and everywhere from the effective time on."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.v1 import keys_pb2
from counterseal.v1 import sessions_pb2 as pb
from counterseal.v1.sessions_pb2_grpc import SessionServiceStub
from tests.server.calls import Client, Issued, bearer, failing, outcome, signed
from tests.server.sessions.people import People, public, reason, with_token
from tests.server.sessions.people import signed as signed_by_browser
from tests.support.process import RunningServer, running_server
from tests.support.sign_in import add_principal


def everything(people: People) -> tuple[pb.SignedIn, ec.EllipticCurvePrivateKey, pb.TemporaryCredentials]:
    key = ec.generate_private_key(ec.SECP256R1())
    given = people.sign_in(public_key=public(key))
    credentials = people.credentials(access_token=given.access_token.token).credentials
    return given, key, credentials


def verdicts(
    client: Client, given: pb.SignedIn, key: ec.EllipticCurvePrivateKey, credentials: pb.TemporaryCredentials, now: float
) -> set[str]:
    issued = Issued(credentials.key_id, credentials.secret.encode(), credentials.security_token)
    return {
        client.verify(with_token(given.access_token.token)),
        client.verify(signed_by_browser(key, given.key.key_id, int(now))),
        client.verify(signed(issued, at=now)),
    }


@pytest.mark.parametrize("by", ["access_token", "refresh_token", "session_id"])
def test_all_of_it_ends_at_once(people: People, by: str) -> None:
    given, key, credentials = everything(people)
    other = people.sign_in()
    assert verdicts(people.client, given, key, credentials, people.clock()) == {"verified"}
    which = {
        "access_token": given.access_token.token,
        "refresh_token": given.refresh_token,
        "session_id": given.session.session_id,
    }
    before = people.clock()
    done = people.sign_out(**{by: which[by]}).signed_out
    after = people.clock()
    assert (done.session.state, done.session.end_reason) == (pb.SESSION_STATE_ENDED, "signed out")
    assert before + 0.999 < done.effective_time.ToNanoseconds() / 1e9 < after + 1.001
    assert verdicts(people.client, given, key, credentials, people.clock()) == {"KEY_REVOKED"}
    assert reason(people.try_refresh(given.refresh_token).refused) == "OVER"
    assert people.verify_token(other.access_token.token) == "verified"
    actions = [entry.action for entry in people.audit()]
    assert actions[-4:].count("revoke") == 3
    assert "session_end" in actions[-4:]


def test_it_is_idempotent_and_the_first_reason_is_kept(people: People) -> None:
    given = people.sign_in()
    first = people.sign_out(access_token=given.access_token.token).signed_out
    for which in ({"access_token": given.access_token.token}, {"session_id": given.session.session_id}):
        again = people.sign_out(**which).signed_out
        assert again.session == first.session
        assert again.effective_time.ToNanoseconds() > first.effective_time.ToNanoseconds()
    assert len([entry for entry in people.audit() if entry.action == "session_end"]) == 1


def test_an_expired_bearer_token_signs_out_and_one_that_was_replaced_does_not(people: People) -> None:
    given = people.sign_in()
    people.clock.ahead += 1000
    assert people.verify_token(given.access_token.token) == "KEY_EXPIRED"
    newer = people.refresh(given.refresh_token)
    assert reason(people.sign_out(access_token=given.access_token.token).refused) == "UNKNOWN"
    people.clock.ahead += 1000
    assert people.sign_out(access_token=newer.access_token.token).signed_out.session.end_reason == "signed out"


def test_a_refresh_token_that_was_used_ends_the_session_and_says_so(people: People) -> None:
    given = people.sign_in()
    people.refresh(given.refresh_token)
    assert people.sign_out(refresh_token=given.refresh_token).signed_out.session.end_reason == "refresh token reused"


@pytest.mark.parametrize(
    "which",
    [
        {"session_id": "A" * 24},
        {"session_id": "short"},
        {"session_id": "'; --"},
        {"access_token": "cstk_"},
        {"access_token": "x"},
    ],
)
def test_what_is_of_no_session_is_unknown(people: People, which: dict[str, str]) -> None:
    assert reason(people.sign_out(**which).refused) == "UNKNOWN"


def test_a_bearer_token_of_no_session_signs_nobody_out(people: People) -> None:

    request = keys_pb2.IssueKeyRequest(principal="a program")
    request.bearer_token.SetInParent()
    issued = people.client.keys.IssueKey(request, metadata=people.admin)
    assert reason(people.sign_out(access_token=issued.secret).refused) == "UNKNOWN"
    assert people.verify_token(issued.secret) == "verified"


def test_which_session_has_to_be_said(people: People) -> None:
    for request in (pb.SignOutRequest(), pb.SignOutRequest(session_id=""), pb.SignOutRequest(access_token="")):
        with failing() as failures:
            people.sessions.SignOut(request, metadata=people.metadata)
        assert failures[0].field == "session"


def test_waiting_until_it_is_in_force(people: People) -> None:
    given = people.sign_in()
    done = people.sign_out(session_id=given.session.session_id, wait=True).signed_out
    assert people.clock() >= done.effective_time.ToNanoseconds() / 1e9
    second = pb.SignOutRequest(session_id=people.sign_in().session.session_id, wait=True)

    def is_over() -> bool:
        with pytest.raises(grpc.RpcError) as failure:  # perhaps from the client's own clock: then without an ErrorInfo
            people.sessions.SignOut(second, metadata=people.metadata, timeout=0.9)
        assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        return people.listed() == []

    end = time.monotonic() + 60
    while not is_over():  # it is all the same, unless a stalled machine did not even take the call up
        assert time.monotonic() < end


def test_nothing_is_added_to_a_session_that_ends_meanwhile(people: People) -> None:
    """Whatever was answered before, after or during: once the session is over, no key of it verifies."""
    for _ in range(5):
        given = people.sign_in()
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]

        def register(key: ec.EllipticCurvePrivateKey, given: pb.SignedIn = given) -> pb.RegisterSessionKeyResponse:
            return people.register(public(key), session_id=given.session.session_id)

        with ThreadPoolExecutor(6) as pool:
            registered = [pool.submit(register, key) for key in keys[:2]]
            refreshed = pool.submit(people.try_refresh, given.refresh_token)
            people.sign_out(session_id=given.session.session_id)
            registered += [pool.submit(register, key) for key in keys[2:]]
        for key, future in zip(keys, registered, strict=True):
            answer = future.result()
            if answer.WhichOneof("outcome") == "key":
                assert outcome(people.verify_signed(key, answer.key.key_id)) == "KEY_REVOKED"
            else:
                assert reason(answer.refused) == "OVER"
        if refreshed.result().WhichOneof("outcome") == "signed_in":
            assert people.verify_token(refreshed.result().signed_in.access_token.token) == "KEY_REVOKED"


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, RunningServer]]:
    """Two processes with one data folder: one database, one set of master keys."""
    data = tmp_path_factory.mktemp("replicas") / "data"
    with running_server(data) as first, running_server(data) as second:
        yield first, second


def test_on_every_replica_from_the_effective_time_on(replicas: tuple[RunningServer, RunningServer]) -> None:
    first, second = replicas
    add_principal(first)
    metadata = bearer(first.admin_token)
    key = ec.generate_private_key(ec.SECP256R1())
    with first.channel() as here, second.channel() as there:
        sessions, clients = SessionServiceStub(here), (Client(here), Client(there))
        request = pb.SignInRequest(
            principal="alice", password="correct horse battery", access_token=True, public_key=public(key)
        )
        given = sessions.SignIn(request, metadata=metadata).signed_in
        asked = pb.IssueTemporaryCredentialsRequest(session_id=given.session.session_id)
        credentials = SessionServiceStub(there).IssueTemporaryCredentials(asked, metadata=metadata).credentials
        for client in clients:
            assert verdicts(client, given, key, credentials, time.time()) == {"verified"}
        over = pb.SignOutRequest(access_token=given.access_token.token)
        done = sessions.SignOut(over, metadata=metadata).signed_out
        assert verdicts(clients[0], given, key, credentials, time.time()) == {"KEY_REVOKED"}
        time.sleep(max(0.0, done.effective_time.ToNanoseconds() / 1e9 - time.time()))
        assert verdicts(clients[1], given, key, credentials, time.time()) == {"KEY_REVOKED"}
        # A refresh on one replica ends the bearer token on the other within the bound as well.
        given = sessions.SignIn(request, metadata=metadata).signed_in
        assert outcome(clients[1].verification.Verify(with_token(given.access_token.token))) == "verified"
        SessionServiceStub(there).Refresh(pb.RefreshRequest(refresh_token=given.refresh_token), metadata=metadata)
        time.sleep(1.0)
        for client in clients:
            assert client.verify(with_token(given.access_token.token)) == "MISMATCH"
