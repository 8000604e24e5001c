"""The client of the session service against a real gRPC server: what it sends, and that it takes no doubt for a yes."""

import asyncio
import datetime
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from typing import Any

import grpc
import pytest

from counterseal.v1 import sessions_pb2 as pb
from counterseal_client import (
    AsyncSessions,
    CallerRefused,
    Connection,
    Refused,
    RequestNotAccepted,
    SessionKey,
    SessionPage,
    Sessions,
    SignedIn,
    SignedOut,
    TemporaryCredentials,
    VerifierError,
    VerifierUnavailable,
)
from tests.clients.python.session_stub import (
    NOW,
    PASSWORD,
    SESSION_ID,
    TOKEN,
    SessionStub,
    credentials,
    refresh_token,
    refused,
    running_session_stub,
    session,
    signed_in,
    signed_out,
)

Do = Callable[..., Any]


@pytest.fixture
def stub() -> Iterator[SessionStub]:
    with running_session_stub() as service:
        yield service


def do_synchronously(stub: SessionStub, method: str, *args: Any, **kwargs: Any) -> Any:
    with Sessions(Connection(address=stub.address, timeout=60, bearer_token="the-front")) as sessions:
        return getattr(sessions, method)(*args, **kwargs)


def do_on_a_loop(stub: SessionStub, method: str, *args: Any, **kwargs: Any) -> Any:
    async def run() -> Any:
        async with AsyncSessions(Connection(address=stub.address, timeout=60, bearer_token="the-front")) as sessions:
            return await getattr(sessions, method)(*args, **kwargs)

    return asyncio.run(run())


@pytest.fixture(params=[do_synchronously, do_on_a_loop], ids=["sync", "async"])
def do(request: pytest.FixtureRequest) -> Do:
    chosen: Do = request.param
    return chosen


def at(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, UTC)


def test_a_sign_in(stub: SessionStub, do: Do) -> None:
    found = do(
        stub, "sign_in", "alice", PASSWORD, tenant="t", access_token=True, public_key='{"kty":"EC"}',
        source_address="192.0.2.7", user_agent="Mozilla ä" + "x" * 600,
    )  # fmt: skip
    assert isinstance(found, SignedIn)
    assert (found.session.session_id, found.session.principal, found.session.is_active) == (SESSION_ID, "alice", True)
    assert found.session.idle_expire_time == at(NOW + 3600)
    assert found.access_token is not None
    assert (found.access_token.token, found.access_token.expire_time) == (TOKEN, at(NOW + 900))
    assert found.key is not None
    assert (found.key.algorithm, found.server_time) == ("ecdsa-p256-sha256", at(NOW))
    (request,) = stub.requests("SignIn")
    assert (request.tenant, request.principal, request.password, request.access_token) == ("t", "alice", PASSWORD, True)
    assert (request.public_key.WhichOneof("encoding"), request.client.source_address) == ("jwk", "192.0.2.7")
    assert len(request.client.user_agent.encode()) == 512
    assert stub.metadata[0]["authorization"] == "Bearer the-front"


def test_the_other_calls(stub: SessionStub, do: Do) -> None:
    assert isinstance(do(stub, "exchange", "a.b.c", nonce="n", public_key="-----BEGIN PUBLIC KEY-----"), SignedIn)
    assert isinstance(do(stub, "refresh", refresh_token(), public_key=b"\x04raw"), SignedIn)
    assert do(stub, "sign_out", session_id=SESSION_ID, wait=True) == SignedOut(
        session=do(stub, "sign_out", refresh_token=refresh_token()).session, effective_time=at(NOW + 1)
    )
    assert isinstance(do(stub, "register_key", "{}", access_token=TOKEN), SessionKey)
    found = do(stub, "temporary_credentials", access_token=TOKEN, duration=timedelta(minutes=5))
    assert isinstance(found, TemporaryCredentials)
    assert (found.secret, found.security_token, found.expire_time) == ("the secret of it", "the token of it", at(NOW + 3600))
    page = do(stub, "list_sessions", principal="alice", include_over=True, page_size=7)
    assert isinstance(page, SessionPage)
    assert ([one.session_id for one in page.sessions], page.next_page_token) == ([SESSION_ID], "")
    encodings = [request.public_key.WhichOneof("encoding") for name, request in stub.asked if name in {"Exchange", "Refresh"}]
    assert encodings == ["pem", "raw"]
    first, second = stub.requests("SignOut")
    assert {(one.WhichOneof("session"), one.wait) for one in (first, second)} == {
        ("session_id", True), ("refresh_token", False),
    }  # fmt: skip
    assert stub.requests("IssueTemporaryCredentials")[0].duration.seconds == 300


def test_no_secret_is_shown(stub: SessionStub, do: Do) -> None:
    shown = repr(
        [
            do(stub, "sign_in", "alice", PASSWORD, access_token=True),
            do(stub, "temporary_credentials", access_token=TOKEN),
        ]
    )
    for secret in (TOKEN, refresh_token(fill="n"), "the secret of it", "the token of it", PASSWORD):
        assert secret not in shown


NOBODY = [
    pb.SignInResponse(),
    pb.SignInResponse(signed_in=pb.SignedIn()),
    pb.SignInResponse(signed_in=signed_in(session=None)),
    pb.SignInResponse(signed_in=signed_in(session=session(state=0))),
    pb.SignInResponse(signed_in=signed_in(session=session(state=int(pb.SESSION_STATE_ENDED)))),
    pb.SignInResponse(signed_in=signed_in(session=session(state=99))),
    pb.SignInResponse(signed_in=signed_in(session=pb.Session(session_id=SESSION_ID))),
    pb.SignInResponse(signed_in=signed_in(refresh_token=None)),
    pb.SignInResponse(signed_in=signed_in(server_time=None)),
    pb.SignInResponse(signed_in=signed_in(access_token=pb.AccessToken())),
    pb.SignInResponse(signed_in=signed_in(key=pb.SessionKey(key_id="K"))),
]


