"""`counterseal sessions` against a real server."""

import re
from collections.abc import Iterator

import pytest

from counterseal.v1 import sessions_pb2 as pb
from tests.server.calls import Client, bearer
from tests.server.cli.inside import Inside
from tests.server.cli.shell import Cli
from tests.server.sessions.people import with_token
from tests.support.process import RunningServer
from tests.support.sign_in import PASSWORD, Front, add_front, open_front


@pytest.fixture
def inside(cli: Cli) -> Inside:
    return Inside(cli)


@pytest.fixture(scope="module")
def front_token(server: RunningServer) -> str:
    return add_front(server)


@pytest.fixture(scope="module")
def front(server: RunningServer, front_token: str) -> Iterator[Front]:
    with open_front(server, front_token) as opened:
        yield opened


def add(inside: Inside, name: str) -> str:
    result = inside("principals", "add", name, "--password-stdin", stdin=PASSWORD.encode())
    assert result.code == 0, result.err
    return name


def ids(inside: Inside, *options: str) -> set[str]:
    shown = inside("sessions", "list", "--json", *options)
    assert shown.code == 0, shown.err
    return {session["session_id"] for session in shown.json()["sessions"]}


def verdict(server: RunningServer, token: str) -> str:
    with server.channel() as channel:
        return Client(channel).verify(with_token(token), bearer(server.admin_token))


def test_who_is_signed_in(inside: Inside, front: Front) -> None:
    names = [add(inside, name) for name in ("lea", "lou")]
    lea, lou = (front.sign_in(name).session.session_id for name in names)
    assert ids(inside) >= {lea, lou}
    assert ids(inside, "--principal", "lea") == {lea}
    assert ids(inside, "--principal", "lea", "--tenant", "default") == {lea}
    assert ids(inside, "--tenant", "elsewhere") == set()
    front.sign_out(lea)
    assert ids(inside, "--principal", "lea") == set()
    assert ids(inside, "--principal", "lea", "--all") == {lea}
    table = inside("sessions", "list", "--all", "--principal", "lea").out
    assert re.search(rf"(?m)^{lea} +default +lea +ended .* signed out$", table)
    nothing = inside("sessions", "list", "--principal", "lea")
    assert (nothing.code, nothing.out) == (0, "")
    assert "--all" in nothing.err


def test_json_has_the_names_of_the_contract(inside: Inside, server: RunningServer, front: Front) -> None:
    name = add(inside, "jay")
    request = pb.SignInRequest(
        principal=name,
        password=PASSWORD,
        client=pb.ClientDetails(source_address="192.0.2.7", user_agent="a browser\x1b[31m"),
    )
    signed_in = front.stub.SignIn(request, metadata=front.metadata, timeout=60).signed_in
    (shown,) = inside("sessions", "list", "--principal", name, "--json").json()["sessions"]
    fields = {one.name for one in pb.Session.DESCRIPTOR.fields}
    assert set(shown) == fields
    assert (shown["state"], shown["method"], shown["end_time"], shown["end_reason"]) == ("active", "password", None, "")
    assert shown["client"]["source_address"] == "192.0.2.7"
    assert shown["session_id"] == signed_in.session.session_id
    text = inside("sessions", "list", "--principal", name)
    assert "192.0.2.7" in text.out
    assert "\x1b" not in text.out
    for output in (text.out, text.err, server.log()):
        assert signed_in.refresh_token not in output


def test_an_administrator_ends_a_session(inside: Inside, server: RunningServer, front: Front) -> None:
    name = add(inside, "eve")
    ended, other = front.sign_in(name), front.sign_in(name)
    assert verdict(server, ended.access_token.token) == "verified"
    session_id = ended.session.session_id
    done = inside("sessions", "end", session_id, "--json", "--wait")
    assert done.code == 0, done.err
    answer = done.json()
    assert (answer["session"]["session_id"], answer["session"]["state"]) == (session_id, "ended")
    assert answer["effective_time"] > answer["session"]["end_time"]
    assert verdict(server, ended.access_token.token) == "KEY_REVOKED"
    assert verdict(server, other.access_token.token) == "verified"
    assert ids(inside, "--principal", name) == {other.session.session_id}
    again = inside("sessions", "end", session_id)
    assert again.code == 0, again.err
    assert "no replica verifies any key of it" in again.out
    assert answer["session"]["end_reason"] in again.out


def test_what_is_refused(inside: Inside, front_token: str, server: RunningServer) -> None:
    absent = inside("sessions", "end", "A" * 24)
    assert absent.code == 3
    assert "sessions list --all" in absent.err
    assert inside("sessions", "end").code == 2
    assert inside("sessions", "end", "").code in {2, 3}
    token = inside("callers", "create", "gate", "--role", "gateway", "--json").json()["bearer_token"]
    assert inside("sessions", "list", env={"COUNTERSEAL_TOKEN": token}).code == 4
    assert inside("sessions", "end", "A" * 24, env={"COUNTERSEAL_TOKEN": token}).code == 4
    assert inside("sessions", "list", env={"COUNTERSEAL_TOKEN": front_token}).code == 0
    assert inside("sessions", "list", "--server", "127.0.0.1:1").code == 5