@pytest.mark.parametrize("answer", NOBODY, ids=range(len(NOBODY)))
def test_what_is_not_understood_signs_nobody_in(stub: SessionStub, do: Do, answer: pb.SignInResponse) -> None:
    assert isinstance(do(stub, "sign_in", "alice", PASSWORD), SignedIn)
    stub.answers["SignIn"] = answer
    found = do(stub, "sign_in", "alice", PASSWORD)
    assert isinstance(found, Refused)
    assert found.reason == "NOT_UNDERSTOOD"


@pytest.mark.parametrize(
    ("method", "arguments", "rpc", "answer"),
    [
        ("sign_out", {"session_id": SESSION_ID}, "SignOut", pb.SignOutResponse()),
        ("sign_out", {"session_id": SESSION_ID}, "SignOut", pb.SignOutResponse(signed_out=signed_out(state=1))),
        ("sign_out", {"session_id": SESSION_ID}, "SignOut", pb.SignOutResponse(signed_out=signed_out(state=0))),
        ("sign_out", {"session_id": SESSION_ID}, "SignOut", pb.SignOutResponse(signed_out=pb.SignedOut(session=session()))),
        ("register_key", {"public_key": "{}", "session_id": "S"}, "RegisterSessionKey", pb.RegisterSessionKeyResponse()),
        (
            "temporary_credentials", {"session_id": "S"}, "IssueTemporaryCredentials",
            pb.IssueTemporaryCredentialsResponse(),
        ),
        (
            "temporary_credentials", {"session_id": "S"}, "IssueTemporaryCredentials",
            pb.IssueTemporaryCredentialsResponse(credentials=pb.TemporaryCredentials(key_id="K", secret="s")),
        ),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(
    stub: SessionStub, do: Do, method: str, arguments: Any, rpc: str, answer: Any
) -> None:
    stub.answers[rpc] = answer
    assert do(stub, method, **arguments).reason == "NOT_UNDERSTOOD"


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "CREDENTIALS"),
        (2, "THROTTLED"),
        (6, "REUSED"),
        (7, "TOO_MANY_KEYS"),
        (0, "UNKNOWN_REASON_0"),
        (99, "UNKNOWN_REASON_99"),
    ],
)
def test_a_refusal(stub: SessionStub, do: Do, number: int, name: str) -> None:
    message = refused(number)
    message.retry_after.FromSeconds(30)
    stub.answers["SignIn"] = pb.SignInResponse(refused=message)
    found = do(stub, "sign_in", "alice", "wrong")
    assert isinstance(found, Refused)
    assert (found.reason, found.detail, found.retry_after) == (name, "for the log alone", timedelta(seconds=30))


def test_an_outage_is_no_refusal(stub: SessionStub, do: Do) -> None:
    for code, error in (
        (grpc.StatusCode.UNAVAILABLE, VerifierUnavailable),
        (grpc.StatusCode.INTERNAL, VerifierUnavailable),
        (grpc.StatusCode.PERMISSION_DENIED, CallerRefused),
        (grpc.StatusCode.INVALID_ARGUMENT, RequestNotAccepted),
    ):
        stub.answers["SignIn"] = code
        with pytest.raises(error):
            do(stub, "sign_in", "alice", PASSWORD)


def test_a_refresh_is_tried_again_with_the_same_id(stub: SessionStub, do: Do) -> None:
    """With another id the second attempt would be the use of an old token, and end the session."""
    answer = pb.RefreshResponse(signed_in=signed_in())
    stub.answers["Refresh"] = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE, answer, answer]
    assert isinstance(do(stub, "refresh", refresh_token()), SignedIn)
    assert len(stub.requests("Refresh")) == 3
    assert len({request.request_id for request in stub.requests("Refresh")} - {""}) == 1
    do(stub, "refresh", refresh_token(), request_id="mine")
    assert stub.requests("Refresh")[-1].request_id == "mine"


def test_one_name_for_a_session(stub: SessionStub, do: Do) -> None:
    for arguments in ({}, {"access_token": TOKEN, "session_id": SESSION_ID}):
        for method, more in (("sign_out", ()), ("register_key", ("{}",)), ("temporary_credentials", ())):
            with pytest.raises(RequestNotAccepted):
                do(stub, method, *more, **arguments)
    assert not stub.asked


def test_what_fits_into_no_message_is_not_sent_and_not_shown(stub: SessionStub, do: Do) -> None:
    with pytest.raises(RequestNotAccepted) as caught:
        do(stub, "sign_in", "alice", "secret \ud800")
    assert "secret" not in str(caught.value)
    with pytest.raises(RequestNotAccepted):
        do(stub, "temporary_credentials", session_id=SESSION_ID, duration="an hour")
    assert not stub.asked


def test_a_page_with_a_session_without_id_is_an_error(stub: SessionStub, do: Do) -> None:
    stub.answers["ListSessions"] = pb.ListSessionsResponse(sessions=[pb.Session()])
    with pytest.raises(VerifierError):
        do(stub, "list_sessions")


def test_a_time_that_is_none_is_an_error(stub: SessionStub, do: Do) -> None:
    broken = credentials()
    broken.expire_time.seconds = 2**60
    stub.answers["IssueTemporaryCredentials"] = pb.IssueTemporaryCredentialsResponse(credentials=broken)
    with pytest.raises(VerifierError):
        do(stub, "temporary_credentials", access_token=TOKEN)
